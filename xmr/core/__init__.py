"""What everything else stands on: specs and batches, the registry, files, random numbers. Imports nothing above."""
