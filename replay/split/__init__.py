"""What a fall is put down to, part by part, by forks with some of the actors switched off. `deleverage split`.

`split.py` is the way in; `switches.py` says what can be switched off, `shapley.py` how the parts follow.
"""
