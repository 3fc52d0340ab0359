"""Ray clusters simulated on this machine: real processes of Ray, one set per node."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

ROOT = Path(__file__).parents[1]
STORE = 80 * 2**20  # bytes, the smallest that Ray takes


@contextmanager
def cluster(*nodes: int) -> Iterator[Any]:
    """A cluster of nodes with so many processors each, the head first; the caller connects to it."""
    ray = pytest.importorskip("ray", reason="the extra scale is not installed")
    cluster_utils = pytest.importorskip("ray.cluster_utils")
    settings = {"object_store_memory": STORE, "include_dashboard": False}
    with patch.dict(os.environ, PYTHONPATH=str(ROOT), RAY_USAGE_STATS_ENABLED="0"):
        made = cluster_utils.Cluster(initialize_head=True, head_node_args={"num_cpus": nodes[0], **settings})
        try:
            for number in nodes[1:]:
                made.add_node(num_cpus=number, **settings)
            yield made
        finally:
            ray.shutdown()
            made.shutdown()
