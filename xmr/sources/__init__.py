"""Frozen source models. Each states its space and freezes itself."""
