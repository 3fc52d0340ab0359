"""SMILES (molecules and reactions as texts): their tokens; with RDKit also canonical form and scaffolds."""

from __future__ import annotations

import re
from functools import lru_cache
from importlib.util import find_spec
from typing import Any

from xmr.errors import require

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


def has_rdkit() -> bool:
    """Whether RDKit is installed; it is not imported."""
    return find_spec("rdkit") is not None


@lru_cache(maxsize=2**16)
def canonical_smiles(text: str) -> str | None:
    """RDKit's canonical form; None for what it cannot read. Raises MissingExtraError without RDKit."""
    found = molecule(text)
    return None if found is None else str(require("rdkit.Chem", "molecule", "canonical SMILES").MolToSmiles(found))


def molecule(text: str) -> Any | None:
    """RDKit's molecule; None for what it cannot read. Raises MissingExtraError without RDKit."""
    chem: Any = require("rdkit.Chem", "molecule", "reading molecules")
    base: Any = require("rdkit.rdBase", "molecule", "reading molecules")
    with base.BlockLogs():  # it writes to standard error
        return chem.MolFromSmiles(text)


def scaffold(text: str) -> str:
    """The Bemis-Murcko scaffold without chirality; "" for a molecule without rings, and for what RDKit cannot read."""
    found = molecule(text)
    murcko: Any = require("rdkit.Chem.Scaffolds.MurckoScaffold", "molecule", "splits by scaffold")
    return "" if found is None else str(murcko.MurckoScaffoldSmiles(mol=found, includeChirality=False))
