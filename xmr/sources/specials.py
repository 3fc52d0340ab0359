"""What a language model's tokenizer adds to a text: special tokens; the texts of all token ids; a fixed prompt text."""

from __future__ import annotations

from typing import Any

from xmr.core.spaces import Tokenize
from xmr.sources.hugging_face import Checkpoint


class Specials:
    """Special tokens around the content, the texts of all token ids, the ids of a fixed text before it, and the token
    for what is hidden.
    """

    def __init__(
        self,
        prefix: tuple[int, ...] = (),
        suffix: tuple[int, ...] = (),
        words: tuple[str, ...] = (),
        text: tuple[int, ...] = (),
        tokenize: Tokenize | None = None,
        mask: int | None = None,
    ) -> None:
        self.mask = mask
        self.prefix, self.suffix, self.words, self.text, self.tokenize = prefix, suffix, words, text, tokenize


def special_tokens(checkpoint: Checkpoint, text: str | None = None) -> Specials:
    """The special tokens that the tokenizer adds; a model without a tokenizer has none.

    Called in `checkpoint.loading()`, which turns an unreadable tokenizer into one error.
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
        return Specials(words=words, text=fixed, tokenize=_reader(tokenizer), mask=tokenizer.mask_token_id)
    around = tuple(whole[: spots[0]]), tuple(whole[spots[0] + len(plain) :])
    return Specials(*around, words, fixed, _reader(tokenizer), tokenizer.mask_token_id)


def _reader(tokenizer: Any) -> Tokenize:
    """Texts -> token ids, without special tokens."""
    return lambda texts: tokenizer(texts, add_special_tokens=False, verbose=False)["input_ids"] if texts else []
