import pytest
import torch

from xmr.core.component import check_section, create
from xmr.core.kinds import SymbolBatch, SymbolSpec
from xmr.core.registry import TRANSFORMS
from xmr.core.spaces import TokenSpace
from xmr.errors import RecipeError

SPACE = TokenSpace(torch.randn(30, 6, generator=torch.Generator().manual_seed(0)), 40)


def build(**settings):
    section = check_section("transform", {"name": "token_remap", "channels": 5, **settings}, "test")
    return create(TRANSFORMS, section).build(
        SymbolSpec("ACGT", (("N", "ACGT"),)), SPACE, torch.Generator().manual_seed(1)
    )


def symbols(*texts):
    longest = max(map(len, texts))
    ids = torch.tensor([["ACGTN".index(c) for c in text.ljust(longest, "A")] for text in texts])
    mask = torch.tensor([[i < len(text) for i in range(longest)] for text in texts])
    return SymbolBatch(ids, mask, bool(mask.all()))


def test_every_position_is_a_whole_word_of_the_source():
    transform = build(n_tokens=12)
    for training in (True, False):
        transform.train(training)
        found = transform(symbols("ACGTN", "GT")).embeddings.reshape(-1, 6)
        distance = torch.cdist(found, SPACE.embedding)
        assert float(distance.min(dim=1).values.max()) < 1e-3
        assert set(distance.argmin(dim=1).tolist()) <= set(transform.candidates.tolist())
    assert len(build(n_tokens=None).candidates) == 30


def test_logits_by_hand():
    transform = build(n_tokens=8, window=3)
    found = transform.logits(symbols("CAG"))[0, 1]
    small, kernel = transform.small, transform.kernel
    around = [small["ACGT".index(c)] for c in "CAG"]
    near = sum(kernel[:, :, j] @ vector for j, vector in enumerate(around))
    assert torch.allclose(found, torch.nn.functional.gelu(near) @ transform.out + transform.bias, atol=1e-5)


def test_the_context_chooses_the_word():
    transform = build(window=3).eval()
    with torch.no_grad():
        transform.kernel.mul_(10)
    alone = transform(symbols("A")).embeddings[0, 0]
    within = [transform(symbols(f"{c}A{d}")).embeddings[0, 1] for c in "ACGT" for d in "ACGT"]
    assert len({tuple(vector.tolist()) for vector in within}) > 1
    assert torch.equal(transform.table()[0], alone)


def test_straight_through_gradient_is_the_softmax_one():
    transform = build(n_tokens=6, temperature=0.7)
    transform.generators.begin(0)
    inputs = transform(symbols("ACGT"))
    weights = torch.randn(inputs.embeddings.shape, generator=torch.Generator().manual_seed(1))
    (inputs.embeddings * weights).sum().backward()
    found = transform.bias.grad.clone()
    transform.zero_grad()
    logits = transform.logits(symbols("ACGT"))
    torch.manual_seed(0)
    soft = torch.nn.functional.gumbel_softmax(logits, tau=0.7, hard=False)
    (soft @ SPACE.embedding[transform.candidates] * weights).sum().backward()
    assert torch.allclose(found, transform.bias.grad, atol=1e-5)


def test_an_even_window_is_refused():
    with pytest.raises(RecipeError, match=r"transform.window: found 4; expected an odd number"):
        build(window=4)


def test_one_convolution_by_hand():
    """The paper's form: logits at a position are the kernel's columns of the symbols around it."""
    transform = build(channels=None, n_tokens=None, window=3)
    found = transform.logits(symbols("CAG"))[0]
    kernel = transform.kernel  # (n, A, k)
    middle = sum(kernel[:, "ACGT".index(c), j] for j, c in enumerate("CAG")) + transform.bias
    assert torch.allclose(found[1], middle, atol=1e-6)
    assert sum(p.numel() for p in transform.parameters()) == 30 * 4 * 3 + 30
    with pytest.raises(RecipeError, match=r"transform.channels: null"):
        create(
            TRANSFORMS, check_section("transform", {"name": "token_remap", "channels": None, "window": 101}, "test")
        ).build(SymbolSpec(tuple(map(str, range(200_000)))), SPACE, torch.Generator())


def test_the_temperature_falls_linearly():
    transform = build(temperature=2.0, temperature_end=0.01)
    found = []
    for epoch in range(3):
        transform.on_epoch(epoch, 3)
        found.append(transform.temperature)
    assert found == pytest.approx([2.0, 1.005, 0.01])
