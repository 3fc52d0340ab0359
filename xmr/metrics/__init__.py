"""Metrics and intervals from scikit-learn and SciPy, by task."""
