"""RXNMapper's language model of chemical reactions, whose weights come inside a pip package."""

from __future__ import annotations

from typing import Any, ClassVar

from xmr.data.smiles import smiles_tokens
from xmr.sources.packaged import PackagedFile
from xmr.sources.packaged_text import PackagedText


def _file(file: str, sha256: str) -> PackagedFile:
    place = f"models/transformers/albert_heads_8_uspto_all_1310k/{file}"
    return PackagedFile("rxnmapper", place, sha256, "", "rxnmapper", "MIT", alone="rxnmapper==0.4.3")


class RXNMapper(PackagedText):
    """RXNMapper's ALBERT from its pip package: tokens of SMILES, 12 layers, width 256, 0.74 million weights, MIT.

    Trained on the reactions of US patents. It has a masked-LM head over 591 tokens and needs no network. Its layers
    share one set of weights. Source: Schwaller et al. 2021, doi 10.1126/sciadv.abe4166.

    Args:
        layers: how many of its 12 layers to use; by default all of them.
        weights: `pretrained`, or `random` as a control (same architecture, randomly initialized).
        feature_layers: number of layers whose hidden states are concatenated: the last and others, evenly spaced; or
            indices of its hidden states, [3, -2]: 0 is the first, -1 the last.
    """

    name: ClassVar[str] = "rxnmapper"
    packaged: ClassVar[PackagedFile] = _file(
        "pytorch_model.bin", "8541f3f500dae71abe678d546bd035ca946e2d1c819f6b2cf41a97faedd7e6a2"
    )
    vocabulary: ClassVar[PackagedFile] = _file(
        "vocab.txt", "399868a653e85549ce150af4a1f6cd2776240c6a3d951ced2120565f00f027fd"
    )

    def config(self) -> Any:
        """See `PackagedText.config`."""
        from transformers import AlbertConfig

        return AlbertConfig(
            vocab_size=591,
            embedding_size=128,
            hidden_size=256,
            num_hidden_layers=12,
            num_attention_heads=8,
            intermediate_size=512,
            hidden_act="gelu",
        )

    def network(self) -> Any:
        """See `PackagedText.network`."""
        from transformers import AlbertForMaskedLM

        return AlbertForMaskedLM(self.config())

    def tokens(self, text: str) -> list[str]:
        """Tokens of SMILES."""
        return smiles_tokens(text)
