"""The lab: many runs of the same scenarios under other rules, measured and held against each other."""
