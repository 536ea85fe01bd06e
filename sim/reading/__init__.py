"""What is in a file, however it is packed: one reader for scenarios, populations, studies and imports.

1. `unpacked.py` tells how a file is packed and gives its content in pieces; `lines.py` splits that into lines. Both
   hold one piece and one line of a file in memory, and a decoder with its window, whatever is in it.
2. `rows.py` makes fields of the lines of a CSV file, `json_lines.py` values of those of JSON Lines.
3. `order.py` leaves out as few rows as possible where times contradict each other; `tally.py` counts what became of
   each row.
4. `files.py` finds a file by the name that somebody gave it, and hashes it.
"""
