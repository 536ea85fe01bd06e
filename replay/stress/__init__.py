"""The smallest shock found that breaks a venue, who breaks it, and what past crashes would do. `deleverage stress`.

`stress.py` is the way in; `directions.py` says what a shock is, `covariance.py` how large it is, `search.py` how the
smallest is looked for, `defaults.py` what the largest accounts would cost.
"""
