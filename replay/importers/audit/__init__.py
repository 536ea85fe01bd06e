"""Whether what a venue says about its fills hangs together: `deleverage audit`."""
