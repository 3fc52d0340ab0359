"""Frozen audio models on log mel spectrograms, with differentiable front ends: AST, and Whisper's encoder."""

from __future__ import annotations

from typing import Any, Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from xmr.core.spaces import WaveInput, WaveSpace
from xmr.errors import Problem, RecipeError
from xmr.sources.depths import FeatureLayers
from xmr.sources.hugging_face import opened
from xmr.sources.wave import WaveSource, audio_body, audio_model, projector_and_classifier, torchaudio_functional
from xmr.sources.weights import Weights

RATE, WINDOW, HOP = 16000, 400, 160
AST_MEAN, AST_STD = -4.2677393, 4.5689974  # of AudioSet, as its preprocessor states them


class HFSpectrogram(WaveSource):
    """The Audio Spectrogram Transformer, or Whisper's encoder, of Hugging Face, by name or folder; 16 kHz.

    AST processes the seconds that fit its positions (10.24), Whisper always 30. Features: AST's pooled output, the mean
    of Whisper's last hidden states. Source: AST, arXiv 2104.01778; Whisper, arXiv 2212.04356.

    Args:
        model: hub name (`MIT/ast-finetuned-audioset-10-10-0.4593`, `openai/whisper-tiny`), a folder, or its name below
            XMR_MODELS.
        revision: commit or tag of a hub model; part of the program.
        weights: `pretrained`, or `random` as a control (same architecture, randomly initialized).
        feature_layers: number of layers whose features are used: the last and others, evenly spaced; or
            indices of its hidden states, [3, -2]: 0 is the first, -1 the last.
    """

    filters: Tensor
    window: Tensor

    def __init__(
        self,
        model: str,
        revision: str | None = None,
        weights: Weights = "pretrained",
        feature_layers: FeatureLayers = 1,
    ) -> None:
        super().__init__()
        self.model_name, self.revision, self.weights, self.feature_layers = model, revision, weights, feature_layers

    def load(self, seed: int = 0) -> Self:
        """Load config and weights. Raises RecipeError with the alternatives if that fails."""
        self.seed = seed
        with opened(self.model_name, self.revision) as (checkpoint, config):
            return self.adopt(*audio_model(checkpoint, config, self.weights, seed))

    def adopt(self, model: Any, names: tuple[str, ...] = ()) -> Self:
        """Use a model in memory as the source. Raises RecipeError if it is neither AST nor Whisper."""
        config = model.config
        self.kind, self.body = config.model_type, audio_body(model)
        self.projector, self.head = projector_and_classifier(model)
        if self.kind == "audio-spectrogram-transformer":
            self.frames = config.max_length
            self.space = WaveSpace(RATE, WINDOW + (self.frames - 1) * HOP)
            filters, window = _kaldi_filters(config.num_mel_bins), torch.hann_window(WINDOW, periodic=False)
        elif self.kind == "whisper":
            self.frames = 2 * config.max_source_positions
            self.space = WaveSpace(RATE, self.frames * HOP)
            filters, window = whisper_filters(config.num_mel_bins), torch.hann_window(WINDOW)
        else:
            expected = "audio-spectrogram-transformer or whisper (raw waves: source hf_audio)"
            raise RecipeError(Problem("source.model", f"a model of type {self.kind}", expected))
        self.register_buffer("filters", filters, persistent=False)
        self.register_buffer("window", window, persistent=False)
        return self.finalize(names)

    def levels(self, waves: Tensor) -> Tensor:
        """(B, samples) -> the log mels the model was trained on, (B, frames, mels)."""
        if self.kind == "whisper":
            return whisper_mels(waves, self.window, self.filters)
        framed = waves.unfold(1, WINDOW, HOP)[:, : self.frames]
        framed = framed - framed.mean(dim=2, keepdim=True)
        framed = framed - 0.97 * torch.cat([framed[..., :1], framed[..., :-1]], dim=2)  # pre-emphasis
        found = torch.fft.rfft(framed * self.window, n=512)
        power = found.real.square() + found.imag.square()
        mels = torch.log((power @ self.filters).clamp(min=torch.finfo(power.dtype).eps))
        return (mels - AST_MEAN) / (2 * AST_STD)

    def depths(self, inputs: WaveInput) -> tuple[Tensor, list[Tensor]]:
        """See `WaveSource.depths`."""
        assert inputs.waves is not None
        levels, many = self.levels(inputs.waves), self.feature_layers != 1
        if self.kind == "whisper":
            answer = self.body(levels.transpose(1, 2), output_hidden_states=many)
            return self.projector(answer.last_hidden_state).mean(dim=1), list(answer.hidden_states or ())
        answer = self.body(levels, output_hidden_states=many)
        return answer.pooler_output, list(answer.hidden_states or ())

    def classifier_weight(self) -> Tensor:
        """The (K_S, D) matrix that turns the last features into logits."""
        linear = [module for module in self.head.modules() if isinstance(module, nn.Linear)]
        return linear[-1].weight if linear else super().classifier_weight()

    def pre_classifier(self, hidden: Tensor) -> Tensor:
        """AST's classifier normalizes first."""
        own = hidden[..., : self.own_width]
        norm = getattr(self.head, "layernorm", None)
        return own if norm is None else norm(own)


def _kaldi_filters(mels: int) -> Tensor:
    """Kaldi's triangular filters from 20 Hz to half the rate: (257, mels)."""
    torchaudio_functional()  # a plain error if torchaudio does not match torch
    from torchaudio.compliance import kaldi

    banks, _ = kaldi.get_mel_banks(mels, 512, float(RATE), 20.0, 0.0, 100.0, -500.0, 1.0)
    return F.pad(banks, (0, 1)).T.contiguous()


def whisper_filters(mels: int) -> Tensor:
    """Slaney's filters to 8 kHz, of unit area: (201, mels)."""
    from transformers.audio_utils import mel_filter_bank

    made = mel_filter_bank(1 + WINDOW // 2, mels, 0.0, 8000.0, RATE, norm="slaney", mel_scale="slaney")
    return torch.from_numpy(made).float()


def whisper_mels(waves: Tensor, window: Tensor, filters: Tensor) -> Tensor:
    """(B, samples) -> the log mels Whisper was trained on, (B, samples / HOP, mels)."""
    spectrum = torch.stft(waves, WINDOW, HOP, window=window, return_complex=True)[..., :-1]
    power = spectrum.real.square() + spectrum.imag.square()
    mels = torch.log10((power.transpose(1, 2) @ filters).clamp(min=1e-10))
    return (torch.maximum(mels, mels.amax(dim=(1, 2), keepdim=True) - 8) + 4) / 4
