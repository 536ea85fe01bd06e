"""Published figures of a real incident, held against the files they were computed from."""
