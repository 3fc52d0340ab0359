"""Shared fixtures: real data where it is at hand, tiny random sources, a small trained run."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch
from jaxtyping import install_import_hook

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared" / "data"
if "XMR_DATA" not in os.environ and SHARED.is_dir():
    os.environ["XMR_DATA"] = str(SHARED)

# The shapes of the annotations are checked at run time, in tests only.
hook = install_import_hook("xmr.core.spaces", "beartype.beartype")

from tests.tiny import tiny_source  # noqa: E402
from xmr.baselines.registry import BASELINES  # noqa: E402
from xmr.commands.new.registry import DRAFTS  # noqa: E402
from xmr.core.registry import ENCODERS, OUTPUTS, SOURCES, TASKS, TRANSFORMS  # noqa: E402
from xmr.metrics.registry import METRICS  # noqa: E402
from xmr.sources.base import Source  # noqa: E402


@pytest.fixture
def source() -> Source:
    """A tiny random BERT with special tokens and words."""
    return tiny_source()


@pytest.fixture
def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data sets; tests that need it are skipped, with this reason, where it is absent."""
    folder = Path(os.environ.get("XMR_DATA", "nowhere"))
    if not folder.is_dir():
        pytest.skip("no folder of real data: set XMR_DATA")
    return folder


@pytest.fixture
def registries(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a plugin adds is taken out again."""
    for registry in (ENCODERS, TRANSFORMS, SOURCES, OUTPUTS, TASKS, DRAFTS):
        monkeypatch.setattr(registry, "_entries", dict(registry._entries))
    for registered in (BASELINES, METRICS):
        monkeypatch.setattr(registered, "_items", [*registered])
    monkeypatch.setattr("xmr.core.registry.PLUGINS", [])
