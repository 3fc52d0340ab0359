"""Recipes: one YAML file a task, checked against schemas made from the components themselves."""
