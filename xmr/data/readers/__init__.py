"""Files to records: one module per format, then one per kind of record."""
