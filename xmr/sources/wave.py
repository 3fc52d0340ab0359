"""Frozen audio models: the base classes, and any raw-wave encoder of Hugging Face.

A model that starts with a short-time Fourier transform states it in its space and accepts spectra as well as waves.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Annotated, Any, ClassVar, Self

import torch
import torch.nn.functional as F
from annotated_types import Ge, Le
from torch import Tensor, nn

from xmr.core.spaces import WaveInput, WaveSpace
from xmr.errors import MissingExtraError, Problem, RecipeError
from xmr.sources.depths import FeatureLayers, concat_layers
from xmr.sources.hugging_face import Checkpoint, class_names, opened
from xmr.sources.pooled import OwnNetwork, PooledSource
from xmr.sources.weights import Weights


class WaveSource(PooledSource):
    """The base of audio sources. `depths` is the model without its classifier, `head` the classifier."""

    space_kind: ClassVar[str] = "wave"
    space: WaveSpace
    clip: int | None = None  # samples of a clip, where known before the model is loaded

    def finalize(self, names: tuple[str, ...] = ()) -> Self:
        """Measure the width of the features on silence, and freeze."""
        self.eval()
        with torch.no_grad():
            silence = WaveInput(waves=torch.zeros(1, self.space.samples))
            last, _ = self.depths(silence)
            self.own_width, self.hidden_width = last.shape[1], self.features(silence).shape[1]
            self._classes = int(self.head(last).shape[1])
        self.class_names = names if len(names) == self._classes else ()
        return self.freeze()

    def spectrum_of(self, inputs: WaveInput) -> Tensor:
        """The spectrum of the transform's output: complex (B, T, F)."""
        if inputs.spectrum is not None:
            return inputs.spectrum
        assert self.space.spectrum is not None
        assert inputs.waves is not None
        return self.space.spectrum(inputs.waves)

    def without_network(self) -> dict[str, Any] | None:
        """MFCCs of a clip of the same length, where that is known."""
        return {"name": "mfcc", "n_samples": self.clip} if self.clip and not self.is_control else None

    @abstractmethod
    def depths(self, inputs: WaveInput) -> tuple[Tensor, list[Tensor]]:
        """The classifier's input (B, D), and hidden states from the first to the last layer before it."""

    def features(self, inputs: WaveInput) -> Tensor:
        """(B, D'), the classifier's input first."""
        last, below = self.depths(inputs)
        return concat_layers(last, below, self.feature_layers)


class ModuleWave(OwnNetwork, WaveSource):
    """An audio network of your own with a weights file: subclass it in a plugin, as `ModuleSource` for images.

    Args:
        weights_file: a .safetensors or .pt file, by path or by its name below XMR_MODELS.
        weights: `pretrained`, or `random` as a control (same architecture, randomly initialized).
        feature_layers: number of layers whose features are used: the last and others, evenly spaced; or
            indices of its hidden states, [3, -2]: 0 is the first, -1 the last.
    """

    @abstractmethod
    def space_and_head(self) -> tuple[WaveSpace, str]:
        """Its space, and the name of its last linear layer."""

    def load(self, seed: int = 0) -> Self:
        """Create the network and load its weights. Raises RecipeError unless the file holds exactly its tensors."""
        self.body = self.create(seed)
        self.space, leaf = self.space_and_head()
        self.head = getattr(self.body, leaf)
        return self.finalize(self.names)


class HFAudio(WaveSource):
    """Any raw-wave audio model of Hugging Face (wav2vec2, HuBERT, WavLM, and their classifiers), by name or folder.

    Features are the mean of the last hidden states over time; for a classifier, after its projector.

    Args:
        model: hub name (`facebook/wav2vec2-base`), a folder, or its name below XMR_MODELS.
        revision: commit or tag of a hub model; part of the program.
        weights: `pretrained`, or `random` as a control (same architecture, randomly initialized).
        n_samples: number of samples per clip at the model's rate (16,000 per second).
        feature_layers: number of layers whose features are used: the last and others, evenly spaced; or
            indices of its hidden states, [3, -2]: 0 is the first, -1 the last.
    """

    def __init__(
        self,
        model: str,
        revision: str | None = None,
        weights: Weights = "pretrained",
        n_samples: Annotated[int, Ge(400), Le(9_600_000)] = 16000,
        feature_layers: FeatureLayers = 1,
    ) -> None:
        super().__init__()
        self.model_name, self.revision, self.weights, self.feature_layers = model, revision, weights, feature_layers
        self.n_samples = self.clip = n_samples

    def load(self, seed: int = 0) -> Self:
        """Load config and weights. Raises RecipeError with the alternatives if that fails."""
        self.seed = seed
        with opened(self.model_name, self.revision) as (checkpoint, config):
            model, names = audio_model(checkpoint, config, self.weights, seed)
            rate, normalize = _front_of(checkpoint)
            return self.adopt(model, rate, normalize, names)

    def adopt(self, model: Any, rate: int = 16000, normalize: bool = True, names: tuple[str, ...] = ()) -> Self:
        """Use a model in memory as the source. normalize: scale each wave to mean 0 and standard deviation 1, as in
        its training.
        """
        self.body, self.normalize = model.base_model, normalize
        self.projector, self.head = projector_and_classifier(model)
        self.space = WaveSpace(rate, self.n_samples)
        return self.finalize(names)

    def depths(self, inputs: WaveInput) -> tuple[Tensor, list[Tensor]]:
        """See `WaveSource.depths`."""
        waves = inputs.waves
        assert waves is not None
        if self.normalize:
            waves = F.layer_norm(waves, waves.shape[-1:], eps=1e-7)
        answer = self.body(waves, output_hidden_states=self.feature_layers != 1)
        return self.projector(answer.last_hidden_state).mean(dim=1), list(answer.hidden_states or ())


def audio_model(checkpoint: Checkpoint, config: Any, weights: Weights, seed: int) -> tuple[Any, tuple[str, ...]]:
    """An audio model with its classifier, if it has one, and the names of its classes. Raises as `Checkpoint.model`."""
    classifier = (config.architectures or [""])[0].endswith(("ForSequenceClassification", "ForAudioClassification"))
    kind = "AutoModelForAudioClassification" if classifier else "AutoModel"
    model = checkpoint.model(kind, config, weights, seed, audio_body, ("masked_spec_embed",))
    return model, class_names(config) if classifier else ()


def audio_body(model: Any) -> Any:
    """Whisper's encoder; of the others the network without its classifier."""
    if model.config.model_type == "whisper":
        return model.encoder if hasattr(model, "encoder") else model.get_encoder()
    return model.base_model


def projector_and_classifier(model: Any) -> tuple[nn.Module, nn.Module]:
    """The layers behind an audio model of transformers; the identity for one that it does not have."""
    projector, classifier = (getattr(model, name, None) or nn.Identity() for name in ("projector", "classifier"))
    return projector, classifier


def _front_of(checkpoint: Checkpoint) -> tuple[int, bool]:
    """Sample rate and whether waves are normalized, from the model's preprocessor; by default 16 kHz and yes.

    Called in `checkpoint.loading()`. Raises RecipeError for an impossible rate.
    """
    facts = checkpoint.audio_facts()
    rate = facts.get("sampling_rate", 16000)
    if not isinstance(rate, int) or not 1000 <= rate <= 192_000:
        found = f"{checkpoint.asked!r}, preprocessor_config.json: sampling_rate {rate!r}"
        raise RecipeError(Problem("source.model", found, "1,000 to 192,000 samples per second"))
    return rate, bool(facts.get("do_normalize", True))


def mel_filters(bins: int, rate: int, low: float, high: float, mels: int, scale: str, norm: str | None) -> Tensor:
    """Triangular mel filters (bins, mels) by torchaudio. Raises MissingExtraError without it."""
    functional = torchaudio_functional()
    return functional.melscale_fbanks(bins, low, high, mels, rate, norm=norm, mel_scale=scale)


def torchaudio_functional() -> Any:
    """torchaudio's functions, imported on first use: it must match torch exactly."""
    try:
        import torchaudio.functional as functional
    except (ImportError, OSError) as error:
        raise MissingExtraError(
            f"audio needs torchaudio built for this torch ({torch.__version__}): "
            f"pip install torch==2.11.0 torchaudio==2.11.0, a pair that fits together ({str(error)[:120]})"
        ) from error
    return functional
