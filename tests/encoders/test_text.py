import numpy as np
import pytest
import torch

from xmr.core.component import check_section, create
from xmr.core.registry import ENCODERS, TRANSFORMS
from xmr.core.spaces import TokenSpace
from xmr.data.records import Records
from xmr.errors import DataError, RecipeError


def encoder(limit=64, **settings):
    made = create(ENCODERS, check_section("encoder", {"name": "text", **settings}, "test"))
    made.configure(limit)
    return made


def symbols(made, text):
    batch = made.encode(Records.of([text])).batch(np.array([0]))
    return [made.spec.symbols[i] for i in batch.ids[0]]


def test_words_characters_and_the_unknown():
    words = encoder().fit(Records.of(["The cat, the hat.", "a cat"]))
    assert words.letters == (",", ".", "a", "cat", "hat", "the")
    assert symbols(words, "the dog.") == ["the", "(unknown)", "."]
    kept = encoder(vocabulary=2).fit(Records.of(["b a a b c"]))
    assert kept.letters == ("a", "b")
    characters = encoder(units="characters", lowercase=False).fit(Records.of(["aB", "ba"]))
    assert symbols(characters, "Bab?") == ["B", "a", "b", "(unknown)"]
    blend = words.spec.blends()
    assert blend.shape == (1, 6)
    assert float(blend.sum()) == pytest.approx(1)


def test_empty_and_long_texts():
    made = encoder(length="fail", max_length=2).fit(Records.of(["a b"]))
    wrong = made.check(Records.of(["a", "  ", "a b a"]))
    assert wrong == {
        1: "found an empty text; expected at least one of its words",
        2: "found 3 words; expected at most 2 (encoder.length: window takes any length)",
    }
    with pytest.raises(DataError, match="empty text"):
        made.encode(Records.of([" "]))
    assert symbols(encoder(length="truncate", max_length=2).fit(Records.of(["a b c"])), "c b a") == ["c", "b"]


def test_two_texts_of_equal_symbols_are_one():
    made = encoder()
    assert made.canonical(Records.of(["A  cat !", "a cat!"])) == ["a cat !", "a cat !"]


def test_tokens_of_the_source():
    """`units: source` reads as the source does, and `own_tokens` starts every symbol at its token."""
    words = ["[PAD]", "un", "##known", "good"]

    def tokenize(texts):
        return [[words.index(word) for word in text.replace("unknown", "un ##known").split()] for text in texts]

    made = create(ENCODERS, check_section("encoder", {"name": "text", "units": "source"}, "test"))
    made.configure(64, tokenize=tokenize).fit(Records.of(["unknown good", "good"]))
    assert made.letters == ("#1", "#2", "#3")
    assert symbols(made, "good unknown [PAD]") == ["#3", "#1", "#2", "(unknown)"]
    assert made.canonical(Records.of(["  good   unknown"])) == ["good unknown"]
    assert made.check(Records.of([" "])) == {0: "found an empty text; expected at least one of its tokens"}
    space = TokenSpace(torch.randn(4, 6, generator=torch.Generator().manual_seed(0)), 40, words=tuple(words))
    transform = create(TRANSFORMS, check_section("transform", {"name": "free_embedding", "init": "own_tokens"}, "test"))
    transform.build(made.spec, space, torch.Generator().manual_seed(0))
    assert torch.equal(transform.table(), space.embedding[1:])
    with pytest.raises(RecipeError, match=r"encoder\.units: source: found a source without a tokenizer"):
        create(ENCODERS, check_section("encoder", {"name": "text", "units": "source"}, "test")).configure(64)
