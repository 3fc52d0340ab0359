"""Training a program: batches, optimiser, choice on validation, checkpoints."""
