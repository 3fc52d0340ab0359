"""The head of a language model, which maps hidden states to vocabulary logits."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn


class VocabularyHead(nn.Module):
    """A masked-LM head in two parts: `transform` (dense, activation, norm) and `decoder` (the vocabulary matrix)."""

    def __init__(self, transform: nn.Module, decoder: nn.Module) -> None:
        super().__init__()
        self.transform, self.decoder = transform, decoder

    def forward(self, hidden: Tensor) -> Tensor:
        """(..., D) -> logits over the vocabulary (..., V)."""
        return self.decoder(self.transform(hidden))


class _Chain(nn.Module):
    """A head without its decoder: dense, activation (gelu in RoBERTa and ESM), norm."""

    def __init__(self, dense: nn.Module, norm: nn.Module, activation: nn.Module | None = None) -> None:
        super().__init__()
        self.dense, self.norm, self.activation = dense, norm, activation or nn.GELU()

    def forward(self, hidden: Tensor) -> Tensor:
        """(..., D) -> (..., D')."""
        return self.norm(self.activation(self.dense(hidden)))


def vocabulary_head(model: Any) -> nn.Module | None:
    """The head of a masked-LM or causal model; None for a model without a head or a T5 encoder."""
    kind = model.config.model_type
    if kind == "bert" and hasattr(model, "cls"):
        return VocabularyHead(model.cls.predictions.transform, model.cls.predictions.decoder)
    if kind in ("roberta", "xlm-roberta", "camembert", "esm") and hasattr(model, "lm_head"):
        return VocabularyHead(_Chain(model.lm_head.dense, model.lm_head.layer_norm), model.lm_head.decoder)
    if kind == "distilbert" and hasattr(model, "vocab_projector"):
        return VocabularyHead(_Chain(model.vocab_transform, model.vocab_layer_norm), model.vocab_projector)
    if kind == "albert" and hasattr(model, "predictions"):
        head = model.predictions
        return VocabularyHead(_Chain(head.dense, head.LayerNorm, head.activation), head.decoder)
    head = None if model.config.is_encoder_decoder else model.get_output_embeddings()
    return VocabularyHead(nn.Identity(), head) if head is not None else None
