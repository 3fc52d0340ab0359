"""The forms in which people have their data: how each is written, what is typed, and what must be read.

`python -m tests.commands.forms` writes docs/forms.md from this list.
"""

from __future__ import annotations

import random
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import openpyxl
import soundfile
from PIL import Image

from xmr.data.mutations import ONE_LETTER

PAGE = Path(__file__).parents[2] / "docs" / "forms.md"
HEAD = """# Forms of data

`xmr new` reads each of these files as it is; the command is behind it. A test drafts a recipe for every row, reads the
data as `xmr run` would, and compares labels, parts and inputs; a slow test also trains each recipe. If your file is not
among them, `xmr new` says what it found and what to type. There are {count} forms.

| what you have | type `xmr new ...` | read as |
|---|---|---|
"""
AMINO_ACIDS = "ACDEFGHIKLMNPQRSTVWY"
THREE = {one: three for three, one in ONE_LETTER.items()}
RNG = random.Random(0)


def protein(n: int) -> str:
    """A random sequence."""
    return "".join(RNG.choices(AMINO_ACIDS, k=n))


PROTEINS = [protein(12 + i % 5) for i in range(40)]
WILD = protein(30)


def variants(n: int, stop: bool = False) -> list[tuple[list[tuple[str, int, str]], str]]:
    """Different variants of WILD with one to three mutations each: the mutations, and the sequence."""
    made: dict[str, list[tuple[str, int, str]]] = {}
    while len(made) < n:
        places = sorted(RNG.sample(range(len(WILD)), 1 + len(made) % 3))
        letters, listed = list(WILD), []
        for place in places:
            after = "*" if stop and len(made) % 8 == 0 else RNG.choice(AMINO_ACIDS.replace(WILD[place], ""))
            listed.append((WILD[place], place + 1, after))
            letters[place] = after
        made["".join(letters)] = listed
    return [(listed, text) for text, listed in made.items()]


def listing(mutations: list[tuple[str, int, str]], offset: int = 0, mark: str = ",") -> str:
    """A24G,N30D."""
    return mark.join(f"{before}{number + offset}{after}" for before, number, after in mutations)


def hgvs(mutations: list[tuple[str, int, str]]) -> str:
    """p.Ala24Gly, p.[Ala24Gly;Asn30Asp]."""
    listed = ";".join(f"{THREE[before]}{number}{THREE[after]}" for before, number, after in mutations)
    return f"p.[{listed}]" if ";" in listed else f"p.{listed}"


def csv(header: str, rows: Any, mark: str = ",") -> str:
    """Rows as text."""
    return "\n".join([header.replace(",", mark), *(mark.join(map(str, row)) for row in rows)]) + "\n"


def fasta(records: Any) -> str:
    """(header, sequence) as text."""
    return "".join(f">{header}\n{text}\n" for header, text in records)


@dataclass(frozen=True)
class Form:
    """have: in words; command: behind `xmr new`; files: name -> content, or what writes them into a folder.

    task: of the draft; labels: values that must be among those read; n: records, 0 where they are windows; data,
    encoder: fields that the recipe's sections must have; inputs: whether these are the records' inputs.
    """

    have: str
    command: str
    files: dict[str, str] | Callable[[Path], None]
    task: str
    labels: set[str] = field(default_factory=set)
    n: int = 40
    data: dict[str, Any] = field(default_factory=dict)
    encoder: dict[str, Any] = field(default_factory=dict)
    inputs: list[str] | None = None

    def write(self, folder: Path) -> None:
        """Put the files into a folder."""
        if callable(self.files):
            self.files(folder)
            return
        for name, content in self.files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)


_HALF = (
    [(f"p{i}", text) for i, text in enumerate(PROTEINS[:20])],
    [(f"n{i}", text) for i, text in enumerate(PROTEINS[20:])],
)
_RESIDUES = [(f"r{i}", text) for i, text in enumerate(PROTEINS)]
_VARIANTS = variants(40)
_STOPPED = variants(40, stop=True)
_POSNEG = {"positive", "negative"}
_TS = "@problemName x\n@timeStamps false\n@univariate true\n@classLabel true 1 2\n@data\n"
_SERIES = [[(i * 7 + k * (1 + i % 2)) % 11 / 2 + i / 100 for k in range(12)] for i in range(40)]


def archive(folder: Path) -> None:
    """The files that a zip of the UCR archive unpacks to: the same data in three formats."""
    for part, rows in (("TRAIN", range(28)), ("TEST", range(28, 40))):
        texts = [[f"{value:g}" for value in _SERIES[i]] for i in rows]
        labels = [str(1 + i % 2) for i in rows]
        ts = _TS + "".join(f"{','.join(text)}:{label}\n" for text, label in zip(texts, labels))
        (folder / f"Waves_{part}.ts").write_text(ts)
        (folder / f"Waves_{part}.txt").write_text("".join(f"{lab} {' '.join(x)}\n" for x, lab in zip(texts, labels)))
        names = "".join(f"@attribute a{k} numeric\n" for k in range(12)) + "@attribute target {1,2}\n@data\n"
        rows_of = "".join(f"{','.join(x)},{lab}\n" for x, lab in zip(texts, labels))
        (folder / f"Waves_{part}.arff").write_text("@relation Waves\n" + names + rows_of)
    (folder / "Waves.txt").write_text("About the data.\n")


def unpacked(folder: Path) -> None:
    """An archive as its folder."""
    (folder / "Waves").mkdir()
    archive(folder / "Waves")


def zipped(folder: Path) -> None:
    """An archive as its zip."""
    unpacked(folder)
    with zipfile.ZipFile(folder / "Waves.zip", "w") as made:
        for path in sorted((folder / "Waves").iterdir()):
            made.write(path, path.name)


def clips(folder: Path, rates: tuple[int, ...] = (8000,), nested: bool = True) -> None:
    """Twelve tones, one of them silent, in a folder for each class or with the class in their names."""
    for i in range(12):
        rate, word = rates[i % len(rates)], ("no", "yes")[i % 2]
        clock = np.arange(rate // 4) / rate
        place = folder / "clips" / (f"{word}/{i}.wav" if nested else f"{word}_{'ab'[i // 6]}_{i}.wav")
        place.parent.mkdir(parents=True, exist_ok=True)
        loudness = 0.0 if i == 11 else 0.3
        soundfile.write(place, loudness * np.sin(2 * np.pi * (300 + 100 * (i % 2) + 10 * i) * clock), rate)


def mixed(folder: Path) -> None:
    """Clips of two sample rates."""
    clips(folder, (8000, 22_050))


def flat(folder: Path) -> None:
    """Clips in one folder."""
    clips(folder, nested=False)


def workbook(folder: Path) -> None:
    """A sheet of numbers."""
    book = openpyxl.Workbook()
    book.active.append(["width", "color", "price"])
    for i in range(40):
        book.active.append([i * 37 % 41, "rgb"[i % 3], i / 7])
    book.save(folder / "x.xlsx")


def images(folder: Path) -> None:
    """Twelve small images."""
    for i in range(12):
        place = folder / "animals" / ("cat", "dog")[i % 2] / f"{i}.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((8, 8, 3), 20 * i, dtype=np.uint8)).save(place)


def listed_images(folder: Path) -> None:
    """Twelve images, and a list of them."""
    images(folder)
    rows = [(f"animals/{('cat', 'dog')[i % 2]}/{i}.png", ("cat", "dog")[i % 2]) for i in range(12)]
    (folder / "list.csv").write_text(csv("image_id,dx", rows))


def image_parts(folder: Path) -> None:
    """30 images for training and 10 for the test, as Keras keeps them."""
    pixels = np.random.default_rng(0).integers(0, 255, (40, 8, 8), dtype=np.uint8)
    labels = np.arange(40) % 2
    parts = {"x_train": pixels[:30], "y_train": labels[:30], "x_test": pixels[30:], "y_test": labels[30:]}
    np.savez(folder / "x.npz", **parts)


def nucleotides(n: int) -> str:
    """A random sequence."""
    return "".join(RNG.choices("ACGT", k=n))


def steps(step: Callable[[int], float]) -> str:
    """Series of one row per time step."""
    rows = ((f"s{i}", step(k) + 100 * i, value, "ab"[i % 2]) for i in range(40) for k, value in enumerate(_SERIES[i]))
    return csv("case,hour,load,label", rows)


FORMS = [
    Form(
        "a FASTA file for each class",
        "protein positive.fasta negative.fasta",
        {"positive.fasta": fasta(_HALF[0]), "negative.fasta": fasta(_HALF[1])},
        "classification",
        _POSNEG,
    ),
    Form(
        "a FASTA file for each class, with the same ids in both",
        "protein positive.fasta negative.fasta",
        {"positive.fasta": fasta(_HALF[0]), "negative.fasta": fasta(_HALF[1]).replace(">n", ">p")},
        "classification",
        _POSNEG,
    ),
    Form(
        "a folder with a FASTA file for each class",
        "protein sets",
        {"sets/positive.fasta": fasta(_HALF[0]), "sets/negative.fasta": fasta(_HALF[1]), "sets/README.md": "About."},
        "classification",
        _POSNEG,
    ),
    Form(
        "a folder for each class, with FASTA files in it",
        "protein sets",
        {
            "sets/AMP/1.fa": fasta(_HALF[0][:9]),
            "sets/AMP/2.fa": fasta(_HALF[0][9:]),
            "sets/other/1.fa": fasta(_HALF[1]),
        },
        "classification",
        {"AMP", "other"},
    ),
    Form(
        "a FASTA file for each class and part",
        "protein train_pos.fasta train_neg.fasta test_pos.fasta test_neg.fasta",
        {
            "train_pos.fasta": fasta(_HALF[0][:15]),
            "train_neg.fasta": fasta(_HALF[1][:15]),
            "test_pos.fasta": fasta(_HALF[0][15:]),
            "test_neg.fasta": fasta(_HALF[1][15:]),
        },
        "classification",
        {"pos", "neg"},
        data={"split": "predefined"},
    ),
    Form(
        "headers `>id|AMP|training`",
        "protein x.fasta",
        {
            "x.fasta": fasta(
                (f"{i}|{'AMP' if i % 2 else 'none'}|{'training' if i % 4 else 'testing'}", t)
                for i, t in enumerate(PROTEINS)
            )
        },
        "classification",
        {"AMP", "none"},
        data={"pattern": "{}|{label}|{set}", "split": "predefined"},
    ),
    Form(
        "headers `>Q12981 Nucleus-U`",
        "protein x.fasta",
        {"x.fasta": fasta((f"Q{i} {('Nucleus-U', 'Cytoplasm-S')[i % 2]}", t) for i, t in enumerate(PROTEINS))},
        "classification",
        {"Nucleus-U", "Cytoplasm-S"},
        data={"pattern": "{} {label}"},
    ),
    Form(
        "headers `>Q12981 Nucleus-U`, of which the first word is the label",
        'protein x.fasta --pattern "{id} {label}-{form}"',
        {"x.fasta": fasta((f"Q{i} {('Nucleus-U', 'Cytoplasm-S')[i % 2]}", t) for i, t in enumerate(PROTEINS))},
        "classification",
        {"Nucleus", "Cytoplasm"},
    ),
    Form(
        "headers `>id label=1`",
        "protein x.fasta",
        {"x.fasta": fasta((f"p{i} label={i % 2}", t) for i, t in enumerate(PROTEINS))},
        "classification",
        {"0", "1"},
    ),
    Form(
        "headers `>id TARGET=0.3 SET=train VALIDATION=False`",
        "protein x.fasta",
        {
            "x.fasta": fasta(
                (f"p{i} TARGET={i / 9} SET={'train' if i % 5 else 'test'}", t) for i, t in enumerate(PROTEINS)
            )
        },
        "regression",
        data={"split": "predefined"},
    ),
    Form(
        "headers with blanks in the ids, `>seq 1 class=a`",
        "protein x.fasta",
        {"x.fasta": fasta((f"seq {i} class={'ab'[i % 2]}", t) for i, t in enumerate(PROTEINS))},
        "classification",
        {"a", "b"},
    ),
    *(
        Form(
            f"a table with the label in a column `{name}`",
            "protein x.csv",
            {"x.csv": csv(f"sequence,remark,{name}", ((t, f"x{i}", i / 7) for i, t in enumerate(PROTEINS)))},
            "regression",
        )
        for name in ("y", "activity", "fitness", "score", "DMS_score")
    ),
    Form(
        "a table with the label in a column `class`",
        "protein x.tsv",
        {"x.tsv": csv("id,Sequence,class", ((f"p{i}", t, "ab"[i % 2]) for i, t in enumerate(PROTEINS)), "\t")},
        "classification",
        {"a", "b"},
    ),
    Form(
        "a table whose only other column is the label",
        "protein x.csv",
        {"x.csv": csv("id,sequence,Result", ((f"p{i}", t, "AB"[i % 2]) for i, t in enumerate(PROTEINS)))},
        "classification",
        {"A", "B"},
        data={"target": "Result"},
    ),
    Form(
        "several labels in one cell, `membrane|nucleus`",
        "protein x.csv",
        {
            "x.csv": csv(
                "sequence,where",
                ((t, ("membrane", "nucleus", "membrane|nucleus")[i % 3]) for i, t in enumerate(PROTEINS)),
            )
        },
        "multilabel",
        {"0", "1"},
        data={"label_separator": "|"},
    ),
    Form(
        "several columns of 0 and 1",
        "protein x.csv",
        {"x.csv": csv("sequence,kinase,membrane,note", ((t, i % 2, i // 2 % 2, "") for i, t in enumerate(PROTEINS)))},
        "multilabel",
        {"0", "1"},
        data={"target": ["kinase", "membrane"]},
    ),
    Form(
        "labels of each residue as digits",
        "protein x.csv",
        {"x.csv": csv("sequence,label", ((t, "".join(str(int(c in "KR")) for c in t)) for t in PROTEINS))},
        "sequence_labeling",
    ),
    Form(
        "labels of each residue as DSSP writes them, with `-`",
        "protein x.csv",
        {"x.csv": csv("sequence,dssp", ((t, "".join("H" if c in "AELK" else "-" for c in t)) for t in PROTEINS))},
        "sequence_labeling",
    ),
    Form(
        "sequences, labels of each residue and a mask in three FASTA files (FLIP, biotrainer)",
        "protein seqs.fasta labels.fasta mask.fasta",
        {
            "seqs.fasta": fasta(_RESIDUES),
            "labels.fasta": fasta((n, "".join("H" if c in "AELK" else "C" for c in t)) for n, t in _RESIDUES),
            "mask.fasta": fasta((n, "0" + "1" * (len(t) - 1)) for n, t in _RESIDUES),
        },
        "sequence_labeling",
        data={"labels_path": "labels.fasta", "mask_path": "mask.fasta"},
    ),
    Form(
        "sequences in a FASTA file, the label of each on a line of a text file",
        "protein x.fasta classes.txt",
        {
            "x.fasta": fasta((f"p{i}", text) for i, text in enumerate(PROTEINS)),
            "classes.txt": "\n".join(("amp", "other")[i % 2] for i in range(40)) + "\n",
        },
        "classification",
        {"amp", "other"},
        data={"labels_path": "classes.txt"},
    ),
    Form(
        "sequences in a FASTA file, labels of each residue on a line of a text file",
        "protein x.fasta residues.txt",
        {
            "x.fasta": fasta((f"p{i}", text) for i, text in enumerate(PROTEINS)),
            "residues.txt": "\n".join("HEC-"[i % 4] * 6 + "H" * (len(text) - 6) for i, text in enumerate(PROTEINS)),
        },
        "sequence_labeling",
        data={"labels_path": "residues.txt"},
    ),
    Form(
        "a table without a header: sequences and labels",
        "protein x.tsv",
        {"x.tsv": "".join(f"{text}\t{('amp', 'other')[i % 2]}\n" for i, text in enumerate(PROTEINS))},
        "classification",
        {"amp", "other"},
        data={"input": "column_1", "target": "column_2", "header": False},
        inputs=PROTEINS,
    ),
    Form(
        "a table of ids, sequences and numbers under names of its own",
        "protein x.csv",
        {"x.csv": csv("Entry,Chain,Solubility", ((f"P{i}", text, i / 7) for i, text in enumerate(PROTEINS)))},
        "regression",
        data={"input": "Chain", "target": "Solubility"},
        inputs=PROTEINS,
    ),
    Form(
        "mutations `A24G,N30D` of a protein",
        f"protein x.csv --wild-type {WILD}",
        {"x.csv": csv("mutant;DMS_score", ((listing(m), i / 9) for i, (m, _) in enumerate(_VARIANTS)), ";")},
        "regression",
        data={"wild_type": WILD, "input": "mutant", "split": "cross_validation"},
        encoder={"aligned": True},
        inputs=[text for _, text in _VARIANTS],
    ),
    Form(
        "mutations numbered from another residue, the protein in a FASTA file",
        "protein x.csv --wild-type wt.fasta",
        {
            "x.csv": csv("mutation,fitness", ((listing(m, 100, ":"), i / 9) for i, (m, _) in enumerate(_VARIANTS))),
            "wt.fasta": f">wt\n{WILD}\n",
        },
        "regression",
        data={"wild_type": "wt.fasta", "offset": 100},
        inputs=[text for _, text in _VARIANTS],
    ),
    Form(
        "variants in the notation of HGVS, `p.Ala24Gly`, with stop codons",
        f"protein x.csv --wild-type {WILD}",
        {"x.csv": csv("hgvs_pro,score", ((hgvs(m), i / 9) for i, (m, _) in enumerate(_STOPPED)))},
        "regression",
        encoder={"stop": "symbol", "aligned": True},
        inputs=[text for _, text in _STOPPED],
    ),
    Form(
        "ProteinGym: `mutant`, `mutated_sequence`, `DMS_score`, `DMS_score_bin`",
        "protein x.csv",
        {
            "x.csv": csv(
                "mutant,mutated_sequence,DMS_score,DMS_score_bin",
                ((listing(m, mark=":"), text, i / 9, int(i > 20)) for i, (m, text) in enumerate(_VARIANTS)),
            )
        },
        "regression",
        data={"input": "mutated_sequence", "target": "DMS_score", "split": "cross_validation"},
        encoder={"aligned": True},
    ),
    Form(
        "variants with stop codons, as whole sequences",
        "protein x.csv",
        {"x.csv": csv("sequence,fitness", ((text, i / 9) for i, (_, text) in enumerate(_STOPPED)))},
        "regression",
        encoder={"stop": "symbol"},
    ),
    Form(
        "variants, tested at positions that training does not have",
        "protein x.csv --split position",
        {"x.csv": csv("sequence,fitness", ((text, i / 9) for i, (_, text) in enumerate(_VARIANTS)))},
        "regression",
        data={"split": "position"},
    ),
    Form(
        "variants, tested on those with more mutations",
        "protein x.csv --split mutations",
        {"x.csv": csv("sequence,fitness", ((text, i / 9) for i, (_, text) in enumerate(_VARIANTS)))},
        "regression",
        data={"split": "mutations"},
    ),
    Form(
        "a table for each part",
        "table train.csv test.csv",
        {
            "train.csv": csv("width,color,label", ((i * 37 % 41, "rgb"[i % 3], "ab"[i % 2]) for i in range(30))),
            "test.csv": csv("width,color,label", ((100 + i, "rgb"[i % 3], "ab"[i % 2]) for i in range(10))),
        },
        "classification",
        {"a", "b"},
        data={"split": "predefined"},
    ),
    Form(
        "an archive of time series as its zip unpacks (.ts, .arff and .txt)",
        "series Waves",
        unpacked,
        "classification",
        {"1", "2"},
        data={"split": "predefined"},
    ),
    Form(
        "an archive of time series as its zip",
        "series Waves.zip",
        zipped,
        "classification",
        {"1", "2"},
        data={"split": "predefined"},
    ),
    Form(
        "series with one row per time step",
        "series x.csv --id case --time hour",
        {"x.csv": steps(float)},
        "classification",
        {"a", "b"},
        data={"id": "case", "time": "hour"},
    ),
    Form(
        "series with uneven steps of time",
        "series x.csv --id case --time hour --time-step 0.5",
        {"x.csv": steps(lambda k: k + 0.2 * (k % 3))},
        "classification",
        {"a", "b"},
        data={"time_step": 0.5},
    ),
    Form(
        "series with a column of row numbers, as pandas writes it",
        "series x.csv",
        {"x.csv": csv(",label,s_0,s_1,s_2,s_3,s_4", ((i, "ab"[i % 2], *_SERIES[i][:5]) for i in range(40)))},
        "classification",
        {"a", "b"},
    ),
    Form(
        "a folder of audio clips for each class, of several sample rates",
        "audio clips",
        mixed,
        "classification",
        {"no", "yes"},
        n=12,
    ),
    Form(
        "audio clips in one folder, the label in their names",
        "audio clips --pattern {label}_{group}_{take}",
        flat,
        "classification",
        {"no", "yes"},
        n=12,
        data={"pattern": "{label}_{group}_{take}", "split": "cross_validation"},
    ),
    Form(
        "a table whose ids repeat",
        "table x.csv --id none",
        {"x.csv": csv("id,width,label", ((i // 2, i * 37 % 41, "ab"[i % 2]) for i in range(40)))},
        "classification",
        {"a", "b"},
        data={"id": "none"},
    ),
    Form(
        "a table as a spreadsheet exports it: semicolons, decimal commas, empty columns at the end",
        "table x.csv",
        {"x.csv": "width;color;label;;\n" + "".join(f"{i},5;{'rgb'[i % 3]};{'ab'[i % 2]};;\n" for i in range(40))},
        "classification",
        {"a", "b"},
    ),
    Form(
        "an Excel workbook",
        "table x.xlsx --target price",
        workbook,
        "regression",
        data={"target": "price"},
    ),
    Form(
        "a table without a header",
        "table x.csv --target column_3",
        {"x.csv": "".join(f"{i * 37 % 41},{i * 11 % 7},{'ab'[i % 2]}\n" for i in range(40))},
        "classification",
        {"a", "b"},
        data={"target": "column_3"},
    ),
    Form(
        "nucleotides, a FASTA file for each class",
        "dna promoter.fa other.fa",
        {
            "promoter.fa": fasta((f"p{i}", nucleotides(20 + i)) for i in range(20)),
            "other.fa": fasta((f"n{i}", nucleotides(20 + i)) for i in range(20)),
        },
        "classification",
        {"promoter", "other"},
    ),
    Form(
        "texts with their labels",
        "text x.tsv",
        {"x.tsv": csv("text,label", ((f"the {i}th note is long", ("good", "bad")[i % 2]) for i in range(40)), "\t")},
        "classification",
        {"good", "bad"},
    ),
    Form(
        "texts, a file for each class and a text on each line",
        "text good.txt bad.txt",
        {f"{name}.txt": "".join(f"a {name} film; long, {i}\n" for i in range(20)) for name in ("good", "bad")},
        "classification",
        {"good", "bad"},
    ),
    Form(
        "JSON Lines, an object for each record",
        "protein x.jsonl",
        {"x.jsonl": "".join(f'{{"sequence": "{s}", "label": {i % 2}}}\n' for i, s in enumerate(PROTEINS))},
        "classification",
        {"0", "1"},
    ),
    Form(
        "images, a folder for each class",
        "image animals",
        images,
        "classification",
        {"cat", "dog"},
        n=12,
    ),
    Form(
        "images, a folder for each class, named one by one",
        "image animals/cat animals/dog",
        images,
        "classification",
        {"cat", "dog"},
        n=12,
        data={"path": ["animals/cat", "animals/dog"]},
    ),
    Form(
        "audio clips, a folder for each class, named one by one",
        "audio clips/no clips/yes",
        mixed,
        "classification",
        {"no", "yes"},
        n=12,
        data={"path": ["clips/no", "clips/yes"]},
    ),
    Form(
        "a table that lists images under names of its own",
        "image list.csv",
        listed_images,
        "classification",
        {"cat", "dog"},
        n=12,
        data={"input": "image_id", "target": "dx"},
    ),
    Form(
        "an array of images in two parts, `x_train`, `y_train`, `x_test`, `y_test`",
        "image x.npz",
        image_parts,
        "classification",
        {"0", "1"},
        data={"split": "predefined"},
    ),
    Form(
        "SMILES files of two classes",
        "molecule actives.smi decoys.smi",
        {
            name: "".join(f"{'C' * (i + 1)}{atom}c1cc{'cn'[i % 2]}cc1 {name}{i}\n" for i in range(20))
            for name, atom in (("actives.smi", "O"), ("decoys.smi", "N"))
        },
        "classification",
        {"actives", "decoys"},
    ),
    Form(
        "molecules in a column of another name, as TDC has them",
        "molecule x.csv",
        {
            "x.csv": csv(
                "Drug_ID,Drug,Y", ((f"d{i}", f"{'C' * (i // 2 + 1)}{'ON'[i % 2]}c1ccccc1", i / 7) for i in range(40))
            )
        },
        "regression",
        data={"input": "Drug", "target": "Y"},
    ),
    Form(
        "series in columns, the label the only column of words",
        "series x.csv",
        {"x.csv": csv("s_0,s_1,s_2,s_3,s_4,kind", ((*_SERIES[i][:5], "ab"[i % 2]) for i in range(40)))},
        "classification",
        {"a", "b"},
        data={"target": "kind"},
    ),
    Form(
        "molecules with ids of a usual name that repeat, as in BBBP",
        "molecule x.csv --target p_np",
        {
            "x.csv": csv(
                "num,name,p_np,smiles",
                (
                    (i, f"drug {i % 30}", i % 2, f"{'C' * (i // 2 + 1)}{'ON'[i % 2]}c1cc{'cn'[i // 20]}cc1")
                    for i in range(40)
                ),
            )
        },
        "classification",
        {"0", "1"},
        data={"id": "none", "target": "p_np"},
    ),
    Form(
        "a table of channels over time, to be forecast",
        "forecast x.csv",
        {"x.csv": csv("date,load", ((f"2020-01-{1 + i // 24:02} {i % 24:02}:00", i % 24 + i % 5) for i in range(300)))},
        "forecasting",
        n=0,
        encoder={"season": 24},
    ),
]


def read_as(form: Form) -> str:
    """The last cell of a form's row."""
    facts = [f"task {form.task.replace('_', ' ')}"]
    facts += [f"`{name}: {value}`" for name, value in form.data.items() if value != WILD and name != "split"]
    facts += [f"split {form.data['split']}"] if "split" in form.data else []
    facts += [f"`encoder.{name}: {str(value).lower()}`" for name, value in form.encoder.items()]
    return ", ".join(facts)


def page() -> str:
    """docs/forms.md."""

    def cell(text: str) -> str:
        return text.replace("|", "\\|")

    rows = [
        f"| {cell(form.have)} | `{cell(form.command.replace(WILD, 'SEQUENCE'))}` | {cell(read_as(form))} |\n"
        for form in FORMS
    ]
    return HEAD.format(count=len(FORMS)) + "".join(rows)


if __name__ == "__main__":
    PAGE.write_text(page())
