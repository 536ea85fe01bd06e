"""Hyperliquid's node files: fills and trades with both sides, miscellaneous events, clearinghouse states.

`layouts.py` reads lines into what `fills.py` has, `admission.py` lets in whole trades in order, `survey.py` finds out
what is to be declared, `taking.py` and `forced.py` write trades down, `misc.py` what `deltas.py` makes of misc events,
`snapshot.py` states; `importer.py` puts them together.
"""
