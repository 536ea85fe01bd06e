"""Why an event is in the record of an import: what the venue states, and what follows from it."""
