"""Models of the maintenance margin: what rate each would ask, from what the venue measures."""
