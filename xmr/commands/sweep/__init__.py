"""`xmr sweep`: try combinations of recipe fields."""
