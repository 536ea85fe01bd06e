"""A venue's public streams as a record: `deleverage tap hyperliquid|binance --url URL -o RUN`.

`binance.py` and `hyperliquid.py` read the documented messages (`heard.py` is what they make of them), `line.py` is the
connection, `backlog.py` puts in order what it brings, `recording.py` writes it down, `tapping.py` puts them together.
"""
