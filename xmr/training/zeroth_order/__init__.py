"""Searching a transform without gradients: from the losses of programs near the present one, whatever the source."""
