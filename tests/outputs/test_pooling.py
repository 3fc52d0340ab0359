"""Pooling over positions and windows."""

import pytest
import torch

from xmr.core.kinds import SymbolBatch, SymbolSet
from xmr.core.spaces import TokenFeatures
from xmr.outputs.base import Pooling


def _symbols(lengths, limit, overlap=0.25):
    import numpy as np

    lengths = np.array(lengths)
    return SymbolSet(np.arange(lengths.sum()) % 5, lengths, limit, overlap)


@pytest.mark.parametrize("pool", ["mean", "attention", "statistics"])
def test_windows_count_every_residue_once(pool):
    """A hidden state that depends on the residue alone pools to the same vector with and without windows."""
    table = torch.randn(5, 4, generator=torch.Generator().manual_seed(0))
    pooling = Pooling(pool, 4, None)
    if pool == "attention":
        torch.nn.init.normal_(pooling.query)
    results = []
    for limit in (100, 7):
        batch = _symbols([23, 4, 9], limit).batch([0, 1, 2])
        length = batch.ids.shape[1]
        answer = TokenFeatures(table[batch.ids], batch.mask, 0, length)
        results.append(pooling(answer, batch))
    assert results[1].shape == (3, pooling.width)
    assert torch.allclose(results[0], results[1], atol=1e-5)


def test_last_and_cls():
    hidden = torch.arange(24.0).reshape(2, 4, 3)
    mask = torch.tensor([[True, True, False], [True, True, True]])
    symbols = SymbolBatch(torch.zeros(2, 3, dtype=torch.long), mask)
    answer = TokenFeatures(hidden, torch.ones(2, 4, dtype=torch.bool), 1, 3)
    assert torch.equal(Pooling("last", 3, None)(answer, symbols), torch.stack([hidden[0, 2], hidden[1, 3]]))
    assert torch.equal(Pooling("cls", 3, None)(answer, symbols), hidden[:, 0])
    assert torch.equal(Pooling("concat", 3, 3)(answer, symbols), hidden[:, 1:].flatten(1))


def test_mean_leaves_padding_out():
    hidden = torch.tensor([[[1.0], [3.0], [100.0]]])
    symbols = SymbolBatch(torch.zeros(1, 3, dtype=torch.long), torch.tensor([[True, True, False]]))
    assert Pooling("mean", 1, None)(TokenFeatures(hidden, symbols.mask, 0, 3), symbols).item() == 2.0


def test_statistics_by_hand():
    """Mean, deviation, greatest, least of the symbols 1, 3, 5 and of the one symbol -2; padding says nothing."""
    hidden = torch.tensor([[[1.0], [5.0], [3.0]], [[-2.0], [100.0], [-100.0]]])
    symbols = SymbolBatch(torch.zeros(2, 3, dtype=torch.long), torch.tensor([[True] * 3, [True, False, False]]))
    pooling = Pooling("statistics", 1, None)
    found = pooling(TokenFeatures(hidden, symbols.mask, 0, 3), symbols)
    assert pooling.width == 4
    assert torch.allclose(found, torch.tensor([[3.0, (8 / 3) ** 0.5, 5.0, 1.0], [-2.0, 0.0, -2.0, -2.0]]), atol=1e-4)


def test_statistics_have_finite_gradients():
    """Also where a record is one symbol, whose deviation is zero."""
    hidden = torch.randn(2, 3, 4, generator=torch.Generator().manual_seed(0)).requires_grad_()
    symbols = SymbolBatch(torch.zeros(2, 3, dtype=torch.long), torch.tensor([[True] * 3, [True, False, False]]))
    Pooling("statistics", 4, None)(TokenFeatures(hidden, symbols.mask, 0, 3), symbols).square().sum().backward()
    assert torch.isfinite(hidden.grad).all()
    assert not hidden.grad[1, 1:].any()


def test_attention_by_hand():
    pooling = Pooling("attention", 1, None)
    with torch.no_grad():
        pooling.query.fill_(1.0)
    hidden = torch.tensor([[[0.0], [float(torch.log(torch.tensor(3.0)))]]])
    symbols = SymbolBatch(torch.zeros(1, 2, dtype=torch.long), torch.ones(1, 2, dtype=torch.bool))
    expected = 0.75 * hidden[0, 1, 0]
    assert torch.allclose(pooling(TokenFeatures(hidden, symbols.mask, 0, 2), symbols)[0, 0], expected)


def test_concat_needs_one_length():
    with pytest.raises(ValueError, match="equal length"):
        Pooling("concat", 3, None)
