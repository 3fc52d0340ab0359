"""`xmr study`: a table of results from one YAML file."""
