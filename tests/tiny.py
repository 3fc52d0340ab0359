"""Tiny random sources and recipes: real code paths, no waiting."""

from __future__ import annotations

import string
from typing import Any

import torch
from transformers import (
    AutoModel,
    AutoModelForCausalLM,
    AutoModelForImageClassification,
    AutoModelForMaskedLM,
    BertConfig,
    ConvNextConfig,
    DistilBertConfig,
    EsmConfig,
    GPT2Config,
    LlamaConfig,
    MobileNetV1Config,
    ResNetConfig,
    RobertaConfig,
    SwinConfig,
    T5Config,
    T5EncoderModel,
    ViTConfig,
)

from xmr.sources.language import Language, Specials
from xmr.sources.vision import Vision
from xmr.spaces import PixelSpace

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


def tiny_vision(kind: str = "mobilenet", seed: int = 0, labels: int = 12) -> Vision:
    """A frozen vision source around `tiny_vision_model`."""
    space = PixelSpace(32, 32, (0.5, 0.4, 0.6), (0.25, 0.3, 0.2))
    names = tuple(f"class {i}" for i in range(labels))
    return Vision(f"tiny-{kind}").adopt(tiny_vision_model(kind, seed, labels), space, names)


def tiny_source(kind: str = "bert", layers: int | None = None, specials: bool = True, seed: int = 0) -> Language:
    """A frozen source around `tiny_model`."""
    around = Specials((1,), (2,), WORDS) if specials else Specials(words=WORDS)
    return Language(f"tiny-{kind}", layers=layers).adopt(tiny_model(kind, seed), around)
