"""Why it happened: a record opened again, its state at any instant, its events, and whether it is sound.

`run.py` is the way in: `open_run(path)` gives a `Run`.
"""
