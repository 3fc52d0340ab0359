"""`xmr compare`: a recipe, its controls and its baselines at several training-set sizes."""
