"""Lists of mutations as sequences, by hand; predictions of them; splits by what they change."""

import csv

import numpy as np
import pytest

from xmr.cli.app import execute
from xmr.data.mutations import fitting_offsets, mutations_of, whole_sequences
from xmr.data.records import Records
from xmr.data.splits import variant_split
from xmr.errors import DataError
from xmr.recipe.load import load_recipe


@pytest.mark.parametrize(
    ("text", "mutations"),
    [
        ("A24G", [("A", 24, "G")]),
        ("A24G,N30D", [("A", 24, "G"), ("N", 30, "D")]),
        ("A24G:N30*", [("A", 24, "G"), ("N", 30, "*")]),
        ("p.Ala24Gly", [("A", 24, "G")]),
        ("p.[Ala24Gly;Asn30Ter]", [("A", 24, "G"), ("N", 30, "*")]),
        ("p.Ala24=", [("A", 24, "A")]),
        ("WT", []),
        ("p.=", []),
        ("A24", None),
        ("24G", None),
        ("ACDE", None),
        ("A24G and more", None),
        ("", None),
    ],
)
def test_lists_of_mutations(text, mutations):
    assert mutations_of(text) == mutations


def test_sequences_by_hand():
    records = Records.of(["A2G", "K1R,D3*", "wt", "KADE", "A3G", "K5R", "A2?"])
    wrong = whole_sequences(records, "KADE")
    assert records.inputs[:4] == ["KGDE", "RA*E", "KADE", "KADE"]
    assert wrong == {
        4: "found A3; expected D3, as the wild type has (data.wild_type, data.offset)",
        5: "found the position 5; expected 1 to 4, as the wild type has (data.offset)",
        6: "found 'A2?'; expected mutations such as A24G or A24G,N30D",
    }
    records = Records.of(["A102G"])
    assert not whole_sequences(records, "KADE", 100)
    assert records.inputs == ["KGDE"]
    assert fitting_offsets(["A102G", "K101R"], "KADE") == [100]
    assert fitting_offsets(["A102G"], "KAKA") == [98, 100]


def test_positions_and_numbers_of_mutations_are_held_out():
    wild = "ACDEFGHIKL"
    singles = [wild[:i] + letter + wild[i + 1 :] for i in range(10) for letter in "MNPQ"]
    doubles = [wild[:i] + "R" + wild[i + 1 : 9] + "S" for i in range(9)]
    texts = singles + doubles + [wild]
    split = variant_split(texts, "mutations", None, 0.2, 0.1, 0)
    assert [texts[i] for i in split.test] == doubles
    assert len(split.train) + len(split.validation) == 41
    split = variant_split(texts, "position", None, 0.2, 0, 0)
    changed = np.array([[a != b for a, b in zip(text, wild)] for text in texts])
    tested = changed[split.test].any(axis=0) & ~changed[split.train].any(axis=0)
    assert all(changed[i][tested].any() for i in split.test)
    assert 0.15 < len(split.test) / len(texts) < 0.45
    with pytest.raises(DataError, match="found sequences of 3 to 4 residues; expected variants of one length"):
        variant_split(["ACD", "ACDE"], "position", None, 0.2, 0, 0)
    with pytest.raises(DataError, match="variants that cannot be parted by mutations"):
        variant_split(["ACD", "ACD"], "mutations", None, 0.2, 0, 0)


def test_a_program_of_variants_reads_mutations(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    wild = "ACDEFGHIKL"
    listed = [f"{wild[i]}{i + 1}{letter}" for i in range(10) for letter in "MNPQ"]
    (tmp_path / "x.csv").write_text(
        "mutant,fitness\n" + "".join(f"{text},{i % 7}.5\n" for i, text in enumerate(listed))
    )
    assert execute(["new", "protein", "x.csv", "--wild-type", wild]) == 0
    fast = ["training.epochs=1", "training.min_steps=0", "source.layers=1", "ensemble=1", "baselines=[]"]
    assert execute(["run", "x.yaml", *fast, "-o", "out", "--quiet"]) == 0
    (tmp_path / "new.csv").write_text(f"mutant\n{listed[0]}\nA1Y\n")
    assert execute(["predict", "out", "new.csv", "-o", "a.csv", "--on-error", "skip"]) == 0
    (tmp_path / "whole.csv").write_text(f"sequence\nM{wild[1:]}\n")
    assert execute(["predict", "out", "whole.csv", "-o", "b.csv"]) == 0
    both = [list(csv.DictReader((tmp_path / name).open())) for name in ("a.csv", "b.csv")]
    assert both[0][0]["predicted"] == both[1][0]["predicted"]
    (tmp_path / "wrong.csv").write_text("mutant\nC1M\n")
    assert execute(["predict", "out", "wrong.csv", "-o", "c.csv"]) == 2
    assert "found C1; expected A1, as the wild type has" in capsys.readouterr().err
    assert load_recipe("x.yaml").data.wild_type == wild


def test_mutations_without_their_protein(tmp_path, capsys):
    (tmp_path / "x.csv").write_text("mutant,fitness\nA1C,1\nA1D,2\n")
    assert execute(["new", "protein", str(tmp_path / "x.csv")]) == 2
    message = capsys.readouterr().err
    assert "found a column 'mutant' of mutations such as 'A1C'; expected the protein that they change" in message
    assert "--wild-type" in message
