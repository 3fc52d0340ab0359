"""One offline report.html per run, with its figures."""
