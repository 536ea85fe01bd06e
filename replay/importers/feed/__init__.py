"""Public market data, whoever publishes it: prices, marks, depth and anonymous forced orders from CSV files.

`items.py` is what a file can tell, `table.py` and `stream.py` read files into it, `scales.py` finds ticks, lots and
atoms, `writing.py` and `forced.py` write it down, `importer.py` puts them together. A publisher adds the layouts.
"""
