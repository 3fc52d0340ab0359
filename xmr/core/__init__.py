"""The base layer: specs and batches, the registry, files, random numbers. It imports only `xmr.errors`."""
