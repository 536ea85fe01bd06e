"""An imported incident as a scenario: the accounts as reconstructed, the recorded prices, the venue's rulebook."""
