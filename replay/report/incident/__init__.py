"""The report of an incident as one file for a browser: pictures, tables, each figure with its event and its grounds."""
