"""Rules of the insurance fund beside the plain floor: one class a file, its formula and source in the docstring."""
