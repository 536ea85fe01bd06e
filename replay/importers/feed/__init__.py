"""Public market data, whoever publishes it: prices, marks, depth and anonymous forced orders from CSV files.

`items.py` is what a file can tell, `files.py` what a publisher says of its files. `table.py`, `placing.py` and
`stream.py` read them, `contracts.py` says what a size counts, `scales.py` finds ticks, lots and atoms, `writing.py` and
`forced.py` write it down, `importer.py` puts them together, `options.py` are the options. A publisher adds the layouts.
"""
