"""What befell one account, event by event: `deleverage history`."""
