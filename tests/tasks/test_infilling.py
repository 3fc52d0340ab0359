"""Infilling: hidden letters only are scored, the truth never reaches the source, figures worked by hand."""

import csv
import gzip
import json
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from tests.tiny import WORDS, tiny_model
from xmr.baselines.infilling import nearest_frame, position_profile
from xmr.cli.app import execute
from xmr.core.component import create
from xmr.core.prediction import Prediction
from xmr.core.registry import ENCODERS, TRANSFORMS
from xmr.data.public.proteins import sabdab_loops
from xmr.data.records import Records
from xmr.errors import RecipeError
from xmr.metrics.classes import ClassPredictions, accuracy
from xmr.metrics.infilling import diversity, expected_diversity, perplexity
from xmr.program import Program
from xmr.sources.hf_text import HFText
from xmr.sources.specials import Specials
from xmr.tasks.base import IGNORE
from xmr.tasks.classification import Classification
from xmr.tasks.infilling import Infilling

RECORDS = Records.of(["AC??A", "?CDX?"], {"label": ["--DE-", "A---X"]})


def test_only_hidden_letters_are_targets():
    task = Infilling.fit(RECORDS)
    assert task.names == ("A", "D", "E")
    assert task.encode(RECORDS).tolist() == [IGNORE, IGNORE, 1, 2, IGNORE, 0, *[IGNORE] * 4]
    assert not Infilling.check_lengths(RECORDS, np.array([5, 5]))


def test_shuffled_labels_stay_at_hidden_letters():
    records = Records.of(["A????", "???C"], {"label": ["-DEDE", "AAA-"]})
    Infilling.shuffle_labels(records, np.random.default_rng(0))
    assert [[c == "-" for c in label] for label in records.labels["label"]] == [
        [True, *[False] * 4],
        [*[False] * 3, True],
    ]
    assert sorted("".join(records.labels["label"])) == sorted("-DEDEAAA-")
    assert records.labels["label"] != ["-DEDE", "AAA-"]


@pytest.mark.parametrize(
    ("text", "label", "message"),
    [
        ("AC?", "ACD", "found 'A' in the label at position 1; expected a letter where the sequence has '?'"),
        ("AC?", "---", "found '-' in the label at position 3"),
        ("ACD", "---", r"found no '\?' in the sequence"),
        ("AC?", "--DD", "found 4 per-residue labels; expected 3"),
    ],
)
def test_labels_that_do_not_fit_are_named(text, label, message):
    wrong = Infilling.check_lengths(Records.of([text], {"label": [label]}), np.array([len(text)]))
    assert next(iter(wrong.values())).startswith(message.replace("\\", "")), wrong


def test_recovery_and_diversity_by_hand():
    """Truth ACD; samples ACD, ACE, GCD: recovery (3 + 2 + 2) / 9, diversity 44.4 (with i = j it would be 29.6)."""
    samples = ["ACD", "ACE", "GCD"]
    letters = np.array([[*sample] for sample in samples]).reshape(-1)
    names = np.array([*"ACDEG"])
    label = np.tile([0, 1, 2], 3)
    found = ClassPredictions((letters[:, None] == names).astype(float), label)
    assert accuracy(found) == pytest.approx(7 / 9)
    assert diversity(samples) == pytest.approx(100 * (1 - 5 / 9))
    assert np.isnan(diversity(["ACD"]))


def test_perplexity_and_expected_diversity_by_hand():
    found = ClassPredictions(np.array([[0.5, 0.5], [0.2, 0.8]]), np.array([0, 1]))
    assert perplexity(found) == pytest.approx((0.5 * 0.8) ** -0.5)
    assert expected_diversity(found) == pytest.approx(100 * (1 - (0.5 + 0.68) / 2))


def test_the_mean_over_sequences_by_hand():
    """Three of four hidden letters right in one record, none of one in the other: 3 / 5 pooled, (3 / 4 + 0) / 2 per
    sequence; the record between them hides only an unknown letter and does not count."""
    task = Infilling(("A", "C"), "label")
    target = torch.tensor([0, 0, IGNORE, 0, 1, IGNORE, 1])
    values, lengths = np.tile([0.9, 0.1], (7, 1)), np.array([5, 1, 1])
    found = task.metrics(values, target, lengths)
    assert (found["aar"], found["macro_aar"]) == pytest.approx((3 / 5, 3 / 8))
    assert np.isnan(task.metrics(values, target)["macro_aar"])
    low, high = task.interval(values, target, lengths)["macro_aar"]
    assert (low, high) == pytest.approx((0, 0.75))


@pytest.mark.parametrize(
    ("passes", "texts", "filled"),
    [
        (1, [["A????", "??"]], ["AAAAC", "CA"]),
        (2, [["A????", "??"], ["AA?A?", "C?"]], ["AAAAA", "CC"]),  # two of four letters, one of two
        (3, [["A????", "??"], ["AA?A?", "C?"]], ["AAAAA", "CC"]),  # ceil(4 / 3) letters
        (9, [["A????", "??"], ["A??A?", "C?"], ["AA?A?"], ["AAAA?"]], ["AAAAA", "CC"]),
    ],
)
def test_the_most_confident_letters_are_filled_first(passes, texts, filled):
    """A stub: behind a shown letter the same one with .97, else A with a chance of its own."""
    encoder = create(ENCODERS, {"name": "protein", "hidden": "symbol"}).configure(20)
    data, task = encoder.encode(Records.of(["A????", "??"])), Infilling(("A", "C"), "label").filling(passes)
    symbols, seen = np.array(encoder.spec.symbols), []
    alone = {5: [0, 0, 0.8, 0.99, 0.2], 2: [0.05, 0.6]}

    def predict(given):
        ends = np.cumsum(given.lengths)
        seen.append(["".join(symbols[given.flat.numpy()[e - n : e]]) for e, n in zip(ends, given.lengths)])
        before = [(text, i, text[i - 1] if i else "?") for text in seen[-1] for i in range(len(text))]
        chance = torch.tensor([{"A": 0.97, "C": 0.03}.get(known, alone[len(text)][i]) for text, i, known in before])
        return torch.stack([chance, 1 - chance], dim=1)[None]

    found = task.decode(predict, data, encoder.spec)[0]
    assert seen == texts
    letters = np.array(task.names)[found.argmax(dim=1).numpy()]
    assert ["A" + "".join(letters[1:5]), "".join(letters[5:])] == filled


def test_the_table_fills_and_samples():
    task = Infilling(("A", "C"), "label")
    values = np.array([[0.5, 0.5], [0.9, 0.1], [0.2, 0.8]])
    prediction = Prediction(["x"], values, 0 * values, np.array([3]), ["A??"])
    header, [row] = task.table(prediction)
    assert row[:3] == ["x", "AC", "AAC"]
    assert row[3] == pytest.approx((np.log(0.9) + np.log(0.8)) / 2)
    header, [row] = task.sampling(2000).table(prediction)
    assert header[4:] == ["diversity", "samples"]
    loops = row[5].split()
    assert len(loops) == 2000
    assert np.mean([loop[0] == "A" for loop in loops]) == pytest.approx(0.9, abs=0.03)
    assert row[4] == pytest.approx(100 * (1 - (0.82 + 0.68) / 2), abs=1.5)
    with pytest.raises(RecipeError, match="infilling"):
        Classification(("a", "b"), "label").sampling(3)


def test_a_hidden_residue_is_the_source_s_mask_token():
    source = HFText("tiny").adopt(tiny_model("bert"), Specials((1,), (2,), WORDS, mask=3))
    encoder = create(ENCODERS, {"name": "protein", "hidden": "symbol"}).configure(20)
    batch = encoder.encode(Records.of(["AC?"])).batch(np.arange(1))
    transform = create(TRANSFORMS, {"name": "vocabulary_map"})
    transform.build(encoder.spec, source.space, torch.Generator().manual_seed(0))
    embedding = source.space.embedding[source.space.mask]
    assert torch.equal(transform(batch).embeddings[0, 2], embedding)
    assert torch.equal(transform.merge()(batch).embeddings[0, 2], embedding)


def _data(task, parts):
    texts = {name: records.inputs for name, records in parts.items()}
    targets = {"train": task.encode(parts["train"]).numpy()}
    return SimpleNamespace(task=task, texts=texts, targets=targets)


def test_baselines_by_hand():
    """Position 1 of a loop of two is A three times of four; the loop of the framework that agrees is taken whole."""
    train = Records.of(["GG??VV", "GG??VV", "GG??VW", "LL??TT"], {"label": ["--AC--", "--AC--", "--AD--", "--DD--"]})
    test = Records.of(["LL??TA"], {"label": ["--DD--"]})
    task = Infilling.fit(train)
    data = _data(task, {"train": train, "test": test})
    profile = position_profile(data)
    assert profile[2].argmax() == task.names.index("A")
    assert np.allclose(profile.sum(axis=1), 1)
    nearest = nearest_frame(data)
    assert nearest[2:4].argmax(axis=1).tolist() == [task.names.index("D")] * 2


def test_the_official_form_is_converted(tmp_path):
    files = {}
    for part in ("val", "test"):
        path = files[f"{part}_data.jsonl.gz"] = tmp_path / f"{part}_data.jsonl.gz"
        lines = [{"pdb": "1abc", "seq": "ACDE", "cdr": "0330", "coords": []}, {"pdb": "2abc", "seq": "AC", "cdr": "01"}]
        with gzip.open(path, "wt") as handle:
            handle.write("\n".join(map(json.dumps, lines)))
    sabdab_loops({path.name: path for path in files.values()}, tmp_path, "3")
    rows = list(csv.reader((tmp_path / "loops.csv").open()))
    assert rows[1:] == [["1abc", "A??E", "-CD-", "train"], ["1abc", "A??E", "-CD-", "test"]]


@pytest.mark.slow
def test_commands_end_to_end(tmp_path, capsys):
    rng = np.random.default_rng(0)
    rows = [("sequence", "label")]
    for _ in range(60):
        loop = "".join(rng.choice([*"YG"], 4))
        rows.append((f"QVQLV{'?' * 4}WGQG", f"{'-' * 5}{loop}{'-' * 4}"))
    path = tmp_path / "loops.csv"
    path.write_text("\n".join(map(",".join, rows)))
    overrides = [f"data.path={path}", "data.dataset=null", "data.split={by: random, test: 0.2}", "data.duplicates=keep"]
    overrides += [
        "source.layers=1",
        "training.epochs=2",
        "training.decoding_passes=2",
        "baselines=[position_profile, nearest_frame, majority, cnn]",
    ]
    assert execute(["run", "paper/reprogbert_h3", *overrides, "-o", str(tmp_path / "run")]) == 0
    found = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert {"aar", "macro_aar", "perplexity", "diversity"} <= {*found["test"]}
    assert 0 <= found["test"]["macro_aar"] <= 1
    assert Program.load(tmp_path / "run").task.passes == 2
    new = tmp_path / "new.csv"
    new.write_text("id,sequence\na,QVQLV????WGQG\n")
    out = tmp_path / "out.csv"
    assert execute(["predict", str(tmp_path / "run"), str(new), "-o", str(out), "--samples", "5"]) == 0
    [row] = csv.DictReader(out.open())
    assert row["filled"] == f"QVQLV{row['loop']}WGQG"
    assert len(row["samples"].split()) == 5
    assert execute(["evaluate", str(tmp_path / "run"), str(path)]) == 0
