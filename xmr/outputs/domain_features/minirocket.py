"""Random convolutions of time series."""

from __future__ import annotations

from typing import Any, ClassVar, Self

import numpy as np
import torch
from torch import Tensor

from xmr.core.global_generators import numpy_state_kept
from xmr.core.kinds import EncodedSet, SignalBatch, SignalSpec
from xmr.errors import Problem, RecipeError, require
from xmr.outputs.domain_features.base import DomainFeatures

SHORTEST = 9  # samples that its kernels need
# What aeon's transformer holds after `fit`, in its order.
PARTS = ("channels", "channel_indices", "dilations", "features", "biases")


class MiniRocket(DomainFeatures):
    """The fraction of positive values of 84 fixed kernels at many dilations and biases, by aeon.

    Source: MiniRocket, arXiv 2012.08791.
    """

    reads: ClassVar[str] = "signal"
    biases: Tensor

    def build(self, spec: SignalSpec) -> Self:
        """See `DomainFeatures.build`."""
        self.made: Any = require("aeon.transformations.collection.convolution_based", "series", "MiniRocket").MiniRocket
        self.length = spec.length
        for name in PARTS:
            kind = torch.float32 if name == "biases" else torch.int32
            self.register_buffer(name, torch.zeros(0, dtype=kind))
        return self

    def fit(self, data: EncodedSet) -> None:
        """Choose dilations and biases on the training series."""
        batch = data.batch(np.arange(len(data)))
        assert isinstance(batch, SignalBatch)
        if batch.windows is not None:
            raise RecipeError(Problem("output.domain_features: minirocket", "encoder.length: window", "whole series"))
        transformer = self.made(random_state=0, n_jobs=1)
        with numpy_state_kept():
            transformer.fit(self._padded(batch))
        for name, value in zip(PARTS, transformer.parameters, strict=True):
            held = getattr(self, name)
            setattr(self, name, torch.from_numpy(np.ascontiguousarray(value)).to(held.dtype).to(held.device))

    def resize(self, shapes: dict[str, torch.Size]) -> None:
        """See `DomainFeatures.resize`."""
        for name in PARTS:
            setattr(self, name, getattr(self, name).new_zeros(shapes[name]))

    @property
    def width(self) -> int:  # type: ignore[override]
        """See `DomainFeatures.width`."""
        return len(self.biases)

    def forward(self, encoded: SignalBatch) -> Tensor:  # type: ignore[override]
        """See `DomainFeatures.forward`."""
        transformer = self.made(random_state=0, n_jobs=1)
        transformer.parameters = tuple(getattr(self, name).cpu().numpy() for name in PARTS)
        transformer.is_fitted, transformer._n_jobs = True, 1
        threads = torch.get_num_threads()
        found = np.asarray(transformer._transform(self._padded(encoded)), dtype=np.float32)
        torch.set_num_threads(threads)  # numba sets that of OpenMP for the whole process
        return torch.from_numpy(found).to(encoded.values.device)

    def _padded(self, encoded: SignalBatch) -> np.ndarray:
        values = encoded.values.cpu().numpy()
        return np.pad(values, ((0, 0), (0, 0), (0, max(0, SHORTEST - self.length))))
