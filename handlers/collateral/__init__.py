"""Collateral in other assets: at which price it is converted, how much of it counts, when it is sold and how."""
