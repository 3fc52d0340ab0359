"""Baselines on the same split as the program, in the same run: `registry.py` lists them."""
