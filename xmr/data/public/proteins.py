"""Public sets of proteins and peptides."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from xmr.core.files import write_csv
from xmr.data.public.archives import read_whole
from xmr.data.public.dataset import Dataset, Files, package_file
from xmr.data.records import Records


def read_modlamp(path: Path) -> Records:
    """modlAMP's own CSV: a first row `n,1,class 0,class 1`, then `SEQUENCE, label` (0 or 1)."""
    rows = [line.split(",") for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    names = [name.strip() for name in rows[0][2:4]]
    inputs = [row[0].strip() for row in rows[1:]]
    labels = [names[int(row[1])] for row in rows[1:]]
    lines = list(range(2, len(rows) + 1))
    return Records([str(line) for line in lines], inputs, {"label": labels}, line=lines, file=path.name)


def _modlamp(name: str, file: str, summary: str, digest: str) -> Dataset:
    return Dataset(
        name=name,
        domain="proteins",
        summary=summary,
        task="classification, 2 classes",
        licence="BSD-3-Clause",
        cite="modlAMP, Mueller et al. 2017, Bioinformatics 33:2753",
        main=file,
        size="in the package",
        columns={"target": "label", "positive": "ACP" if name.startswith("acp") else "AMP"},
        files={file: digest},
        package="modlamp",
        extra="protein",
        read=lambda chosen: read_modlamp(package_file(chosen)),
    )


_FLIP: dict[str, Any] = {
    "domain": "proteins",
    "licence": "AFL-3.0",
    "cite": "FLIP, Dallago et al. 2021, github.com/J-SNACKKB/FLIP",
}
_FLIP_ADDRESS = "https://raw.githubusercontent.com/J-SNACKKB/FLIP/main/splits"
_STRUCTURE = "protein/flip_secondary_structure"
_EMI = "protein/emi_antibody/emi_binding.csv"


def _gb1(split: str, digest: str) -> Dataset:
    path = f"protein/flip_gb1/{split}.csv"
    return Dataset(
        name=f"gb1_{split}",
        summary=f"fitness of variants of protein G (GB1) at four sites, split {split}",
        task="regression",
        main=path,
        size="2.5 MB unpacked",
        columns={"input": "sequence", "target": "target", "set": "set"},
        files={path: digest},
        official={f"{_FLIP_ADDRESS}/gb1/splits.zip": f"splits/{split}.csv"},
        **_FLIP,
    )


def sabdab_loops(files: Files, folder: Path, loop: str) -> None:
    """RefineGNN's chains to loops.csv: `?` for the residues of one loop, which are the label.

    The official validation part is the training part, because that was not published. Chains without the loop are
    dropped.
    """
    rows = []
    for name, part in (("val_data.jsonl.gz", "train"), ("test_data.jsonl.gz", "test")):
        for line in read_whole(files[name]).decode("utf-8").splitlines():
            chain = json.loads(line)
            marks, residues = np.array([*chain["cdr"]]) == loop, np.array([*chain["seq"]])
            if len(marks) != len(residues):
                raise ValueError(f"{len(marks)} marks for {len(residues)} residues of {chain['pdb']!r}")
            if marks.any():
                hidden, label = np.where(marks, "?", residues), np.where(marks, residues, "-")
                rows.append([chain["pdb"], "".join(hidden), "".join(label), part])
    write_csv(folder / "loops.csv", ["id", "sequence", "label", "set"], rows)


def _sabdab(loop: str) -> Dataset:
    address = f"https://raw.githubusercontent.com/wengong-jin/RefineGNN/main/data/sabdab/hcdr{loop}_cluster"
    return Dataset(
        name=f"sabdab_h{loop}",
        domain="proteins",
        summary=f"heavy chains of antibodies with a hidden loop H{loop}",
        task="infilling",
        licence="MIT; cite SAbDab",
        cite="SAbDab, Dunbar et al. 2014; selected by Jin et al. 2022, github.com/wengong-jin/RefineGNN",
        main=f"protein/sabdab_h{loop}/loops.csv",
        size="6 MB",
        columns={"input": "sequence", "target": "label", "set": "set"},
        archives={f"{address}/{part}_data.jsonl.gz": "" for part in ("val", "test")},
        convert=partial(sabdab_loops, loop=loop),
    )


SETS = (
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
        "anticancer or transmembrane peptides",
        "941a728be797b51fdbf5ad6e2f8ef58e6af748797c9c3c5747449a90ef187bf8",
    ),
    _gb1("two_vs_rest", "b368e4564e10e33735f897c9b63f1be7030082e565c6d4e1368d6f1641a310de"),
    _gb1("low_vs_high", "190217d19cdafec40d8a961fce2dcbfd9fc89c9f4c6fa994aa90861b06e073fa"),
    _gb1("sampled", "19bcb946fb9f8fe5ac1d5ed0aa85d4a85848b44744560d9684cc278935f3bd16"),
    Dataset(
        name="flip_secondary_structure",
        summary="three-state secondary structure of every residue",
        task="sequence labeling, 3 classes",
        main=f"{_STRUCTURE}/sequences.fasta",
        size="9.1 MB",
        columns={"labels_path": f"{_STRUCTURE}/sampled.fasta", "mask_path": f"{_STRUCTURE}/mask.fasta"},
        files={
            f"{_STRUCTURE}/sequences.fasta": "cc69cb36650161fa08874c7a3a2ceceb9c3bbab1b6394cb875647c1b8b4a4b03",
            f"{_STRUCTURE}/sampled.fasta": "d74173c6ecd35339e9455565b45160f7285d401a1fc05e814af67bcb7bb83ad1",
            f"{_STRUCTURE}/mask.fasta": "6ffafb87ab0d40781103594d3a8fa202d1db741fd49cc00fe6220797bf55897f",
        },
        official={
            f"{_FLIP_ADDRESS}/secondary_structure/{name}": name
            for name in ("sequences.fasta", "sampled.fasta", "mask.fasta")
        },
        **_FLIP,
    ),
    _sabdab("1"),
    _sabdab("2"),
    _sabdab("3"),
    Dataset(
        name="emi_antibody",
        domain="proteins",
        summary="binding of 4,000 antibody variants to antigen and ovalbumin",
        task="multilabel, 2 labels",
        licence="MIT",
        cite="Makowski et al. 2022, Nat. Commun. 13:3788, github.com/Tessier-Lab-UMich/Emi_Pareto_Opt_ML",
        main=_EMI,
        size="0.5 MB",
        columns={"input": "VH Sequence", "target": ["ANT Binding", "OVA Binding"]},
        files={_EMI: "c70c64f9bf50400b0d5f1b3c8c0a42291b45e6b1f6caa859b3c1eb218f5eec01"},
        official={
            "https://raw.githubusercontent.com/Tessier-Lab-UMich/Emi_Pareto_Opt_ML/main/emi_binding.csv": (
                "emi_binding.csv"
            )
        },
    ),
)
