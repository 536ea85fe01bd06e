"""The mathematics of European options in whole numbers: no ledger, no event, nothing that decides yet.

`series.py` computes to any number of binary places, `fixed_point.py` rounds that correctly, `tables.py` does the same
quickly to 80 places; `black76.py` prices on both, `greeks.py` and `implied.py` say what a price rests on,
`price_grid.py` prices many options over many scenarios at once, `smiles.py`, `surface.py` and `arbitrage.py` hold
implied volatilities.
"""
