"""The bodies of events, one file a group, as `vocabulary.py` collects them."""
