"""A protein language model's embeddings: the mean over residues, and a linear model."""

from __future__ import annotations

import os

import numpy as np
import torch

from xmr.baselines.base import BaselineInput
from xmr.baselines.estimators import fit_and_predict, linear
from xmr.core.component import create
from xmr.core.registry import SOURCES
from xmr.core.spaces import TokenSpace
from xmr.data.records import Records
from xmr.encoders.protein import ProteinEncoder
from xmr.program import source_features
from xmr.sources.base import Source
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
    source: Source = create(SOURCES, section).load()
    assert isinstance(source.space, TokenSpace), "a language model"
    encoder = ProteinEncoder().configure(source.space.max_length)
    render = FreeEmbedding("own_tokens").build(encoder.spec, source.space, torch.Generator().manual_seed(0))
    found = [
        source_features(source, render, encoder.encode(Records.of(data.texts[part])))
        for part in ("train", "validation", "test")
    ]
    return fit_and_predict(linear, np.concatenate(found[:2]), found[2], data)
