"""Where the market's inputs come from: generated, or read from files as venues and archives publish them.

`base.py` says what a source is, `registry.py` which ones there are; each other file is one source or one part of
reading.
"""
