"""A report of a record for whoever supervises a venue: who, when, how much, by which rules; signed, if asked."""
