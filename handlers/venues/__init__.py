"""Rulebooks: a TOML file a venue, naming its policies and figures."""
