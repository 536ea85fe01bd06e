"""Early warning: what a ledger says of a cascade before it comes, and the record followed as it grows."""
