"""`xmr scan`: rank sources without training."""
