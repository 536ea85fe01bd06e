"""The lending protocols: what each offers to keepers, and what follows when one of them acts."""
