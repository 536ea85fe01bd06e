"""Reconstructed tables of auto-deleveraging, a row a fill: `deleverage import adl-table`."""
