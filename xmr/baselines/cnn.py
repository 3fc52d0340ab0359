"""Small convolutional networks trained from scratch on the same split, the epoch chosen on validation."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn

from xmr.baselines.base import BaselineInput
from xmr.baselines.network import Schedule, fit_network
from xmr.core.generators import Generators
from xmr.core.global_generators import use_generators
from xmr.core.kinds import ImageBatch, SymbolBatch, SymbolSet

EPOCHS, POSITION_EPOCHS, PATIENCE, LEARNING_RATE = 40, 12, 8, 2e-3
TOKENS, IMAGES = 4096, 64  # per batch


class SequenceCNN(nn.Module):
    """Embedding 64, three convolutions of 64 to 128 channels and widths 3, 5, 7 (residual), masked mean and max."""

    def __init__(self, symbols: int, outputs: int, per_position: bool, dropout: float = 0.3) -> None:
        super().__init__()
        self.per_position = per_position
        self.embedding = nn.Embedding(symbols, 64)
        self.layers = nn.ModuleList(nn.Conv1d(i, 128, k, padding=k // 2) for i, k in ((64, 3), (128, 5), (128, 7)))
        self.dropout = nn.Dropout(dropout)
        self.out = nn.Linear(128 if per_position else 256, outputs)

    def forward(self, symbols: SymbolBatch) -> Tensor:
        """ids (B, L) -> (B, K), or (B, L, K) per position."""
        mask = symbols.mask[:, None]
        hidden = self.embedding(symbols.ids).transpose(1, 2) * mask
        for number, layer in enumerate(self.layers):
            new = torch.relu(layer(hidden)) * mask
            hidden = new if number == 0 else hidden + new
        if self.per_position:
            return self.out(self.dropout(hidden.transpose(1, 2)))
        mean = hidden.sum(dim=2) / mask.sum(dim=2)
        most = hidden.masked_fill(~mask, -torch.inf).amax(dim=2)
        return self.out(self.dropout(torch.cat([mean, most], dim=1)))


class ImageCNN(nn.Module):
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


def sequence_cnn(data: BaselineInput) -> np.ndarray:
    """Train on sequences from scratch, choose the epoch on validation, predict test: (n, K), or (positions, K)."""
    per_position = data.task.per_position
    generators = Generators(data.seed)
    with use_generators(generators):
        model = SequenceCNN(len(data.spec.symbols), data.task.outputs, per_position)
    plain = replace(
        data,
        sets={name: _unwindowed(part) for name, part in data.sets.items()},
        augment=lambda batch, generator: batch,
        precision="full",
    )
    epochs = POSITION_EPOCHS if per_position else EPOCHS
    schedule = Schedule(epochs=epochs, batch=TOKENS, learning_rate=LEARNING_RATE, patience=PATIENCE)
    return fit_network(model, plain, schedule, generators)


def image_cnn(data: BaselineInput) -> np.ndarray:
    """Train on images from scratch, choose the epoch on validation, predict test: (n, K)."""
    generators = Generators(data.seed)
    with use_generators(generators):
        model = ImageCNN(data.spec.channels, data.task.outputs)
    schedule = Schedule(epochs=EPOCHS, batch=IMAGES, learning_rate=LEARNING_RATE, patience=PATIENCE)
    return fit_network(model, replace(data, precision="full"), schedule, generators)


def _unwindowed(data: SymbolSet) -> SymbolSet:
    """A convolution takes any length, so no windows."""
    return SymbolSet(data.flat.numpy(), data.lengths, int(data.lengths.max(initial=1)), 0.0)
