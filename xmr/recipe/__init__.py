"""Recipes: one YAML file per task, checked against schemas generated from the components."""
