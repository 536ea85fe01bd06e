"""What happened: the vocabulary, the envelope, the ledger that is the fold of them, and the record on disk.

Imports nothing of the other rooms.
"""
