"""Which policies there are, and how a new one is begun: `deleverage policies`, `deleverage new-policy`."""
