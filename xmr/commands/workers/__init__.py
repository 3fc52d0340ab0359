"""Where runs and parts of predictions are computed: this process, local processes, or the nodes of a Ray cluster."""
