"""Tiny random sources and recipes: real code paths, no waiting."""

from __future__ import annotations

import string
from typing import Any

import torch
from transformers import (
    ASTConfig,
    AutoModel,
    AutoModelForAudioClassification,
    AutoModelForCausalLM,
    AutoModelForImageClassification,
    AutoModelForMaskedLM,
    BertConfig,
    ConvNextConfig,
    DistilBertConfig,
    EsmConfig,
    GPT2Config,
    HubertConfig,
    LlamaConfig,
    MobileNetV1Config,
    ResNetConfig,
    RobertaConfig,
    SwinConfig,
    T5Config,
    T5EncoderModel,
    ViTConfig,
    Wav2Vec2Config,
    WavLMConfig,
    WhisperConfig,
)

from xmr.core.spaces import PixelSpace, Spectrum, WaveInput, WaveSpace
from xmr.sources.hf_spectrogram import HFSpectrogram
from xmr.sources.hf_text import HFText
from xmr.sources.specials import Specials
from xmr.sources.vision import HFImage
from xmr.sources.wave import HFAudio, ModuleWave, WaveSource

WORDS = ("[PAD]", "[CLS]", "[SEP]", *string.ascii_lowercase, *(f"word{chr(97 + i)}" for i in range(20)))
V = len(WORDS)


def _small(**more: Any) -> dict[str, Any]:
    return {
        "vocab_size": V,
        "hidden_size": 16,
        "num_hidden_layers": 3,
        "num_attention_heads": 2,
        "intermediate_size": 24,
        **more,
    }


def tiny_model(kind: str, seed: int = 0) -> Any:
    """A random model of a Hugging Face family, with its language-model head where it has one."""
    torch.manual_seed(seed)
    if kind == "bert":
        return AutoModelForMaskedLM.from_config(BertConfig(**_small(max_position_embeddings=64)))
    if kind == "bert_body":
        return AutoModel.from_config(BertConfig(**_small(max_position_embeddings=64)))
    if kind == "roberta":
        return AutoModelForMaskedLM.from_config(RobertaConfig(**_small(max_position_embeddings=65, pad_token_id=0)))
    if kind == "esm":
        settings = _small(max_position_embeddings=64, pad_token_id=0, mask_token_id=3)
        return AutoModelForMaskedLM.from_config(
            EsmConfig(**settings, position_embedding_type="rotary", token_dropout=True)
        )
    if kind == "distilbert":
        return AutoModelForMaskedLM.from_config(
            DistilBertConfig(vocab_size=V, dim=16, n_layers=3, n_heads=2, hidden_dim=24, max_position_embeddings=64)
        )
    if kind == "gpt2":
        return AutoModelForCausalLM.from_config(
            GPT2Config(vocab_size=V, n_embd=16, n_layer=3, n_head=2, n_positions=64, bos_token_id=1, eos_token_id=2)
        )
    if kind == "llama":
        return AutoModelForCausalLM.from_config(
            LlamaConfig(**_small(max_position_embeddings=64, num_key_value_heads=1))
        )
    if kind == "t5":
        return T5EncoderModel(T5Config(vocab_size=V, d_model=16, d_kv=8, d_ff=24, num_layers=3, num_heads=2))
    raise ValueError(kind)


KINDS = ("bert", "bert_body", "roberta", "esm", "distilbert", "gpt2", "llama", "t5")


VISION_KINDS = ("resnet", "mobilenet", "convnext", "vit", "swin")


def tiny_vision_model(kind: str, seed: int = 0, labels: int = 12) -> Any:
    """A random image classifier of a Hugging Face family, 32 x 32 pixels."""
    torch.manual_seed(seed)
    block = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 24}
    configs: dict[str, Any] = {
        "resnet": lambda: ResNetConfig(
            embedding_size=8, hidden_sizes=[8, 16], depths=[1, 1], layer_type="basic", num_labels=labels
        ),
        "mobilenet": lambda: MobileNetV1Config(depth_multiplier=0.25, image_size=32, num_labels=labels),
        "convnext": lambda: ConvNextConfig(hidden_sizes=[8, 16], depths=[1, 1], num_stages=2, num_labels=labels),
        "vit": lambda: ViTConfig(image_size=32, patch_size=8, num_labels=labels, **block),
        "swin": lambda: SwinConfig(
            image_size=32, patch_size=4, embed_dim=8, depths=[1, 1], num_heads=[1, 2], window_size=4, num_labels=labels
        ),
    }
    model = AutoModelForImageClassification.from_config(configs[kind]())
    with torch.no_grad():  # Hugging Face starts convolutions so small that deep activations vanish
        for module in model.modules():
            if isinstance(module, torch.nn.Conv2d):
                torch.nn.init.kaiming_normal_(module.weight)
    return model


def tiny_vision(kind: str = "mobilenet", seed: int = 0, labels: int = 12, feature_layers: int = 1) -> HFImage:
    """A frozen vision source around `tiny_vision_model`."""
    space = PixelSpace(32, 32, (0.5, 0.4, 0.6), (0.25, 0.3, 0.2))
    names = tuple(f"class {i}" for i in range(labels))
    return HFImage(f"tiny-{kind}", feature_layers=feature_layers).adopt(
        tiny_vision_model(kind, seed, labels), space, names
    )


def tiny_source(
    kind: str = "bert", layers: int | None = None, specials: bool = True, seed: int = 0, feature_layers: int = 1
) -> HFText:
    """A frozen source around `tiny_model`."""
    around = Specials((1,), (2,), WORDS) if specials else Specials(words=WORDS)
    return HFText(f"tiny-{kind}", layers=layers, feature_layers=feature_layers).adopt(tiny_model(kind, seed), around)


AUDIO_KINDS = ("tones", "wav2vec2", "hubert", "wavlm", "wav2vec2_body", "ast", "ast_body", "whisper", "whisper_body")


class TonesNetwork(torch.nn.Module):
    """Two linear layers over log magnitudes."""

    def __init__(self) -> None:
        super().__init__()
        self.inner, self.out = torch.nn.Linear(33, 10), torch.nn.Linear(10, 12)

    def forward(self, spectra: torch.Tensor) -> tuple[torch.Tensor, list[torch.Tensor]]:
        heard = torch.tanh(self.inner(torch.log(spectra.abs() + 1e-3)))
        return heard.mean(dim=1), [spectra.abs(), heard]


class Tones(ModuleWave):
    """A wave source that starts with a spectrum, as a plugin would write it."""

    def network(self) -> torch.nn.Module:
        return TonesNetwork()

    def space_and_head(self) -> tuple[WaveSpace, str]:
        return WaveSpace(1000, 400, Spectrum(window=64, hop=32, fft=64, frames=12, after=64)), "out"

    def depths(self, inputs: WaveInput) -> tuple[torch.Tensor, list[torch.Tensor]]:
        return self.body(self.spectrum_of(inputs))


def tiny_log_mel(family: str, body: bool) -> Any:
    """A random AST or Whisper of a few frames."""
    torch.manual_seed(0)
    if family == "ast":
        block = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 24}
        config: Any = ASTConfig(max_length=40, num_mel_bins=32, num_labels=12, **block)
    else:
        layers = {"encoder_layers": 2, "decoder_layers": 1, "encoder_attention_heads": 2, "decoder_attention_heads": 2}
        width = {"d_model": 16, "encoder_ffn_dim": 24, "decoder_ffn_dim": 24, "num_mel_bins": 20, "vocab_size": 40}
        ends = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2, "decoder_start_token_id": 1}
        config = WhisperConfig(
            max_source_positions=20,
            max_target_positions=8,
            num_labels=12,
            classifier_proj_size=10,
            **layers,
            **width,
            **ends,
        )
    return (AutoModel if body else AutoModelForAudioClassification).from_config(config)


def tiny_audio(kind: str = "tones", feature_layers: int = 1) -> WaveSource:
    """A frozen audio source: a network of our own behind a spectrum, or a random model of a Hugging Face family."""
    if kind == "tones":
        made = Tones("nowhere.pt", weights="random", feature_layers=feature_layers)
        made.section = {"name": "tones"}
        return made.load(0)
    torch.manual_seed(0)
    shape: dict[str, Any] = {
        "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 24,
        "conv_dim": (8, 8), "conv_kernel": (10, 4), "conv_stride": (8, 4), "num_feat_extract_layers": 2,
        "num_conv_pos_embeddings": 4, "num_conv_pos_embedding_groups": 2, "num_labels": 12,
        "classifier_proj_size": 10, "num_buckets": 8, "vocab_size": 12,
    }  # fmt: skip
    family, _, body = kind.partition("_")
    if family in ("ast", "whisper"):
        return HFSpectrogram(f"tiny-{kind}", feature_layers=feature_layers).adopt(tiny_log_mel(family, bool(body)))
    config = {"wav2vec2": Wav2Vec2Config, "hubert": HubertConfig, "wavlm": WavLMConfig}[family](**shape)
    model = (AutoModel if body else AutoModelForAudioClassification).from_config(config)
    return HFAudio(f"tiny-{kind}", n_samples=800, feature_layers=feature_layers).adopt(model)
