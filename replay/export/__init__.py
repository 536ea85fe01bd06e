"""A record as files for other programs: `deleverage export`.

`export.py` is the way in. `files.py` writes tables in folders (Parquet, Arrow, CSV), `database.py` all of them as one
DuckDB file; `ocel.py`, `perfetto.py` and `otlp.py` write one file each, of what such programs look at.
"""
