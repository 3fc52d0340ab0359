"""SMILES (molecules and reactions as texts): their tokens."""

from __future__ import annotations

import re

# Atoms in brackets, the organic subset, bonds, branches, ring closures, `>` of reactions.
# Source: Schwaller et al. 2019, arXiv 1811.02633.
TOKEN = re.compile(r"\[[^\[\]]+\]|Br|Cl|[BCNOPSFI]|[bcnops]|%\d{2}|\d|>>|[=#$:/\\~.\-+()*@>]")


def smiles_tokens(text: str) -> list[str]:
    """The tokens in their order; characters that belong to none are skipped."""
    return TOKEN.findall(text)


def unreadable(text: str) -> int | None:
    """The place (from 1) of the first character that belongs to no token; None where every one does."""
    end = 0
    for token in TOKEN.finditer(text):
        if token.start() > end:
            break
        end = token.end()
    return end + 1 if end < len(text) else None
