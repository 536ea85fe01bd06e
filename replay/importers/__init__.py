"""Taking in what a venue recorded itself: `deleverage import FORMAT FILES... -o RUN`.

An import is a record like any other. `importing.py` is the way in, `session.py` what a format's importer writes to.
"""
