"""Kinds of data answer for themselves: what general code asks of a batch, and that it never asks for its kind."""

import ast
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch

from xmr.core import kinds
from xmr.core.component import create
from xmr.core.kinds import Batch, SymbolSet
from xmr.core.registry import ENCODERS

XMR = Path(__file__).parents[2] / "xmr"
COMPONENTS = ("core", "encoders", "transforms", "sources", "outputs")
NAMES = {
    *(name for name in kinds.__all__ if name not in ("Batch", "Spec", "EncodedSet")),
    *("TokenSpace", "PixelSpace", "WaveSpace", "TokenInput", "PixelInput", "WaveInput"),
}


def asked(path: Path) -> list[str]:
    """The kinds that `isinstance` is called with in a file."""
    calls = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
    tests = [call.args[1] for call in calls if getattr(call.func, "id", "") == "isinstance"]
    names = {node.id for test in tests for node in ast.walk(test) if isinstance(node, ast.Name)}
    encoders = {name for name in names if name.endswith("Encoder") and name != "Encoder"}
    return sorted(names & NAMES | encoders)


def test_general_code_does_not_ask_which_kind_it_holds():
    files = [path for path in XMR.rglob("*.py") if path.relative_to(XMR).parts[0] not in COMPONENTS]
    assert {str(path.relative_to(XMR)): found for path in files if (found := asked(path))} == {}


def encoded(name: str):
    encoder = create(ENCODERS, {"name": name}).configure(64)
    records = encoder.example(6, 0)
    return encoder.fit(records), encoder.encode(records)


@pytest.mark.parametrize("name", ["protein", "series", "image", "table"])
def test_a_batch_answers_for_itself(name):
    encoder, data = encoded(name)
    batch = data.batch(np.arange(6))
    assert len(batch) == 6
    assert not batch.problems(encoder.spec)
    assert str(len(batch)) in batch.describe(encoder.spec)
    few = batch.take(2)
    assert len(few) == 2
    assert torch.equal(few.row(1), batch.row(1))
    patches = batch.patches()
    assert len(patches) == 6
    hidden = batch.hide(patches, 1, encoder.spec)
    assert type(hidden) is type(batch)
    assert any(not torch.equal(hidden.row(row), batch.row(row)) for row in range(6))
    assert not hidden.problems(encoder.spec)


@pytest.mark.parametrize("name", ["protein", "series", "image", "table"])
def test_every_tensor_of_a_batch_moves(name):
    batch = encoded(name)[1].batch(np.arange(3)).to(torch.device("meta"))
    tensors = [value for value in vars(batch).values() if torch.is_tensor(value)]
    assert tensors
    assert all(tensor.device.type == "meta" for tensor in tensors)


def test_windows_belong_to_the_records_taken():
    data = SymbolSet(np.arange(60) % 20, np.array([9, 30, 21]), 10, 0.5)
    batch = data.batch(np.arange(3))
    assert batch.windows is not None
    few = batch.take(2)
    assert few.windows.records == 2
    assert len(few) == int((batch.windows.owner < 2).sum())
    assert few.windows.weight.shape == few.ids.shape
    moved = batch.to(torch.device("meta")).windows
    assert {moved.owner.device.type, moved.start.device.type, moved.weight.device.type} == {"meta"}


def test_records_of_one_size_are_counted_and_others_measured():
    images, peptides = encoded("image")[1], encoded("protein")[1]
    rng = np.random.default_rng(0)
    assert sorted(len(batch) for batch in images.training_batches(4, 1, rng)) == [2, 4]
    assert max(len(batch) for batch in peptides.training_batches(4, 1, rng)) == 1
    assert len(peptides.prediction_batches(4096)) == 1
    assert len(peptides.prediction_batches(64, 4)) > 1


@dataclass(frozen=True)
class GraphBatch(Batch):
    """A kind of a third party with what must be written and nothing else."""

    nodes: torch.Tensor
    note: str = ""

    def row(self, index):
        return self.nodes[index]

    def describe(self, spec):
        return f"graphs {tuple(self.nodes.shape)}"

    def problems(self, spec):
        return []


def test_a_kind_of_a_third_party_needs_three_methods():
    batch = GraphBatch(torch.arange(12.0).reshape(4, 3), "a")
    assert len(batch) == batch.cost == 4
    assert (batch.windows, batch.precomputed, batch.token_mask, batch.patches(), batch.display(0, None)) == (None,) * 5
    few = batch.take(2)
    assert (len(few), few.note) == (2, "a")
    assert batch.to(torch.device("meta")).nodes.device.type == "meta"
    with pytest.raises(NotImplementedError, match="GraphBatch hides no patches"):
        batch.hide(torch.zeros(1), 0, None)
