"""Who carries what neither the market, the fund nor auto-deleveraging could: one class a file."""
