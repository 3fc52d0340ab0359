"""Formulas of the maps over the vocabulary, on numbers worked out by hand."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import orthogonal_mp

from tests.tiny import tiny_source
from xmr.core.kinds import SymbolBatch, SymbolSpec
from xmr.core.spaces import TokenSpace
from xmr.encoders.protein import PROTEIN
from xmr.errors import RecipeError
from xmr.transforms.base import start_rows, word_ids
from xmr.transforms.prompt import Prompt
from xmr.transforms.sparse import SparseVocabularyMap, matching_pursuit
from xmr.transforms.vocabulary import ConvexVocabularyMap, FreeEmbedding, VocabularyMap
from xmr.transforms.window import ContextWindow

AB = SymbolSpec("AB", (("X", "AB"),))
E = torch.tensor([[1.0, 0.0], [0.0, 2.0], [1.0, 1.0]])
SPACE = TokenSpace(E, 16)
IDS = SymbolBatch(torch.tensor([[0, 1, 2]]), torch.ones(1, 3, dtype=torch.bool), True)


def test_theta_e_by_hand(generator):
    transform = VocabularyMap().build(AB, SPACE, generator)
    with torch.no_grad():
        transform.theta.copy_(torch.tensor([[1.0, 0.5, 0.0], [0.0, 1.0, -1.0]]))
    # Theta E = [[1, 1], [-1, 1]]; the mixture X is the mean of A and B: [0, 1]
    assert torch.equal(transform(IDS).embeddings[0], torch.tensor([[1.0, 1.0], [-1.0, 1.0], [0.0, 1.0]]))
    assert torch.equal(transform.merge().weight, torch.tensor([[1.0, 1.0], [-1.0, 1.0]]))
    assert isinstance(transform.merge(), FreeEmbedding)


def test_dense_gradient_is_preconditioned(generator):
    """dL/dTheta = dL/dE_T E^T: a step on Theta moves E_T by the gradient times E^T E."""
    transform = VocabularyMap().build(AB, SPACE, generator)
    transform.table().backward(torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
    assert torch.equal(transform.theta.grad, torch.tensor([[1.0, 2.0], [3.0, 4.0]]) @ E.T)


def test_convex_rows_by_hand(generator):
    transform = ConvexVocabularyMap(tau=0.5, top_k=2).build(AB, SPACE, generator)
    with torch.no_grad():
        transform.logits.copy_(torch.tensor([[0.0, 0.5 * np.log(3.0), -9.0], [1.0, 1.0, 0.0]]))
    # softmax([0, log 3]) = [1/4, 3/4]; the second row keeps its two equal ones
    expected = torch.tensor([[0.25, 0.75, 0.0], [0.5, 0.5, 0.0]])
    assert torch.allclose(transform.theta(), expected, atol=1e-6)
    assert torch.allclose(transform.table(), expected @ E, atol=1e-6)


def test_convex_start_share(source, generator):
    protein = SymbolSpec("ACDEFGHIKLMNPQRSTVWY")
    transform = ConvexVocabularyMap(init_weight=0.6).build(protein, source.space, generator)
    assert torch.allclose(transform.theta().max(dim=1).values, torch.tensor(0.6), atol=1e-2)
    assert torch.allclose(transform.theta().sum(dim=1), torch.ones(20), atol=1e-5)


@pytest.mark.parametrize("k", [1, 3, 8])
def test_matching_pursuit_equals_scikit_learn(k, generator):
    atoms, targets = torch.randn(200, 32, generator=generator), torch.randn(12, 32, generator=generator)
    support, weights = matching_pursuit(targets, atoms, k)
    norms = atoms.norm(dim=1).numpy()
    for row in range(12):
        unit = (atoms / atoms.norm(dim=1, keepdim=True)).double().numpy().T
        theirs = orthogonal_mp(unit, targets[row].double().numpy(), n_nonzero_coefs=k)
        assert set(np.flatnonzero(theirs)) == set(support[row].tolist())
        assert np.allclose(theirs[support[row]] / norms[support[row]], weights[row], atol=1e-4)


def test_matching_pursuit_takes_absolute_correlation():
    support, weights = matching_pursuit(torch.tensor([[-3.0, 0.5]]), torch.eye(2), 1)
    assert support.tolist() == [[0]]
    assert weights.tolist() == [[-3.0]]


def test_sparse_settles_and_keeps_its_words(source, generator):
    protein = SymbolSpec("ACDEFGHIKLMNPQRSTVWY")
    transform = SparseVocabularyMap(tokens_per_symbol=3, freeze_support_after=0.5).build(
        protein, source.space, generator
    )
    with torch.no_grad():
        transform.free += 0.1 * torch.randn(20, 16, generator=generator)
    for epoch in range(4):
        transform.on_epoch(epoch, 4)
        assert bool(transform.settled) == (epoch >= 2)
    support = transform.support.clone()
    transform.on_epoch(3, 4)
    assert torch.equal(support, transform.support)
    assert transform.coefficients.shape == (20, 3)
    rebuilt = torch.stack([c @ source.space.embedding[s] for c, s in zip(transform.coefficients, transform.support)])
    assert torch.allclose(transform.table(), rebuilt, atol=1e-6)


def test_ids_outside_the_alphabet(generator):
    transform = FreeEmbedding().build(AB, SPACE, generator)
    with pytest.raises(ValueError, match="3"):
        transform(SymbolBatch(torch.tensor([[0, 3]]), torch.ones(1, 2, dtype=torch.bool)))


def test_letters_start_at_their_own_words(source, generator):
    ids = word_ids("letters", None, "ACD", source.space, generator)
    assert [source.space.words[i] for i in ids] == ["a", "c", "d"]
    rows = start_rows("given_tokens", ("worda", "wordb", "a"), SymbolSpec("ACD"), source.space, generator)
    assert torch.equal(rows[2], source.space.embedding[source.space.words.index("a")])


def test_words_the_source_does_not_have(source, generator):
    with pytest.raises(RecipeError, match="nonsense"):
        word_ids("given_tokens", ("nonsense", "a", "b"), "ACD", source.space, generator)
    with pytest.raises(RecipeError, match="2 words"):
        word_ids("given_tokens", ("a", "b"), "ACD", source.space, generator)


def test_similar_words_follow_blosum(source, generator):
    rows = torch.nn.functional.normalize(start_rows("similar_tokens", None, PROTEIN, source.space, generator), dim=1)
    where = {letter: index for index, letter in enumerate(PROTEIN.letters)}
    cosine = rows @ rows.T
    assert cosine[where["I"], where["V"]] > cosine[where["I"], where["D"]]
    assert torch.allclose(rows.norm(dim=1), torch.ones(20), atol=1e-5)


def test_window_by_finite_differences(source, generator):
    protein = SymbolSpec("ACDEFGHIKLMNPQRSTVWY")
    transform = ContextWindow(width=3, channels=2).build(protein, source.space, generator).double()
    with torch.no_grad():
        transform.out.normal_(generator=generator)
    symbols = SymbolBatch(torch.tensor([[1, 5, 7, 2]]), torch.tensor([[True, True, True, False]]))
    names = [name for name, _ in transform.named_parameters()]

    def function(*values):
        state = dict(zip(names, values))
        return torch.func.functional_call(transform, state, (symbols,)).embeddings[:, :3]

    inputs = [p.detach().clone().requires_grad_() for p in transform.parameters()]
    assert torch.autograd.gradcheck(function, inputs, atol=1e-4)


def test_window_starts_as_the_free_embedding(source, generator):
    protein = SymbolSpec("ACDEFGHIKLMNPQRSTVWY")
    transform = ContextWindow(width=5).build(protein, source.space, generator)
    symbols = SymbolBatch(torch.tensor([[3, 4]]), torch.ones(1, 2, dtype=torch.bool), True)
    got = transform(symbols).embeddings[0]
    assert torch.allclose(got.norm(dim=1), source.space.row_norm().expand(2), atol=1e-5)
    assert torch.allclose(torch.cosine_similarity(got, transform.weight[[3, 4]]), torch.ones(2), atol=1e-5)


def test_window_needs_an_odd_width():
    with pytest.raises(RecipeError, match="odd"):
        ContextWindow(width=4)


@pytest.mark.parametrize("position", ["before", "around"])
def test_prompt_stands_where_it_should(position, generator):
    transform = Prompt(length=2, position=position, init="random_tokens").build(AB, SPACE, generator)
    symbols = SymbolBatch(torch.tensor([[0, 1, 1], [1, 0, 0]]), torch.tensor([[True] * 3, [True, False, False]]))
    inputs = transform(symbols)
    table = transform.symbol_table()
    assert torch.equal(inputs.embeddings[1, :2], transform.prompt[:2])
    assert torch.equal(inputs.embeddings[1, 2], table[1])
    assert inputs.mask.sum(dim=1).tolist() == ([5, 3] if position == "before" else [7, 5])
    if position == "around":
        assert torch.equal(inputs.embeddings[1, 3:5], transform.prompt[2:])
    assert not transform.weight.requires_grad


def test_theta_is_computed_once_a_step(generator, monkeypatch):
    source = tiny_source()
    calls = []
    honest = VocabularyMap.table
    monkeypatch.setattr(VocabularyMap, "table", lambda self: calls.append(1) or honest(self))
    transform = VocabularyMap().build(AB, source.space, generator)
    transform(SymbolBatch(torch.randint(0, 3, (32, 20)), torch.ones(32, 20, dtype=torch.bool), True))
    assert len(calls) == 1
