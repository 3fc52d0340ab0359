"""Input transformations: the small trainable part in front of the frozen source. One file per family of cells."""
