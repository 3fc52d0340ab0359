"""What one would do otherwise: baselines on the same split, beside every result."""
