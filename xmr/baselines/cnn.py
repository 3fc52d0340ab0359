"""Small convolutional networks trained from scratch on the same split, the epoch chosen on validation."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from xmr.baselines.base import BaselineInput
from xmr.baselines.network import fit_network
from xmr.core.generators import Generators
from xmr.core.global_generators import use_generators
from xmr.core.kinds import ImageBatch, ImageSpec, SymbolBatch, SymbolSet, SymbolSpec

EPOCHS, RESIDUE_EPOCHS, TOKENS, PICTURES, RATE, PATIENCE = 40, 12, 4096, 64, 2e-3, 8


class SequenceCNN(nn.Module):
    """Embedding 64, three convolutions of 64 to 128 channels and widths 3, 5, 7 (residual), masked mean and max."""

    def __init__(self, symbols: int, outputs: int, per_residue: bool, dropout: float = 0.3) -> None:
        super().__init__()
        self.per_residue = per_residue
        self.embedding = nn.Embedding(symbols, 64)
        self.layers = nn.ModuleList(nn.Conv1d(i, 128, k, padding=k // 2) for i, k in ((64, 3), (128, 5), (128, 7)))
        self.dropout = nn.Dropout(dropout)
        self.out = nn.Linear(128 if per_residue else 256, outputs)

    def forward(self, symbols: SymbolBatch) -> Tensor:
        """ids (B, L) -> (B, K), or (B, L, K) per residue."""
        mask = symbols.mask[:, None]
        hidden = self.embedding(symbols.ids).transpose(1, 2) * mask
        for number, layer in enumerate(self.layers):
            new = torch.relu(layer(hidden)) * mask
            hidden = new if number == 0 else hidden + new
        if self.per_residue:
            return self.out(self.dropout(hidden.transpose(1, 2)))
        mean = hidden.sum(dim=2) / mask.sum(dim=2)
        most = hidden.masked_fill(~mask, -torch.inf).amax(dim=2)
        return self.out(self.dropout(torch.cat([mean, most], dim=1)))


class PictureCNN(nn.Module):
    """Four 3x3 convolutions of 32 to 128 channels with batch norm, halved behind some; mean over pixels, linear."""

    def __init__(self, channels: int, outputs: int, halved: tuple[bool, ...] = (False, True, True, False)) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for inputs, width, pool in zip((channels, 32, 64, 128), (32, 64, 128, 128), halved):
            layers += [nn.Conv2d(inputs, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU()]
            layers += [nn.MaxPool2d(2, ceil_mode=True)] if pool else []
        self.layers = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(0.2))
        self.out = nn.Linear(128, outputs)

    def forward(self, image: ImageBatch) -> Tensor:
        """(B, C, H, W) -> (B, K)."""
        return self.out(self.layers(image.values))


def cnn_answers(parts: BaselineInput) -> np.ndarray:
    """Train from scratch on train, choose the epoch on validation, answer test: (n, K)."""
    description, spec = parts.description, parts.spec
    target = {name: torch.from_numpy(np.asarray(value)) for name, value in parts.targets.items()}
    generators = Generators(parts.seed)
    settings: dict[str, Any] = {"rate": RATE, "patience": PATIENCE, "seed": parts.seed, "generators": generators}
    if isinstance(spec, ImageSpec):
        with use_generators(generators):
            model: nn.Module = PictureCNN(spec.channels, description.outputs)
        settings |= {"epochs": EPOCHS, "budget": PICTURES, "augment": parts.augment}
        return fit_network(model, parts.sets, target, description, **settings)
    assert isinstance(spec, SymbolSpec)
    per_residue = description.task == "residue_classification"
    with use_generators(generators):
        model = SequenceCNN(len(spec.symbols), description.outputs, per_residue)
    sets = {name: _unwindowed(data) for name, data in parts.sets.items()}
    settings |= {"epochs": RESIDUE_EPOCHS if per_residue else EPOCHS, "budget": TOKENS}
    return fit_network(model, sets, target, description, **settings)


def _unwindowed(data: SymbolSet) -> SymbolSet:
    """A convolution takes any length, so no windows."""
    return SymbolSet(data.flat.numpy(), data.lengths, int(data.lengths.max(initial=1)), 0.0)
