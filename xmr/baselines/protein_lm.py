"""A protein language model's embeddings: the mean over residues, and a linear model."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import torch

from xmr.baselines.base import BaselineInput
from xmr.baselines.estimators import fit_and_predict, linear
from xmr.core.component import create
from xmr.core.kinds import SymbolSet
from xmr.core.registry import SOURCES
from xmr.errors import Problem, RecipeError
from xmr.program import source_features
from xmr.transforms.vocabulary import FreeEmbedding

SETTING = "XMR_PROTEIN_LM"
DEFAULT = "facebook/esm2_t6_8M_UR50D"


def protein_lm(data: BaselineInput) -> np.ndarray:
    """Ridge or logistic regression on a protein language model's mean hidden state: (n, K).

    The model is ESM-2 of 8 million weights, or what the environment variable XMR_PROTEIN_LM names: a hub name, a
    folder, or a source (`antiberty`). Raises RecipeError or SourceUnavailableError where it cannot be loaded.
    """
    name = os.environ.get(SETTING) or DEFAULT
    section = {"name": name} if name in SOURCES.names() else {"name": "hf_text", "model": name}
    source: Any = create(SOURCES, section).load()
    if source.space_kind != "token":
        raise RecipeError(Problem(SETTING, repr(name), "a language model"))
    render = FreeEmbedding("own_tokens").build(data.spec, source.space, torch.Generator().manual_seed(0))
    number = {symbol: index for index, symbol in enumerate(data.spec.symbols)}

    def features(texts: list[str]) -> np.ndarray:
        """Of whole proteins; an encoder of aligned variants keeps only the columns that vary."""
        flat = np.array([number[letter] for letter in "".join(texts)], dtype=np.int64)
        whole = SymbolSet(flat, np.array([len(text) for text in texts], dtype=np.int64), source.space.max_length, 0.25)
        return source_features(source, render, whole)

    learned, test = features(data.texts["train"] + data.texts["validation"]), features(data.texts["test"])
    return fit_and_predict(linear, learned, test, data)
