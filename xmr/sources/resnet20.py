"""ResNet-20 for CIFAR-10, the small network of the residual-learning paper: a source of 0.27 million weights."""

from __future__ import annotations

from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from xmr.sources.depths import FeatureLayers
from xmr.sources.vision import ModuleSource
from xmr.sources.weights import Weights

CIFAR10 = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


class _Block(nn.Module):
    """Two 3x3 convolutions; the shortcut skips every second pixel and pads new channels with zeros."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.stride, self.extra = stride, outputs - inputs
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C', H / stride, W / stride)."""
        short = x
        if self.extra:
            short = F.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, self.extra // 2, self.extra // 2))
        return torch.relu(self.bn2(self.conv2(torch.relu(self.bn1(self.conv1(x))))) + short)


class ResNet20Network(nn.Module):
    """16-32-64 channels, three blocks each, mean over pixels, linear. Source: He et al. 2016, arXiv 1512.03385, 4.2."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        self.layer1 = nn.Sequential(_Block(16, 16, 1), _Block(16, 16, 1), _Block(16, 16, 1))
        self.layer2 = nn.Sequential(_Block(16, 32, 2), _Block(32, 32, 1), _Block(32, 32, 1))
        self.layer3 = nn.Sequential(_Block(32, 64, 2), _Block(64, 64, 1), _Block(64, 64, 1))
        self.linear = nn.Linear(64, 10)

    def forward(self, x: Tensor) -> Tensor:
        """Normalized pixels (B, 3, 32, 32) -> logits (B, 10)."""
        x = torch.relu(self.bn1(self.conv1(x)))
        return self.linear(self.layer3(self.layer2(self.layer1(x))).mean(dim=(2, 3)))


class ResNet20(ModuleSource):
    """A CIFAR-10 network of 32 x 32 pixels and ten classes, weights of akamaster/pytorch_resnet_cifar10 (BSD-2).

    Args:
        weights_file: a .safetensors or .pt file, by path or by its name below XMR_MODELS.
        weights: `pretrained`, or `random` as a control (same architecture, randomly initialized).
        feature_layers: number of layers whose features are used: the last and others, evenly spaced over its nine
            blocks.
    """

    height: ClassVar[int] = 32
    width: ClassVar[int] = 32
    names: ClassVar[tuple[str, ...]] = CIFAR10

    def __init__(
        self,
        weights_file: str = "resnet20_cifar10.pt",
        weights: Weights = "pretrained",
        feature_layers: FeatureLayers = 1,
    ) -> None:
        super().__init__(weights_file, weights, feature_layers)

    def network(self) -> nn.Module:
        """See `ResNet20Network`."""
        return ResNet20Network()
