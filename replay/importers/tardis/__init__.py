"""Tardis' CSV datasets: `deleverage import tardis`.

`layouts.py` tells a file's kind and reads its rows.
"""
