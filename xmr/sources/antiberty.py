"""AntiBERTy, a language model of antibodies whose weights come inside a pip package."""

from __future__ import annotations

from typing import Any, ClassVar

from xmr.sources.packaged import PackagedFile
from xmr.sources.packaged_text import PackagedText


def _file(file: str, sha256: str) -> PackagedFile:
    return PackagedFile("antiberty", f"trained_models/{file}", sha256, "antibody", "antiberty", "MIT")


class AntiBERTy(PackagedText):
    """AntiBERTy from its pip package: one token per residue, 8 layers, width 512, 26 million weights, MIT; no network.

    Trained on 558 million antibody sequences. It has a masked-LM head over the 20 residues. Source: Ruffolo et al.
    2021, arXiv 2112.07782.

    Args:
        layers: number of its 8 blocks to use; by default all of them.
        weights: `pretrained`, or `random` as a control (same architecture, randomly initialized).
        feature_layers: number of layers whose hidden states are concatenated: the last and others, evenly spaced; or
            indices of its hidden states, [3, -2]: 0 is the first, -1 the last.
    """

    name: ClassVar[str] = "antiberty"
    packaged: ClassVar[PackagedFile] = _file(
        "AntiBERTy_md_smooth/pytorch_model.bin", "f1ae33eac8cc8784a7d4be5a600141d2fa7bc7d8d5b3f5324d64a6a63bd0f137"
    )
    vocabulary: ClassVar[PackagedFile] = _file(
        "vocab.txt", "6db8c6cd6361eb233005b2dfe665d40d7f1ba78951bdf0fe61fa670ce192419a"
    )

    def config(self) -> Any:
        """See `PackagedText.config`."""
        from transformers import BertConfig

        return BertConfig(
            vocab_size=25,
            hidden_size=512,
            num_hidden_layers=8,
            num_attention_heads=8,
            intermediate_size=2048,
            max_position_embeddings=512,
        )

    def network(self) -> Any:
        """See `PackagedText.network`."""
        from transformers import BertForMaskedLM

        return BertForMaskedLM(self.config())

    def tokens(self, text: str) -> list[str]:
        """One per residue, in upper case."""
        return [letter for letter in text.upper() if not letter.isspace()]
