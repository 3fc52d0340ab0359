"""What a language model's tokenizer puts around a text: special tokens, the words of its ids, a fixed text before."""

from __future__ import annotations

from typing import Any

from xmr.core.spaces import Tokenize
from xmr.sources.hugging_face import Checkpoint


class Specials:
    """Special tokens around the content, the words of every token id, the ids of a fixed text before the content."""

    def __init__(
        self,
        prefix: tuple[int, ...] = (),
        suffix: tuple[int, ...] = (),
        words: tuple[str, ...] = (),
        text: tuple[int, ...] = (),
        tokenize: Tokenize | None = None,
    ) -> None:
        self.prefix, self.suffix, self.words, self.text, self.tokenize = prefix, suffix, words, text, tokenize


def special_tokens(checkpoint: Checkpoint, text: str | None = None) -> Specials:
    """Ask the tokenizer what it puts around a text; a model without a tokenizer has no special tokens.

    Called in `checkpoint.loading()`, which makes one error of a tokenizer that cannot be read.
    """
    tokenizer = checkpoint.tokenizer()
    if tokenizer is None:
        return Specials()
    plain = tokenizer("a", add_special_tokens=False)["input_ids"]
    whole = tokenizer("a")["input_ids"]
    spots = [i for i in range(len(whole) - len(plain) + 1) if whole[i : i + len(plain)] == plain]
    words = tuple(tokenizer.convert_ids_to_tokens(list(range(len(tokenizer)))))
    fixed = tuple(tokenizer(text, add_special_tokens=False)["input_ids"]) if text else ()
    if not plain or not spots:
        return Specials(words=words, text=fixed, tokenize=_reader(tokenizer))
    around = tuple(whole[: spots[0]]), tuple(whole[spots[0] + len(plain) :])
    return Specials(*around, words, fixed, _reader(tokenizer))


def _reader(tokenizer: Any) -> Tokenize:
    """Texts -> the ids of their words, without special tokens."""
    return lambda texts: tokenizer(texts, add_special_tokens=False, verbose=False)["input_ids"] if texts else []
