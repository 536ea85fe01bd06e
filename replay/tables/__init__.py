"""A record as tables: one for each type of event, and its states, as Arrow record batches.

1. A table of events has the columns of the envelope (`seq`, `time`, `origin`, `cause`, `producer`, `links`), then the
   fields of its type: numbers that stand for something by its name, quantities as exact decimals in units.
2. All of it follows from the kinds of the fields (`events/kinds.py`): a new type of event needs nothing here.
3. Rows come in the order of `seq` and in batches; what is in memory is one batch of events, however long the record.

`tables.py` is the way in. pyarrow is imported when it is asked for, and only here and by who writes its files.
"""
