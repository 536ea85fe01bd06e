"""Choosing events and showing them: `deleverage log`."""
