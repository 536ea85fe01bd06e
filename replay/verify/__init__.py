"""Whether a record is sound, and does reproduce: `deleverage verify`."""
