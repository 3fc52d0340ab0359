"""Mel-frequency cepstral coefficients of audio clips."""

from __future__ import annotations

from typing import Any, ClassVar, Self

import torch
from torch import Tensor

from xmr.core.kinds import SignalBatch, SignalSpec
from xmr.errors import Problem, RecipeError, require
from xmr.outputs.domain_features.base import DomainFeatures

COEFFICIENTS, SPANS = 20, 4


class Mfcc(DomainFeatures):
    """Mean and standard deviation of 20 MFCCs and of their differences in each quarter of a clip, by torchaudio."""

    reads: ClassVar[str] = "signal"

    def build(self, spec: SignalSpec) -> Self:
        """See `DomainFeatures.build`."""
        if spec.rate is None:
            problem = Problem("output.domain_features: mfcc", "series without a sample rate", "an audio encoder")
            raise RecipeError(problem)
        self.rate, self.width = int(spec.rate), SPANS * 4 * COEFFICIENTS * spec.channels
        return self

    def forward(self, encoded: SignalBatch) -> Tensor:  # type: ignore[override]
        """See `DomainFeatures.forward`: the mean over the windows of a record."""
        rows = mfcc_statistics(encoded.values.float().cpu(), self.rate, SPANS).to(encoded.values.device)
        if encoded.windows is None:
            return rows
        owner = encoded.windows.owner
        total = rows.new_zeros(encoded.windows.records, rows.shape[1]).index_add(0, owner, rows)
        return total / torch.bincount(owner, minlength=len(total))[:, None]


def mfcc_statistics(waves: Tensor, rate: int, spans: int) -> Tensor:
    """Mean and standard deviation of MFCCs and of their differences in each of some equal spans of a clip.

    waves: (B, C, L) at `rate` samples per second -> (B, spans * 80 * C).
    """
    transforms: Any = require("torchaudio.transforms", "audio", "MFCCs")
    steps = {"n_fft": round(0.032 * rate), "hop_length": round(0.016 * rate), "n_mels": 40}
    frames = transforms.MFCC(rate, COEFFICIENTS, melkwargs=steps)(waves)  # (B, C, 20, T)
    cuts = [[*each.tensor_split(spans, dim=-1)] for each in (frames, torch.diff(frames, dim=-1))]
    statistics = [value for cut in cuts for each in cut for value in (each.mean(-1), each.std(-1, correction=0))]
    return torch.cat([each.flatten(1) for each in statistics], dim=1).nan_to_num()
