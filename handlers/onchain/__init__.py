"""Venues on chain: blocks, oracles that lag, what lending protocols do with an unsafe account, keepers."""
