"""Options of a scenario: chains and surfaces in whole numbers, and the books that the population writes in them."""
