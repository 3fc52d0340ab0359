"""What is predicted for each record: one file per task, with its labels, loss, metrics and tables."""
