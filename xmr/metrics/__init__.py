"""Metrics and intervals: scikit-learn's and SciPy's, put together by task."""
