import numpy as np
import pytest

from xmr.core.component import check_section, create
from xmr.core.registry import ENCODERS
from xmr.data.records import Records
from xmr.errors import DataError


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
