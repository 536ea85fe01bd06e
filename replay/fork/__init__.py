"""What would have happened otherwise: the same past, something changed, the remaining inputs. `deleverage fork`.

`fork.py` is the way in; `changes.py` says what can be changed.
"""
