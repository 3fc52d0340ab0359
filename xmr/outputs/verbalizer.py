"""A masked language model's own head, read at a few words per class."""

from __future__ import annotations

from typing import Any, ClassVar, Self

import torch
from torch import Generator, Tensor, nn

from xmr.core.kinds import Batch
from xmr.core.spaces import SourceOutput, TokenFeatures
from xmr.errors import Problem, RecipeError, nearest
from xmr.outputs.base import Output, counted


class Verbalizer(Output):
    """y_c = mean over the words w of class c of t . W_dec[w] + b[w], at the last token of the content (`prompt.mask`).

    t is the source's masked-LM head before its vocabulary matrix. With `learn`, y = t V^T + v, V_c and v_c starting at
    those means: K D + K parameters. Alignment: structural, or linear. Source: WARP, arXiv 2101.00121.

    Args:
        words: the words of each class; each must be one token of the source.
        learn: train the row of each class.
    """

    tasks: ClassVar[tuple[str, ...]] = ("classification",)
    rows: Tensor
    bias: Tensor

    def __init__(self, words: dict[str, list[str]], learn: bool = True) -> None:
        super().__init__()
        self.words, self.learn = words, learn

    def build(self, source: Any, outputs: int, length: int | None, generator: Generator) -> Self:
        """Find the token of every word. Raises RecipeError for a word of several tokens, a class without words, and a
        source without a trained head.
        """
        decoder = getattr(getattr(source, "head", None), "decoder", None)
        if decoder is None:
            expected = "a masked language model with its head, or output: linear"
            raise RecipeError(
                Problem("output.name: verbalizer", "a source without a trained vocabulary head", expected)
            )
        bias = torch.zeros(source.classes) if decoder.bias is None else decoder.bias.detach().float()
        rows, values = [], []
        for name in self.target_names:
            if not self.words.get(name):
                hint = nearest(name, self.words)
                raise RecipeError(Problem("output.words", f"no word for {name!r}", "one per target class", hint))
            ids = torch.tensor([_token(source, name, word) for word in self.words[name]])
            rows.append(decoder.weight.detach().float()[ids].mean(dim=0))
            values.append(bias[ids].mean())
        for key, value in (("rows", torch.stack(rows)), ("bias", torch.stack(values))):
            if self.learn:
                self.register_parameter(key, nn.Parameter(value.clone()))
            else:
                self.register_buffer(key, value)
        return self

    def forward(self, answer: SourceOutput, encoded: Batch, source: Any) -> Tensor:
        """See `Output.forward`: (R, K); windows of a long record are averaged."""
        assert isinstance(answer, TokenFeatures), "a verbalizer needs a source with a hidden state at every position"
        last = answer.mask.sum(dim=1) - len(source.space.suffix) - 1
        hidden = answer.hidden[torch.arange(len(last), device=last.device), last].float()
        logits = source.pre_classifier(hidden) @ self.rows.T + self.bias
        if encoded.windows is None:
            return logits
        total = logits.new_zeros(encoded.windows.records, logits.shape[1]).index_add(0, encoded.windows.owner, logits)
        return total / counted(encoded.windows.owner, encoded.windows.records)[:, None]


def _token(source: Any, name: str, word: str) -> int:
    """The one token of a word. Raises RecipeError that shows the pieces of a word of several."""
    pieces = source.tokenize([word])[0] if source.tokenize is not None else []
    if len(pieces) != 1:
        shown = ", ".join(source.space.words[piece] for piece in pieces) or "no tokenizer"
        raise RecipeError(
            Problem(f"output.words.{name}", f"{word!r} ({shown})", "a word that is one token of the source")
        )
    return int(pieces[0])
