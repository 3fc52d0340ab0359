"""What each command does, one module per command; xmr/cli holds options and printing."""
