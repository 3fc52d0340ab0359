"""Frozen source models. Each knows its space and freezes itself."""
