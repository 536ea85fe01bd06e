"""When it happens: clock and bus on SimPy, the market's inputs, scenarios, the runner.

`runner.py` is the way in: it takes a `Scenario` and writes a record.
"""
