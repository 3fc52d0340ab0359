"""Counted mappings beside slow references written from their definitions, on random and adversarial counts."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.tiny import tiny_source
from xmr.errors import RecipeError
from xmr.outputs.learned import LearnedMapping, VocabularyLinear
from xmr.outputs.mapping import (
    BayesianPlusMapping,
    FrequentMapping,
    IterativeMapping,
    RandomMapping,
    assign,
    bayesian,
    count,
    random_groups,
    soft_count,
)
from xmr.spaces import SourceOutput, Symbols


def slow_assign(counts, size):
    d = {(s, t): counts[s][t] for s in range(len(counts)) for t in range(len(counts[0]))}
    groups = [[] for _ in counts[0]]
    while any(len(group) < size for group in groups):
        s, t = max(d, key=lambda cell: (d[cell], -cell[0], -cell[1]))
        groups[t].append(s)
        d = {cell: v for cell, v in d.items() if cell[0] != s and not (cell[1] == t and len(groups[t]) == size)}
    return groups


def slow_bayesian(counts, smoothing):
    rows = [[v / (sum(row) + smoothing) if sum(row) + smoothing else 0.0 for v in row] for row in counts]
    mass = [sum(row[t] for row in rows) for t in range(len(rows[0]))]
    return [[row[t] / mass[t] if mass[t] else 1 / len(rows) for t in range(len(row))] for row in rows]


matrices = st.integers(2, 4).flatmap(
    lambda k: st.lists(st.lists(st.integers(0, 4), min_size=k, max_size=k), min_size=2 * k, max_size=9)
)


@settings(max_examples=60, deadline=None)
@given(matrices, st.integers(1, 2))
def test_assign_equals_its_definition(counts, size):
    assert assign(torch.tensor(counts), size).tolist() == slow_assign(counts, size)


@settings(max_examples=60, deadline=None)
@given(matrices, st.sampled_from([0.0, 0.5, 1.0]))
def test_bayesian_equals_its_definition(counts, smoothing):
    omega = bayesian(torch.tensor(counts), smoothing)
    assert torch.allclose(omega, torch.tensor(slow_bayesian(counts, smoothing)), atol=1e-6)
    assert torch.allclose(omega.sum(dim=0), torch.ones(len(counts[0])), atol=1e-5)


def test_silent_source_class_and_empty_target():
    omega = bayesian(torch.tensor([[3, 0], [0, 0], [1, 0]]), 1.0)
    assert omega[1, 0] == 0  # a silent class speaks for nothing
    assert torch.allclose(omega[:, 1], torch.full((3,), 1 / 3))  # a target without counts: evenly
    # by hand: 3/4 and 1/2, column sum 5/4
    assert torch.allclose(omega[:, 0], torch.tensor([0.6, 0.0, 0.4]))


def test_count_and_soft_count():
    answers, labels = torch.tensor([0, 2, 2, 1]), torch.tensor([0, 1, 1, 0])
    assert count(answers, labels, 3, 2).tolist() == [[1, 0], [1, 0], [0, 2]]
    logits = torch.log(torch.tensor([[0.5, 0.3, 0.2], [0.1, 0.6, 0.3]]))
    got = soft_count(logits, torch.tensor([1, 0]), 2, 2)
    assert torch.allclose(got, torch.tensor([[0.0, 0.5], [0.6, 0.3], [0.3, 0.0]]), atol=1e-6)


@pytest.mark.parametrize("classes", [2, 3, 6, 7])
def test_bayesian_plus_with_few_classes(classes, generator):
    """Published code takes int(0.15 K), which is 0 up to six classes and gives NaN."""
    mapping = BayesianPlusMapping().build(tiny_source(), classes, None, generator)
    tally = mapping.tally(torch.randn(8, mapping.counts.shape[0], generator=generator), torch.arange(8) % classes)
    top = max(1, math.ceil(0.15 * classes))
    assert int((tally > 0).sum(dim=0).max()) <= top * 8
    assert tally.sum() > 0
    mapping.counts += tally
    mapping.refresh()
    assert bool(torch.isfinite(mapping.omega).all())


def test_random_groups_are_disjoint_and_not_a_prefix():
    groups = random_groups(40, 4, 3, torch.Generator().manual_seed(1))
    assert len(set(groups.reshape(-1).tolist())) == 12
    assert groups.reshape(-1).tolist() != list(range(12))


def test_group_of_several_is_the_mean_of_probabilities(generator):
    mapping = RandomMapping(size=2).build(tiny_source(), 2, None, generator)
    mapping.groups.copy_(torch.tensor([[0, 1], [2, 3]]))
    logits = torch.full((1, mapping.counts.shape[0]), -1e9)
    logits[0, :4] = torch.log(torch.tensor([0.1, 0.3, 0.2, 0.4]))
    assert torch.allclose(mapping.map(logits).exp(), torch.tensor([[0.2, 0.3]]), atol=1e-6)


def test_more_targets_than_source_classes(generator):
    source = tiny_source()
    with pytest.raises(RecipeError, match=str(source.classes)):
        RandomMapping(size=10).build(source, 20, None, generator)


def _answer(source, rows, generator):
    hidden = torch.randn(rows, 4, source.hidden_width, generator=generator)
    mask = torch.ones(rows, 4, dtype=torch.bool)
    return SourceOutput(hidden, mask, 0, 4), Symbols(torch.zeros(rows, 4, dtype=torch.long), mask, True)


@pytest.mark.parametrize("kind", [FrequentMapping, IterativeMapping])
def test_counts_come_from_the_training_forward(kind, generator):
    source = tiny_source()
    mapping = kind().build(source, 2, None, generator).train()
    answer, encoded = _answer(source, 12, generator)
    labels = torch.arange(12) % 2
    mapping(answer, encoded, source)
    mapping.observe(labels)
    expected = count(source.answers(answer.hidden.mean(1)).argmax(1), labels, source.classes, 2)
    assert torch.equal(mapping.counts, expected.double())
    mapping.refresh()
    assert torch.equal(mapping.groups, assign(expected))
    first = mapping.groups.clone()
    mapping(_answer(source, 12, generator)[0], encoded, source)
    mapping.observe(1 - labels)
    mapping.on_epoch()
    assert torch.equal(first, mapping.groups) == (kind is FrequentMapping)


def test_evaluation_is_not_counted(generator):
    source = tiny_source()
    mapping = IterativeMapping().build(source, 2, None, generator).eval()
    answer, encoded = _answer(source, 4, generator)
    mapping(answer, encoded, source)
    mapping.observe(torch.zeros(4, dtype=torch.long))
    assert mapping.counts.sum() == 0


def test_learned_mapping_by_hand(generator):
    source = tiny_source()
    mapping = LearnedMapping(hardness=2.0).build(source, 3, None, generator)
    answer, encoded = _answer(source, 2, generator)
    p = torch.softmax(source.answers(answer.hidden.mean(1)), 1)
    expected = torch.log(p @ torch.softmax(mapping.weight, 1))
    got = mapping(answer, encoded, source)
    assert torch.allclose(got, expected, atol=1e-5)
    assert torch.allclose(got.exp().sum(1), torch.ones(2), atol=1e-5)
    rows = torch.softmax(mapping.weight, 1)
    assert torch.allclose(mapping.penalty(), 2 * -(rows * rows.log()).sum(1).mean(), atol=1e-5)


@pytest.mark.parametrize("kind", ["bert", "bert_body"])
def test_gamma_folds(kind, generator):
    """h (Gamma W_dec)^T equals Gamma applied to the source's logits without its bias."""
    source = tiny_source(kind)
    output = VocabularyLinear().build(source, 2, None, generator)
    answer, encoded = _answer(source, 3, generator)
    h = source.before_decoder(answer.hidden.mean(1))
    slow = (h @ source.decoder().T) @ output.gamma.T
    assert torch.allclose(output(answer, encoded, source), slow, atol=1e-5)
