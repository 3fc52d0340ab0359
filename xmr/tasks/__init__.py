"""What is asked of each record: one file per task, which answers for its labels, loss, metrics and tables."""
