"""Hyperliquid's node files: fills and trades with both sides, miscellaneous events, clearinghouse states.

`layouts.py` and `node_trades.py` read lines into `fills.py`, `admission.py` lets in whole trades in order, `survey.py`
finds out what is to be declared, `taking.py`, `forced.py` and `liquidations.py` write trades down, `misc.py` what
`deltas.py` makes of misc events, `snapshot.py` states; `importer.py` puts them together.
"""
