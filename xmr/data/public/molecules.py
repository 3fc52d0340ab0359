"""Public sets of molecules, written as SMILES: MoleculeNet (Wu et al. 2018), and one inside a pip package."""

from __future__ import annotations

from xmr.data.public.dataset import Dataset, package_file
from xmr.data.records import Records

_DEEPCHEM = "https://deepchemdata.s3-us-west-1.amazonaws.com/datasets"
_COLLECTION = "https://raw.githubusercontent.com/GLambard/Molecules_Dataset_Collection/master/originals"
_TOX21 = (
    "NR-AR", "NR-AR-LBD", "NR-AhR", "NR-Aromatase", "NR-ER", "NR-ER-LBD", "NR-PPAR-gamma", "SR-ARE", "SR-ATAD5",
    "SR-HSE", "SR-MMP", "SR-p53",
)  # fmt: skip
_SIDER = (
    "Hepatobiliary disorders", "Metabolism and nutrition disorders", "Product issues", "Eye disorders",
    "Investigations", "Musculoskeletal and connective tissue disorders", "Gastrointestinal disorders",
    "Social circumstances", "Immune system disorders", "Reproductive system and breast disorders",
    "Neoplasms benign, malignant and unspecified (incl cysts and polyps)",
    "General disorders and administration site conditions", "Endocrine disorders",
    "Surgical and medical procedures", "Vascular disorders", "Blood and lymphatic system disorders",
    "Skin and subcutaneous tissue disorders", "Congenital, familial and genetic disorders",
    "Infections and infestations", "Respiratory, thoracic and mediastinal disorders", "Psychiatric disorders",
    "Renal and urinary disorders", "Pregnancy, puerperium and perinatal conditions", "Ear and labyrinth disorders",
    "Cardiac disorders", "Nervous system disorders", "Injury, poisoning and procedural complications",
)  # fmt: skip


def _set(
    name: str,
    address: str,
    digest: str,
    target: str | list[str],
    *,
    summary: str,
    task: str,
    cite: str,
    size: str,
    column: str = "smiles",
    licence: str = "none stated by the authors",
) -> Dataset:
    file = address.rsplit("/", 1)[1].removesuffix(".gz")
    return Dataset(
        name=name,
        domain="molecules",
        summary=summary,
        task=task,
        licence=licence,
        cite=f"{cite}; MoleculeNet, arXiv 1703.00564",
        main=f"molecules/{file}",
        size=size,
        columns={"input": column, "target": target},
        files={f"molecules/{file}": digest},
        official={address: file},
    )


def read_smi(chosen: Dataset) -> Records:
    """RDKit's example of a series: lines `SMILES name`, and lines `name,activity` of another file."""
    structures, activities = (package_file(chosen, name) for name in chosen.files)
    lines = [line.split() for line in structures.read_text(encoding="utf-8").splitlines()]
    known = dict(line.split(",") for line in activities.read_text(encoding="utf-8").splitlines()[1:])
    labels = {"activity": [known[name] for _, name in lines]}
    numbers = list(range(1, len(lines) + 1))
    return Records([name for _, name in lines], [one for one, _ in lines], labels, line=numbers, file=structures.name)


SETS = (
    Dataset(
        name="sulfonamides",
        domain="molecules",
        summary="activity (-log10 molar) of 1,017 aryl sulfonamides, ChEMBL document CHEMBL2321810",
        task="regression",
        licence="CC BY-SA 3.0 (ChEMBL); RDKit BSD-3-Clause",
        cite="ChEMBL, Gaulton et al. 2017, Nucleic Acids Research 45:D945; RDKit, Contrib/FreeWilson",
        main="CHEMBL2321810.smi",
        size="in the package",
        columns={"target": "activity"},
        files={
            "CHEMBL2321810.smi": "3feff3aa19f16c7a3aa8695acddd442d1fb3d582485bb7fe8754e7b36dc1894f",
            "CHEMBL2321810_act.csv": "e74db717fa4704befa07eb41ad4845fa437bf3c12eb2b6a854576dbd2e8819fa",
        },
        package="rdkit",
        extra="molecule",
        inside="Contrib/FreeWilson/data",
        read=read_smi,
    ),
    _set(
        "bbbp",
        f"{_DEEPCHEM}/BBBP.csv",
        "d07a38487aeac5cee5508413e468043ef3097451d2a112701c2d60be9ec6b662",
        "p_np",
        summary="whether a molecule passes the blood-brain barrier, 2,050 molecules",
        task="classification, 2 classes",
        cite="Martins et al. 2012",
        size="0.1 MB",
    ),
    _set(
        "bace",
        f"{_DEEPCHEM}/bace.csv",
        "f3fb9ce90bada3e2bd6148b0df13f8f8145a357bf87df0dd5b391ede974fc737",
        "Class",
        summary="inhibitors of human beta-secretase 1, 1,513 molecules",
        task="classification, 2 classes",
        cite="Subramanian et al. 2016",
        size="3.9 MB",
        column="mol",
    ),
    _set(
        "clintox",
        f"{_COLLECTION}/clintox.csv",
        "0bd655529cebe6d94addd48b8afdab6fa0438b4503a470866231793f235d7e61",
        "CT_TOX",
        summary="drugs that failed clinical trials for toxicity, 1,484 molecules",
        task="classification, 2 classes",
        cite="Gayvert et al. 2016",
        size="0.1 MB",
        licence="MIT (the collection)",
    ),
    _set(
        "tox21",
        f"{_DEEPCHEM}/tox21.csv.gz",
        "7d7e7facd853a63e79ddce4e9c3fcb7a0d83a1c300b603031c0f2c64fbe77761",
        list(_TOX21),
        summary="12 toxicity assays with gaps, 7,831 molecules",
        task="multilabel, 12 labels",
        cite="Tox21 challenge 2014",
        size="0.5 MB unpacked",
        licence="US public domain",
    ),
    _set(
        "sider",
        f"{_DEEPCHEM}/sider.csv.gz",
        "",
        list(_SIDER),
        summary="side effects of marketed drugs in 27 organ classes, 1,427 molecules",
        task="multilabel, 27 labels",
        cite="Kuhn et al. 2016",
        size="not known",
        licence="CC BY-NC-SA 4.0 (SIDER)",
    ),
    _set(
        "esol",
        f"{_DEEPCHEM}/delaney-processed.csv",
        "8c06a76f0c6487d29ab0f903e6a7a7139f189ab3c1178f159c8be8964602f189",
        "measured log solubility in mols per litre",
        summary="solubility in water, 1,128 molecules",
        task="regression",
        cite="Delaney 2004",
        size="0.1 MB",
    ),
    _set(
        "freesolv",
        f"{_DEEPCHEM}/SAMPL.csv",
        "ab5895d914ee87cb563bd7b9611e869527bba45bec6b014d34dc495a0f9dcb72",
        "expt",
        summary="free energy of hydration in kcal/mol, 642 molecules",
        task="regression",
        cite="Mobley & Guthrie 2014",
        size="32 kB",
    ),
    _set(
        "lipophilicity",
        f"{_DEEPCHEM}/Lipophilicity.csv",
        "aed41590cb30609d51d8e08ad3ff06495a76e80e211358801f596b10da69bacd",
        "exp",
        summary="octanol/water distribution (logD) at pH 7.4, 4,200 molecules",
        task="regression",
        cite="ChEMBL, AstraZeneca",
        size="0.3 MB",
        licence="CC BY-SA 3.0 (ChEMBL)",
    ),
)
