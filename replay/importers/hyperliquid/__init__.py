"""Hyperliquid's node files: fills with both sides, miscellaneous events, clearinghouse states.

`layouts.py` reads lines, `admission.py` lets in whole trades in order, `survey.py` finds out what is to be declared,
`taking.py` and `forced.py` write trades down, `misc.py` and `snapshot.py` the rest; `importer.py` puts them together.
"""
