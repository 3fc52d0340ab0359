"""Training a program: batches, optimizer, selection on validation data, checkpoints."""
