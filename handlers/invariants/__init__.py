"""What a rulebook says always holds: one small class each, and the handler that holds those that are declared."""
