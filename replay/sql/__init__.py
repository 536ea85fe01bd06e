"""A record asked in SQL: `deleverage sql`.

`database.py` makes the views, once a record; `ask.py` asks and `text.py` shows.
"""
