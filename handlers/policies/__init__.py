"""Rules that can be swapped within a handler: one class a file, its formula and source in the docstring."""
