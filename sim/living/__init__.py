"""What a market that makes its own price came to: how far it fell and why so far, who forced whom, who was there.

`market.py` is the way in: a tap on a run's bus, or over the events of a record.
"""
