"""Frozen models that others published: where from, under which licence, and how their files become xmr's."""
