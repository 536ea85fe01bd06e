"""What a run would have done otherwise: it is executed again with one thing changed."""
