"""SMILES as tokens; canonical form, scaffolds and fingerprints where RDKit is installed."""

import os
from pathlib import Path

import numpy as np
import pytest

from xmr.cli.app import execute
from xmr.core.component import check_section, create
from xmr.core.registry import ENCODERS
from xmr.data.columns import Columns
from xmr.data.public.catalog import DATASETS
from xmr.data.readers.read import read_all
from xmr.data.records import Records, Skipped
from xmr.data.smiles import canonical_smiles, scaffold, smiles_tokens, unreadable
from xmr.data.splits import scaffold_split
from xmr.recipe.load import load_recipe

MOLECULES = Path(os.environ.get("XMR_DATA", "nowhere"), "molecules")


def encoder(**settings):
    made = create(ENCODERS, check_section("encoder", {"name": "molecule", **settings}, "test"))
    made.configure(64)
    return made


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("C[C@@H](N)C(=O)[O-]", ["C", "[C@@H]", "(", "N", ")", "C", "(", "=", "O", ")", "[O-]"]),
        ("ClCCBr", ["Cl", "C", "C", "Br"]),
        ("c1cc[nH]c1", ["c", "1", "c", "c", "[nH]", "c", "1"]),
        ("CC>>C%12", ["C", "C", ">>", "C", "%12"]),
    ],
)
def test_tokens(text, tokens):
    assert smiles_tokens(text) == tokens
    assert unreadable(text) is None


def test_case_is_kept_and_unknown_tokens_are_means():
    made = encoder().fit(Records.of(["Cc", "CN"]))
    assert made.letters == ("C", "N", "c")
    batch = made.encode(Records.of(["cCO "])).batch(np.array([0]))
    assert [made.spec.symbols[number] for number in batch.ids[0]] == ["c", "C", "(unknown)"]


def test_what_is_no_smiles_is_named():
    wrong = encoder().check(Records.of(["CCO", "C?C", " ", "[C", "CCX"]))
    assert wrong == {
        1: "found '?' at character 2; expected SMILES, e.g. CC(=O)O",
        2: "found an empty SMILES; expected a molecule, e.g. CC(=O)O",
        3: "found '[' at character 1; expected SMILES, e.g. CC(=O)O",
        4: "found 'X' at character 3; expected SMILES, e.g. CC(=O)O",
    }
    long = encoder(length="fail", max_length=2).check(Records.of(["CC", "CCO"]))
    assert long == {1: "found 3 tokens; expected at most 2 (encoder.length: window takes any length)"}


def test_canonical_form_makes_one_molecule_of_two_writings():
    pytest.importorskip("rdkit")
    records = Records.of(["OCC", "CCO", "C(C)(C)(C)(C)C"])
    made = encoder(form="canonical")
    assert made.canonical(records)[:2] == ["CCO", "CCO"]
    assert encoder().canonical(records)[:2] == ["OCC", "CCO"]
    expected = "found C(C)(C)(C)(C)C, which RDKit cannot read; expected a molecule (rings, valences)"
    assert made.check(records) == {2: expected}
    assert canonical_smiles("C1CC") is None


def test_scaffold_split_by_hand():
    """Scaffolds a (5), b (3), c (1), d (1): a fills training, b fits into validation, nothing is left for c and d."""
    split = scaffold_split(["c", *"aaaaa", *"bbb", "d"], test=2, validation=3)
    assert split.train.tolist() == [1, 2, 3, 4, 5]
    assert split.validation.tolist() == [6, 7, 8]
    assert split.test.tolist() == [0, 9]
    # Training has room for 6: b does not fit behind a, d does; of equal sizes the later one comes first.
    split = scaffold_split(["c", *"aaaaa", *"bbb", "d"], test=4, validation=0)
    assert split.train.tolist() == [1, 2, 3, 4, 5, 9]
    assert split.test.tolist() == [0, 6, 7, 8]


def test_scaffolds():
    pytest.importorskip("rdkit")
    assert scaffold("CCc1ccccc1C(=O)O") == scaffold("c1ccccc1Cl") == "c1ccccc1"
    assert scaffold("CCO") == scaffold("not a molecule") == ""


@pytest.mark.skipif(not MOLECULES.is_dir(), reason="no molecules: set XMR_DATA")
@pytest.mark.parametrize("name", ["bbbp", "clintox", "tox21", "esol", "freesolv", "lipophilicity"])
def test_every_token_of_the_public_sets_is_read(name):
    chosen = DATASETS[name]
    columns = Columns(str(chosen.columns["input"]), need_target=False, reads="sequences")
    texts = [text.strip() for text in read_all(MOLECULES.parent / chosen.main, columns, "skip", Skipped()).inputs]
    assert len(texts) > 600
    assert [text for text in texts if unreadable(text) is not None] == []
    assert all("".join(smiles_tokens(text)) == text for text in texts)


def test_a_draft_for_molecules(tmp_path, capsys):
    made = create(ENCODERS, {"name": "molecule"})
    pytest.importorskip("rdkit")
    rows = [f"{text},{number % 7 / 7}" for number, text in enumerate(dict.fromkeys(made.example(60, 0).inputs))]
    (tmp_path / "m.csv").write_text("\n".join(["SMILES,potency", "F(C)C,0.5", *rows]) + "\n")
    assert execute(["new", "molecule", str(tmp_path / "m.csv"), "-o", str(tmp_path / "m.yaml")]) == 0
    recipe = load_recipe(str(tmp_path / "m.yaml"), [])
    assert recipe.task == "regression"
    assert recipe.encoder["name"] == "molecule"
    assert recipe.source["name"] == "minilm"
    assert (recipe.data.split.by, recipe.data.split.keep_together) == ("cross_validation", "scaffold")
    assert recipe.data.on_error == "skip"
    said = capsys.readouterr().out
    assert "RDKit cannot read 1 of them, which are skipped (" in said
    assert "found F(C)C, which RDKit cannot read" in said


@pytest.mark.parametrize(("told", "by"), [(True, "random"), (False, "scaffold")])
def test_a_scaffold_that_tells_the_class_is_split_at_random(tmp_path, capsys, told, by):
    pytest.importorskip("rdkit", reason="RDKit is not installed")
    rings = ("c1ccc(X)cc1", "C1CCC(X)CC1", "c1ccc(X)nc1", "C1CCC(X)OC1")
    chains = ["C" * n + end for n in range(1, 21) for end in ("O", "N", "F", "Cl", "S")]
    rows = [
        f"{ring.replace('X', chain)},{at % 2 if told else number % 2}"
        for at, ring in enumerate(rings)
        for number, chain in enumerate(chains)
    ]
    if told:  # the largest scaffold holds one class
        rows += [f"{rings[0].replace('X', chain.replace('C', 'CC(C)', 1))},0" for chain in chains]
    (tmp_path / "m.csv").write_text("smiles,label\n" + "\n".join(rows) + "\n")
    assert execute(["new", "molecule", str(tmp_path / "m.csv"), "-o", str(tmp_path / "m.yaml")]) == 0
    assert load_recipe(str(tmp_path / "m.yaml"), []).data.split.by == by
    assert ("the scaffold tells the class" in capsys.readouterr().out) is told
