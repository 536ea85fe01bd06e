"""Why an event is in the record: `deleverage why`."""
