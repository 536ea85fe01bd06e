"""Binance's public data files: `deleverage import binance`.

`names.py` tells a file's symbol, market and kind, `layouts.py` reads its rows, `opening.py` opens it.
"""
