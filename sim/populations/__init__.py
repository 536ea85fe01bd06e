"""Who trades: the accounts that are open when a run begins, drawn from a seed or read from a file.

`base.py` says what a population is, `registry.py` which ones there are.
"""
