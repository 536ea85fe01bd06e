"""Whether a venue followed a published rule: each deleveraging that an import reports, held against it."""
