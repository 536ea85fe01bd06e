"""Engines of auto-deleveraging that do more than rank: batches, delays, insurance, learning; one file each."""
