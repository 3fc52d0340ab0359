"""A fixed text before the content: read once by causal models, with the same hidden states as if read every time."""

import pytest
import torch

from tests.tiny import WORDS, tiny_model, tiny_source
from xmr.core.spaces import TokenInput
from xmr.errors import RecipeError
from xmr.sources.hf_text import HFText
from xmr.sources.specials import Specials

TEXT = (5, 7, 9, 4)


def with_text(kind, **more):
    specials = Specials(
        () if kind in ("gpt2", "llama") else (1,), () if kind in ("gpt2", "llama") else (2,), WORDS, TEXT
    )
    return HFText(f"tiny-{kind}", prompt_text="four words", **more).adopt(tiny_model(kind), specials)


def content(width, lengths=(6, 4)):
    mask = torch.arange(6) < torch.tensor(lengths)[:, None]
    values = torch.randn(len(lengths), 6, width, generator=torch.Generator().manual_seed(0)) * 0.1
    return TokenInput(values.requires_grad_(), mask, 0, 6, full=bool(mask.all()))


@pytest.mark.parametrize("lengths", [(6, 6), (6, 3)])
@pytest.mark.parametrize("kind", ["gpt2", "llama"])
def test_reading_once_changes_nothing(kind, lengths):
    once = with_text(kind)
    assert once._read, "a causal model keeps keys and values"
    every_time = with_text(kind)
    every_time._read = []
    inputs = content(once.space.width, lengths)
    found, expected = once(inputs), every_time(inputs)
    for row, n in enumerate(lengths):
        torch.testing.assert_close(found.aligned[row, :n], expected.aligned[row, :n], atol=1e-5, rtol=1e-4)
    weights = torch.randn(found.aligned.shape, generator=torch.Generator().manual_seed(1)) * inputs.mask[..., None]
    slopes = []
    for answer in (found, expected):
        inputs.embeddings.grad = None
        (answer.aligned * weights).sum().backward()
        slopes.append(inputs.embeddings.grad.clone())
    torch.testing.assert_close(*slopes, atol=1e-5, rtol=1e-3)


def test_the_text_is_not_read_again(monkeypatch):
    source = with_text("gpt2")
    seen = []
    source.body.register_forward_pre_hook(lambda m, a, k: seen.append(k["inputs_embeds"].shape[1]), with_kwargs=True)
    source(content(source.space.width))
    assert seen == [6]


@pytest.mark.parametrize("kind", ["bert", "t5"])
def test_models_that_look_ahead_read_it_every_time(kind):
    source = with_text(kind)
    assert not source._read
    plain = tiny_source(kind)
    inputs = content(source.space.width)
    assert source.space.max_length == plain.space.max_length - len(TEXT)
    assert source(inputs).aligned.shape == plain(inputs).aligned.shape
    assert not torch.allclose(source(inputs).aligned[0], plain(inputs).aligned[0])


def test_a_text_needs_a_tokenizer():
    with pytest.raises(RecipeError, match=r"source\.prompt_text"):
        HFText("tiny", prompt_text="hello").adopt(tiny_model("gpt2"), Specials())


@pytest.mark.parametrize("kind", ["bert", "gpt2", "t5"])
def test_depths_side_by_side(kind):
    deep, plain = HFText("x", feature_layers=2).adopt(tiny_model(kind)), HFText("x").adopt(tiny_model(kind))
    inputs = content(plain.space.width)
    assert deep.hidden_width == 2 * plain.hidden_width
    found, expected = deep(inputs), plain(inputs)
    torch.testing.assert_close(found.aligned[..., : plain.hidden_width], expected.aligned)
    torch.testing.assert_close(deep.answers(found.aligned), plain.answers(expected.aligned))
    below = found.aligned[0, :, plain.hidden_width :]
    assert not torch.allclose(below, expected.aligned[0])
    named = HFText("x", feature_layers=[-1, 0]).adopt(tiny_model(kind))
    last, first = named(inputs).aligned[..., plain.hidden_width :].chunk(2, dim=-1)
    torch.testing.assert_close(last, expected.aligned)  # the last hidden state is what the model answers with
    torch.testing.assert_close(first, found.aligned[..., plain.hidden_width :])
