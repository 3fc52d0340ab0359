"""Random numbers owned by one fit: generated from its seed, never with the global generators that threads share."""

from __future__ import annotations

import torch
from torch import Generator, Tensor, nn


class Generators:
    """The generators of one fit, one per device, all seeded together.

    `train` seeds them before every step, so that a resumed fit gets the same numbers as an uninterrupted one, and
    parallel fits the same as serial ones.
    """

    def __init__(self, seed: int = 0) -> None:
        self.begin(seed)

    def begin(self, seed: int) -> None:
        """Seed all generators."""
        self._seed = seed
        self._generators: dict[torch.device, Generator] = {}

    def on(self, device: torch.device) -> Generator:
        """The generator for tensors of a device."""
        if device not in self._generators:
            self._generators[device] = Generator(device).manual_seed(self._seed)
        return self._generators[device]


def share_generators(generators: Generators, module: nn.Module) -> None:
    """Give these generators to every submodule with an attribute `generators`."""
    for part in module.modules():
        if isinstance(getattr(part, "generators", None), Generators):
            part.generators = generators  # type: ignore[assignment]


class Dropout(nn.Module):
    """In training, zero a fraction p of the values and scale the others by 1 / (1 - p): bit-identical to `F.dropout`.

    Only the generator differs: it is that of the fit (see `share_generators`), before that its own.
    """

    def __init__(self, share: float) -> None:
        super().__init__()
        self.share, self.generators = share, Generators()

    def forward(self, values: Tensor) -> Tensor:
        """Any shape; unchanged outside training."""
        if not self.training or not self.share:
            return values
        kept = 1 - self.share
        mask = torch.empty_like(values).bernoulli_(kept, generator=self.generators.on(values.device))
        return values * mask.div_(kept)
