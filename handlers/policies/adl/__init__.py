"""Auto-deleveraging policies: those of the venues and those from research, one class a file."""
