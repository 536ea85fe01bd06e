"""Which settings of a venue's rules serve an aim best, sought by an optimiser. `deleverage calibrate`.

`target.py` says what can be asked, `search.py` how trials are made and compared, `calibrate.py` is the way in.
"""
