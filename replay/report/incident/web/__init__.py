"""The style and the script of the report, which every report carries in itself."""
