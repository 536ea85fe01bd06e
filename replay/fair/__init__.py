"""What of an instant hangs on the order in which it was worked off. `deleverage fair`.

`fair.py` is the way in; `outcomes.py` executes an instant in one order, `reckoning.py` says what all of them come to.
"""
