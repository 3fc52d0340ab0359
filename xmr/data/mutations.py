"""Variants written as their mutations (`A24G`, `A24G,N30D`, `p.Ala24Gly`), as whole sequences."""

from __future__ import annotations

import re
from collections.abc import Iterable

from xmr.data.records import Records

# Three-letter codes of HGVS; Ter is a stop codon.
_CODES = "Ala A Arg R Asn N Asp D Cys C Gln Q Glu E Gly G His H Ile I Leu L Lys K Met M Phe F Pro P Ser S Thr T Trp W"
_CODES += " Tyr Y Val V Ter * Sec U Pyl O"
ONE_LETTER = dict(zip(_CODES.split()[::2], _CODES.split()[1::2]))
_WILD_TYPE = frozenset({"wt", "wildtype", "wild-type", "wild type", "_wt", "=", "p.=", "p.(=)"})
_BETWEEN = re.compile(r"[,;:/+&_\s]+")
_RESIDUE = r"([A-Z][a-z]{2}|[A-Z*])"
_MUTATION = re.compile(rf"{_RESIDUE}([0-9]{{1,9}})({_RESIDUE[1:-1]}|=)")

Mutation = tuple[str, int, str]  # residue of the wild type, its number, the residue instead


def mutations_of(text: str) -> list[Mutation] | None:
    """The mutations that a text lists, none for the wild type itself; None where it is no such list."""
    if text.strip().casefold() in _WILD_TYPE:
        return []
    bare = text.strip().removeprefix("p.").strip("[]()")
    found = []
    for part in filter(None, _BETWEEN.split(bare)):
        match = _MUTATION.fullmatch(part.removeprefix("p."))
        if match is None:
            return None
        before, number, after = match.groups()
        before = ONE_LETTER.get(before, before)
        found.append((before, int(number), before if after == "=" else ONE_LETTER.get(after, after)))
    return found or None


def whole_sequences(records: Records, wild_type: str, offset: int = 0) -> dict[int, str]:
    """Replace lists of mutations in `inputs` by sequences, in place -> index: what is wrong with a list.

    offset: the number of the first residue of `wild_type`, less one. Texts without a digit are sequences and stay.
    """
    wrong: dict[int, str] = {}
    for index, text in enumerate(records.inputs):
        listed = mutations_of(text)
        if listed is None:
            if any(map(str.isdigit, text)):
                wrong[index] = f"found {text[:40]!r}; expected mutations such as A24G or A24G,N30D"
            continue
        letters = list(wild_type)
        for before, number, after in listed:
            place = number - 1 - offset
            if not 0 <= place < len(letters):
                span = f"{1 + offset} to {len(letters) + offset}"
                wrong[index] = f"found the position {number}; expected {span}, as the wild type has (data.offset)"
            elif wild_type[place] != before:
                expected = f"{wild_type[place]}{number}, as the wild type has (data.wild_type, data.offset)"
                wrong[index] = f"found {before}{number}; expected {expected}"
            else:
                letters[place] = after
        records.inputs[index] = "".join(letters)
    return wrong


def fitting_offsets(texts: Iterable[str], wild_type: str) -> list[int]:
    """Every offset from which the wild type has the residue that each mutation replaces."""
    residues = {(before, number) for text in texts for before, number, _ in mutations_of(text) or ()}
    if not residues:
        return []
    numbers = [number for _, number in residues]
    possible = range(max(numbers) - len(wild_type), min(numbers))
    return [offset for offset in possible if all(wild_type[n - 1 - offset] == before for before, n in residues)]
