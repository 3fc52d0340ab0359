"""From files to records: readers, cleaning, splits, public data sets. Knows nothing of models."""
