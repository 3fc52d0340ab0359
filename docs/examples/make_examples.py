"""Files as a user has them, for the tutorials and notebooks: python docs/examples/make_examples.py DOMAIN [FOLDER]

Each domain is one function; all data comes inside pip packages that `xmr[all]` installs (text: babel, of `xmr[docs]`).
"""

from __future__ import annotations

import csv
import random
import shutil
import sys
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from xmr.data.public.catalog import dataset
from xmr.data.public.espeak import espeak_digits
from xmr.data.public.series import solar as copy_solar

LABELLED, NEW = 320, 20  # records with and without a label
CODONS = {
    "A": "GCT GCC GCA GCG", "C": "TGT TGC", "D": "GAT GAC", "E": "GAA GAG", "F": "TTT TTC", "G": "GGT GGC GGA GGG",
    "H": "CAT CAC", "I": "ATT ATC ATA", "K": "AAA AAG", "L": "TTA TTG CTT CTC CTA CTG", "M": "ATG", "N": "AAT AAC",
    "P": "CCT CCC CCA CCG", "Q": "CAA CAG", "R": "CGT CGC CGA CGG AGA AGG", "S": "TCT TCC TCA TCG AGT AGC",
    "T": "ACT ACC ACA ACG", "V": "GTT GTC GTA GTG", "W": "TGG", "Y": "TAT TAC",
}  # fmt: skip


def _table(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([header, *rows])


def _fasta(path: Path, sequences: Iterable[str]) -> None:
    path.write_text("".join(f">new_{n}\n{text}\n" for n, text in enumerate(sequences, 1)), encoding="utf-8")


def _two_files(folder: Path, name: str, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """NAME.csv with the labels in its last column, and new_NAME.csv without, of a random choice of the rows."""
    chosen = random.Random(0).sample(list(rows), LABELLED + NEW)
    _table(folder / f"{name}.csv", header, chosen[:LABELLED])
    _table(folder / f"new_{name}.csv", header[:-1], (row[:-1] for row in chosen[LABELLED:]))


def _peptides() -> list[tuple[str, str]]:
    from modlamp.datasets import load_AMPvsUniProt

    data = load_AMPvsUniProt()
    pairs = [
        (text, "antimicrobial" if label else "other")
        for text, label in zip(data.sequences, data.target.tolist())
        if set(text) <= CODONS.keys() and len(text) <= 40
    ]
    return random.Random(0).sample(pairs, LABELLED + NEW)


def protein(folder: Path) -> None:
    """peptides.csv and new_peptides.fasta: antimicrobial peptides and pieces of other proteins (modlAMP)."""
    pairs = _peptides()
    _table(folder / "peptides.csv", ("sequence", "label"), pairs[:LABELLED])
    _fasta(folder / "new_peptides.fasta", (text for text, _ in pairs[LABELLED:]))


def dna(folder: Path) -> None:
    """genes.csv and new_genes.fasta: the same peptides as DNA, each residue by one of its codons at random."""
    choice = random.Random(0).choice
    pairs = [("".join(choice(CODONS[letter].split()) for letter in text), label) for text, label in _peptides()]
    _table(folder / "genes.csv", ("sequence", "label"), pairs[:LABELLED])
    _fasta(folder / "new_genes.fasta", (text for text, _ in pairs[LABELLED:]))


def molecule(folder: Path) -> None:
    """molecules.csv and new_molecules.csv: sulfonamides and their activity on an enzyme (ChEMBL, by RDKit)."""
    chosen = dataset("sulfonamides")
    records = chosen.read(chosen) if chosen.read else None
    assert records is not None, "the set is read from its package"
    _two_files(folder, "molecules", ("smiles", "activity"), zip(records.inputs, records.labels["activity"]))


def text(folder: Path) -> None:
    """names.csv and new_names.csv: names of countries and languages in four languages (CLDR, by babel)."""
    from babel import Locale

    known: dict[str, set[str]] = {}
    for locale in map(Locale, ("de", "es", "fi", "pl")):
        for name in (*locale.territories.values(), *locale.languages.values()):
            known.setdefault(name, set()).add(locale.english_name or "")
    rows = [(name, *languages) for name, languages in known.items() if len(languages) == 1]
    _two_files(folder, "names", ("text", "label"), sorted(rows))


def table(folder: Path) -> None:
    """tumors.csv and new_tumors.csv: measurements of cells and the diagnosis (scikit-learn)."""
    from sklearn.datasets import load_breast_cancer

    data = load_breast_cancer()
    rows = ([*numbers, data.target_names[label]] for numbers, label in zip(data.data.tolist(), data.target.tolist()))
    _two_files(folder, "tumors", (*data.feature_names.tolist(), "diagnosis"), rows)


def image(folder: Path) -> None:
    """digits/CLASS/*.png and new_digits/*.png: handwritten digits (scikit-learn)."""
    from PIL import Image
    from sklearn.datasets import load_digits

    data = load_digits()
    for number in range(LABELLED + NEW):
        part = folder / "digits" / str(data.target[number]) if number < LABELLED else folder / "new_digits"
        part.mkdir(parents=True, exist_ok=True)
        Image.fromarray((data.images[number] * 15.9375).astype("uint8")).save(part / f"{number}.png")


def series(folder: Path) -> None:
    """power_demand.csv and new_power_demand.csv: days of electricity demand in winter and summer (aeon)."""
    from aeon.datasets import load_classification

    values, labels = load_classification("ItalyPowerDemand")
    seasons = {"1": "winter", "2": "summer"}
    rows = ([*numbers[0].tolist(), seasons[label]] for numbers, label in zip(values, labels.tolist()))
    _two_files(folder, "power_demand", [*(f"h{hour}" for hour in range(24)), "label"], rows)


def audio(folder: Path) -> None:
    """words/CLASS/*.wav and new_words/*.wav: eight digits by a speech synthesizer (espeak-ng)."""
    with tempfile.TemporaryDirectory() as scratch:
        espeak_digits({}, Path(scratch))
        for path in sorted(Path(scratch).glob("*.wav")):
            digit, _, take = path.stem.split("_")
            if digit in "12345678":
                part = folder / "words" / f"word_{digit}" if take != "7" else folder / "new_words"
                part.mkdir(parents=True, exist_ok=True)
                shutil.copy(path, part)


def forecast(folder: Path) -> None:
    """power.csv: solar power of Great Britain, every half hour of six days (aeon)."""
    copy_solar({}, folder)
    text = (folder / "solar.csv").read_text(encoding="utf-8")
    (folder / "power.csv").write_text(text.replace("datetime_gmt", "time", 1), encoding="utf-8")
    (folder / "solar.csv").unlink()


DOMAINS = {each.__name__: each for each in (protein, dna, molecule, text, table, image, series, audio, forecast)}

if __name__ == "__main__":
    if len(sys.argv) < 2 or sys.argv[1] not in DOMAINS:
        sys.exit(f"usage: python make_examples.py {{{','.join(DOMAINS)}}} [FOLDER]")
    target = Path(sys.argv[2] if len(sys.argv) > 2 else ".")
    target.mkdir(parents=True, exist_ok=True)
    DOMAINS[sys.argv[1]](target)
