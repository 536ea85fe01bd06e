"""What the tests share: a small venue, slow oracles, and a replayer that knows the order of the record."""
