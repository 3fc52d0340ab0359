"""Public data sets: their list, download, checksums and conversion."""
