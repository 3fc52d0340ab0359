"""Models behind an address: KServe's JSON, requests batched together."""
