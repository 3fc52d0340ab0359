"""Random numbers of a fit's own: drawn from its seed, never from the global generators that all threads share."""

from __future__ import annotations

import torch
from torch import Generator, Tensor, nn


class Generators:
    """Where one fit draws from: a generator on each device, all begun anew together from one number.

    `train` begins them anew before every step, so that a resumed fit draws what an undisturbed one does, and fits in
    threads draw what serial ones do.
    """

    def __init__(self, seed: int = 0) -> None:
        self.begin(seed)

    def begin(self, seed: int) -> None:
        """Draw from the beginning of another seed."""
        self._seed = seed
        self._generators: dict[torch.device, Generator] = {}

    def on(self, device: torch.device) -> Generator:
        """The generator for tensors of a device."""
        if device not in self._generators:
            self._generators[device] = Generator(device).manual_seed(self._seed)
        return self._generators[device]


def share_generators(generators: Generators, module: nn.Module) -> None:
    """Have every module in it that draws in training (has an attribute `generators`) draw from these."""
    for part in module.modules():
        if isinstance(getattr(part, "generators", None), Generators):
            part.generators = generators  # type: ignore[assignment]


class Dropout(nn.Module):
    """In training, zero a share of the values and scale the others by 1 / (1 - share): bit for bit `F.dropout`.

    Only the generator differs: that of the fit (see `hand_out`), until then one of its own.
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
