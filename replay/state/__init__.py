"""The state at an instant, as plain data and for a person: `deleverage state`."""
