"""YAMNet, the AudioSet tagger, with its front end in differentiable torch."""

from __future__ import annotations

from typing import Self

import torch
from torch import Tensor

from xmr.core.spaces import Spectrum, WaveInput, WaveSpace
from xmr.sources.depths import FeatureLayers
from xmr.sources.hugging_face import class_names, opened
from xmr.sources.pooled import take_classifier
from xmr.sources.wave import WaveSource, mel_filters
from xmr.sources.weights import Weights

RATE, FRAMES, WINDOW, HOP = 16000, 96, 400, 160


class Yamnet(WaveSource):
    """521 AudioSet classes on log mels of 0.975 seconds at 16 kHz: MobileNetV1 as a Hugging Face folder, one channel.

    Its classes are not exclusive (sigmoid). Source: Hershey et al. 2017, arXiv 1609.09430; tensorflow/models, audioset.

    Args:
        model: a folder with config.json and weights, or its name below XMR_MODELS.
        weights: `pretrained`, or `random` as a control (same architecture, randomly initialized).
        feature_layers: number of layers whose features are used: the last and others, evenly spaced; or
            indices of its hidden states, [3, -2]: 0 is the first, -1 the last.
    """

    clip = WINDOW + (FRAMES - 1) * HOP
    filters: Tensor

    def __init__(
        self,
        model: str = "yamnet",
        weights: Weights = "pretrained",
        feature_layers: FeatureLayers = 1,
    ) -> None:
        super().__init__()
        self.model_name, self.weights, self.feature_layers = model, weights, feature_layers

    def load(self, seed: int = 0) -> Self:
        """Load config and weights. Raises RecipeError with the alternatives if that fails."""
        self.seed = seed
        with opened(self.model_name) as (checkpoint, config):
            model = checkpoint.model("AutoModelForImageClassification", config, self.weights, seed)
            self.head = take_classifier(model)
            self.body = model
            spectrum = Spectrum(WINDOW, HOP, 512, FRAMES)
            assert self.clip is not None
            self.space = WaveSpace(RATE, self.clip, spectrum)
            filters = mel_filters(spectrum.bins, RATE, 125.0, 7500.0, 64, "htk", None)
            self.register_buffer("filters", filters, persistent=False)
            return self.finalize(class_names(config))

    def depths(self, inputs: WaveInput) -> tuple[Tensor, list[Tensor]]:
        """log(mel + 0.001) of the magnitude as an image of 96 x 64, through the network."""
        patch = torch.log(self.spectrum_of(inputs).abs() @ self.filters + 1e-3)
        answer = self.body(pixel_values=patch[:, None], output_hidden_states=self.feature_layers != 1)
        return answer.logits.flatten(1), list(answer.hidden_states or ())
