"""The living market: a price that trades make, makers who quote and leave, traders who act unasked."""
