"""Public sets of DNA."""

from __future__ import annotations

from functools import partial
from typing import Any

from xmr.data.public.dataset import Dataset
from xmr.data.public.uci import ADDRESS, plain_rows

_NAMES = ("label", "record", "sequence")


def _uci(name: str, official: str, digest: str, **more: Any) -> Dataset:
    path = f"dna/{name}.data"
    positive = {"positive": more.pop("positive")} if "positive" in more else {}
    return Dataset(
        name=name,
        domain="dna",
        licence="CC BY 4.0",
        main=path,
        columns={"names": _NAMES, **positive},
        files={path: digest},
        official={f"{ADDRESS}/molecular-biology/{official}": f"{name}.data"},
        rewrite=partial(plain_rows, fields=len(_NAMES)),
        **more,
    )


SETS = (
    _uci(
        "splice",
        "splice-junction-gene-sequences/splice.data",
        "73bdef9eb9ab0ec4e4c78df5db00f1d7c3d0dd8d1fb3f14c9ec4a38dfae0e69b",
        summary="donor (EI), acceptor (IE) or no (N) splice junction in 60 nucleotides, 3,190 sequences",
        task="classification, 3 classes",
        cite="Noordewier et al. 1991, UCI",
        size="0.3 MB",
    ),
    _uci(
        "promoters",
        "promoter-gene-sequences/promoters.data",
        "",
        summary="promoters of E. coli (+) and other sequences (-) of 57 nucleotides, 106 sequences",
        task="classification, 2 classes",
        cite="Towell et al. 1990, UCI",
        positive="+",
    ),
)
