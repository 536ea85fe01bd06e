"""Bundled scenarios: TOML files, runnable by name."""
