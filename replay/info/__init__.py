"""`deleverage info`: what a record is, before anything is asked of it."""
