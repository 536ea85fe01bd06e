"""What is in a file, however it is packed: one reader for scenarios, studies and imports.

Its door is `lines.py`, which gives the lines of a file; `unpacked.py` tells how a file is packed and gives its content
in pieces. Whatever is in a file, both hold one piece and one line of it in memory, and a decoder with its window.
"""
