"""Output transformations: label mappings, counted or learned, and linear heads behind the frozen source."""
