"""Frozen image classifiers: any of Hugging Face, of timm, or a torch module with a weights file."""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from typing import Annotated, Any, ClassVar, Self

import torch
from annotated_types import Ge, Le
from torch import Tensor, nn

from xmr.core.spaces import PixelInput, PixelSpace
from xmr.errors import Problem, RecipeError, SourceUnavailableError, require
from xmr.sources.depths import FeatureLayers, concat_layers, forward_with_maps
from xmr.sources.folding import Folded, fold_batch_norms, unfold
from xmr.sources.hugging_face import Checkpoint, class_names, opened, random_init, unreachable
from xmr.sources.pooled import OwnNetwork, PooledSource, take_classifier
from xmr.sources.weights import Weights

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
MAX_PIXELS = 4096  # of a side


class VisionSource(PooledSource):
    """The base of vision sources. Normalizes in front of the model unless the program has already done so."""

    space_kind: ClassVar[str] = "pixel"
    space: PixelSpace
    _folded: list[Folded]
    factor: Tensor
    shift: Tensor

    def keep_normalization(self, space: PixelSpace) -> None:
        """(x - mean) / std as x * factor + shift, one pass over the pixels."""
        mean, std = torch.tensor(space.mean)[:, None, None], torch.tensor(space.std)[:, None, None]
        self.register_buffer("factor", 1 / std, persistent=False)
        self.register_buffer("shift", -mean / std, persistent=False)

    def normalized(self, inputs: PixelInput) -> Tensor:
        """Pixels in the source's own units."""
        return inputs.pixels if inputs.normalized else torch.addcmul(self.shift, inputs.pixels, self.factor)

    def adopt(self, model: nn.Module, space: PixelSpace, names: tuple[str, ...] = ()) -> Self:
        """Use a model in memory as the source: cut off its last linear layer, fold its batch norms, freeze it."""
        self.head = take_classifier(model)
        # On CPUs and GPUs convolutions are fastest in this memory format (docs/performance.md).
        self.body = model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.space = space
        self.keep_normalization(space)
        self.eval()
        with torch.no_grad():
            features = self.features(PixelInput(torch.zeros(1, space.channels, space.height, space.width)))
            self.own_width = own_width(self.head, features)
            self._classes = int(self.head(features[:, : self.own_width]).shape[1])
        self.hidden_width = int(features.shape[1])
        self.identity = self.checksum()  # of the original weights
        shape = (2, space.channels, space.height, space.width)
        pixels = torch.rand(shape, generator=torch.Generator().manual_seed(0))
        with torch.no_grad():
            self._folded = fold_batch_norms(self.body, lambda: self.features(PixelInput(pixels)))
        self.class_names = names if len(names) == self._classes else ()
        return self.freeze()

    def trainable_copy(self) -> Self:
        """A copy with its batch norms restored and trainable weights, for full fine-tuning."""
        made = copy.deepcopy(self)
        unfold(made.body, copy.deepcopy(self._folded))
        return made.requires_grad_(True)

    def run(self, pixels: Tensor) -> tuple[Tensor, Sequence[Tensor]]:
        """Normalized pixels -> the classifier's input, and the lower hidden states if `feature_layers` requests them.

        Raises RecipeError if it requests layers of a network without a sequence of blocks.
        """
        if self.feature_layers == 1:
            return self.body(pixels), ()
        found, below = forward_with_maps(self.body, pixels)
        if not below:
            raise RecipeError(
                Problem("source.feature_layers", str(self.feature_layers), "1: this network has no sequence of blocks")
            )
        return found, below

    def features(self, inputs: PixelInput) -> Tensor:
        """(B, C, H, W) -> (B, D'), the classifier's input first."""
        pixels = self.normalized(inputs)
        found, below = self.run(pixels.contiguous(memory_format=torch.channels_last))
        return concat_layers(found.flatten(1), below, self.feature_layers)


class HFImage(VisionSource):
    """Any Hugging Face image classifier (ResNet, ConvNeXt, ViT, Swin, MobileNet), by hub name or local folder.

    Args:
        model: hub name (`microsoft/resnet-18`), a folder with config.json and weights, or its name below XMR_MODELS.
        revision: commit or tag of a hub model; part of the program.
        weights: `pretrained`, or `random` as a control (same architecture, randomly initialized).
        size: side of the input in pixels; by default the model's own.
        feature_layers: number of layers whose features are used: the last and others, evenly spaced; or
            indices of its hidden states, [3, -2]: 0 is the first, -1 the last.
    """

    def __init__(
        self,
        model: str,
        revision: str | None = None,
        weights: Weights = "pretrained",
        size: Annotated[int, Ge(8), Le(4096)] | None = None,
        feature_layers: FeatureLayers = 1,
    ) -> None:
        super().__init__()
        self.model_name, self.revision, self.weights, self.size = model, revision, weights, size
        self.feature_layers = feature_layers

    def load(self, seed: int = 0) -> Self:
        """Load config and weights. Raises RecipeError with the alternatives if that fails."""
        self.seed = seed
        with opened(self.model_name, self.revision) as (checkpoint, config):
            space = space_of(checkpoint, config, self.size)
            model = checkpoint.model("AutoModelForImageClassification", config, self.weights, seed)
            return self.adopt(model, space, class_names(config))

    def run(self, pixels: Tensor) -> tuple[Tensor, Sequence[Tensor]]:
        """The model without its classifier returns the classifier's input as its logits."""
        answer = self.body(pixel_values=pixels, output_hidden_states=self.feature_layers != 1)
        return answer.logits, answer.hidden_states or ()


class Timm(VisionSource):
    """Any classifier of timm by name (`resnet18.a1_in1k`), if timm is installed.

    Args:
        model: name of the model in timm.
        weights: `pretrained`, or `random` as a control (same architecture, randomly initialized).
        size: side of the input in pixels; by default the model's own.
        feature_layers: number of layers whose features are used: the last and others, evenly spaced; or
            indices of its hidden states, [3, -2]: 0 is the first, -1 the last.
    """

    def __init__(
        self,
        model: str,
        weights: Weights = "pretrained",
        size: Annotated[int, Ge(8), Le(4096)] | None = None,
        feature_layers: FeatureLayers = 1,
    ) -> None:
        super().__init__()
        self.model_name, self.weights, self.size, self.feature_layers = model, weights, size, feature_layers

    def load(self, seed: int = 0) -> Self:
        """Create the model with timm. Raises MissingExtraError without timm, RecipeError for an unknown model."""
        if ":" in self.model_name:  # `hf-hub:` and `local-dir:`, whose weights timm may read from pickles
            found = f"{self.model_name!r}, a model from outside timm"
            raise RecipeError(Problem("source.model", found, "a name of timm.list_models(); others: source hf_image"))
        timm = require("timm", "timm", "source timm")
        self.seed = seed
        try:
            pretrained = self.weights == "pretrained"
            model: Any = random_init(lambda: timm.create_model(self.model_name, pretrained=pretrained), seed)
        except (RuntimeError, OSError, ValueError) as error:
            raise SourceUnavailableError(unreachable(self.model_name, error, "a name of timm.list_models()")) from error
        facts: Any = model.pretrained_cfg
        side = self.size or int(facts["input_size"][-1])
        return self.adopt(model, PixelSpace(side, side, tuple(facts["mean"]), tuple(facts["std"])))


class ModuleSource(OwnNetwork, VisionSource):
    """A torch module of your own with a weights file: subclass it in a plugin (docs/how-to/use-another-source.md).

    `network` makes the architecture; the weights come from a file that holds only tensors, never from code in a recipe.

    Args:
        weights_file: a .safetensors or .pt file, by path or by its name below XMR_MODELS.
        weights: `pretrained`, or `random` as a control (same architecture, randomly initialized).
        feature_layers: number of layers whose features are used: the last and others, evenly spaced over the blocks of
            its `nn.Sequential`s.
    """

    height: ClassVar[int] = 224
    width: ClassVar[int] = 224
    channel_mean: ClassVar[tuple[float, ...]] = IMAGENET_MEAN
    channel_std: ClassVar[tuple[float, ...]] = IMAGENET_STD

    def load(self, seed: int = 0) -> Self:
        """Create the network and load its weights. Raises RecipeError unless the file holds exactly its tensors."""
        space = PixelSpace(self.height, self.width, self.channel_mean, self.channel_std)
        return self.adopt(self.create(seed), space, self.names)


def own_width(head: nn.Module, features: Tensor) -> int:
    """Number of features that are the classifier's input."""
    first = next((module for module in head.modules() if isinstance(module, nn.Linear)), None)
    return first.in_features if first is not None else features.shape[1]


def space_of(checkpoint: Checkpoint, config: Any, size: int | None) -> PixelSpace:
    """Input size, mean and standard deviation from the model's preprocessor; by default those of ImageNet.

    Called in `checkpoint.loading()`. Raises RecipeError for impossible values.
    """
    facts = checkpoint.image_facts()
    channels = int(getattr(config, "num_channels", 3))
    mean, std = facts.get("image_mean", IMAGENET_MEAN), facts.get("image_std", IMAGENET_STD)
    if facts.get("do_normalize") is False:
        mean, std = [0.0] * channels, [1.0] * channels
    height, width = _sides(facts, config)
    if size is not None:
        height = width = size
    mean, std = tuple(map(float, mean))[:channels], tuple(map(float, std))[:channels]
    if not (1 <= min(height, width) <= max(height, width) <= MAX_PIXELS and channels >= 1):
        found = f"{checkpoint.asked!r}, which takes {channels} channels of {height} x {width} pixels"
        raise RecipeError(Problem("source.model", found, f"sides of 1 to {MAX_PIXELS} pixels"))
    if not (len(mean) == len(std) == channels and all(map(math.isfinite, (*mean, *std))) and min(std) > 0):
        found = f"{checkpoint.asked!r}, whose image_mean {mean} and image_std {std} do not fit {channels} channels"
        raise RecipeError(
            Problem("source.model", found, "a finite mean and a standard deviation above zero for each channel")
        )
    return PixelSpace(height, width, mean, std)


def _sides(facts: dict[str, Any], config: Any) -> tuple[int, int]:
    """(height, width): of the center crop, the resize, the config, or 224."""
    stated = facts.get("crop_size") if facts.get("do_center_crop") else None
    stated = stated or facts.get("size") or getattr(config, "image_size", None) or 224
    if isinstance(stated, dict):
        if "height" in stated:
            return int(stated["height"]), int(stated["width"])
        stated = stated.get("shortest_edge") or 224
    if isinstance(stated, list | tuple):
        return int(stated[0]), int(stated[1])
    return int(stated), int(stated)
