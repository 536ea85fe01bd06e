"""What is decided: one component a file, each a pure function of an event and the ledger.

`protocol.py` says what a handler is, `registry.py` which ones there are. `policies/` holds the rules that can be
swapped within a handler, `venues/` the rulebooks, `options/` the mathematics of options. Imports only `events`.
"""
