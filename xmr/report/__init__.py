"""One offline report.html a run, and the pictures in it."""
