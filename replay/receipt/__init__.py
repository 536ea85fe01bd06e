"""Receipts: an event of a record proved to someone who does not have the record, and the checking of such a proof."""
