"""Files of trades that venues publish themselves: `deleverage import bybit`, `okx`, `bitmex`, `deribit`, `gate`.

`layouts.py` has the layouts of each, `opening.py` tells which one a file is and reads what is no CSV.
"""
