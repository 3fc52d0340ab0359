"""Tables, DNA and texts from file to prediction; broken tables by name."""

import csv
import json
import re
import tracemalloc

import numpy as np
import pytest

from xmr.cli.app import execute
from xmr.recipe.load import load_recipe

TABLE = """task: {task}
data: {{path: {path}, split: {{by: random, test: 0.3, validation: 0.2}}}}
encoder: {{name: table}}
source: {source}
transform: {transform}
output: {{name: {output}}}
training: {{epochs: 3, learning_rate: 0.01, batch_size: 16}}
ensemble: 2
baselines: [majority, logistic, hist_gradient_boosting, random_forest]
"""
MINILM = "{name: minilm, layers: 1}"
SEQUENCES = """task: classification
data: {{path: {path}, split: {{by: random, test: 0.3, validation: 0.2}}}}
encoder: {encoder}
source: {{name: minilm, layers: 1}}
transform: {transform}
output: {{name: linear}}
training: {{epochs: 4, learning_rate: 0.01, batch_tokens: 512}}
baselines: [majority, kmer_logistic]
"""


PLAIN = {"task": "classification", "source": MINILM, "transform": "{name: feature_tokens}", "output": "ridge"}


def rows_of(path):
    with path.open() as handle:
        return list(csv.DictReader(handle))


def write_table(path, n=120, seed=0, label=True, order=("age", "job", "day", "said", "risk")):
    rng = np.random.default_rng(seed)
    with path.open("w", newline="") as handle:
        writer = csv.writer(handle)
        names = [name for name in order if label or name != "risk"]
        writer.writerow(names)
        for number in range(n):
            age, job = int(rng.integers(18, 80)), str(rng.choice(["smith", "baker", "clerk"]))
            risk = age / 80 + (job == "smith") > 0.8
            row = {
                "age": "?" if rng.random() < 0.05 else age,
                "job": job,
                "day": f"20{rng.integers(10, 25)}-0{rng.integers(1, 10)}-1{rng.integers(0, 10)}",
                "said": f"a {job} who is {'old' if age > 50 else 'young'} and came as number {number}",
                "risk": "high" if risk else "low",
            }
            writer.writerow([row[name] for name in names])
    return path


@pytest.mark.parametrize(
    ("source", "transform", "output"),
    [
        (MINILM, "{name: feature_tokens}", "ridge"),
        (MINILM, "{name: feature_prototypes, prototypes: 20}", "ridge"),
        ("{name: resnet20_cifar10, weights: random}", "{name: column_tiles}", "ridge"),
    ],
)
def test_a_table_from_file_to_prediction(tmp_path, source, transform, output, capsys):
    path = write_table(tmp_path / "people.csv")
    recipe = tmp_path / "r.yaml"
    text = TABLE.format(task="classification", path=path, source=source, transform=transform, output=output)
    recipe.write_text(text.replace("data: {", "data: {target: risk, "))
    run = tmp_path / "run"
    assert execute(["run", str(recipe), "-o", str(run)]) == 0
    said = capsys.readouterr()
    assert "column age: number" in said.out + said.err
    assert "column day: date" in said.out + said.err
    metrics = json.loads((run / "metrics.json").read_text())
    assert metrics["source_unchanged"] is True
    assert metrics["test"]["accuracy"] > 0.6
    assert set(metrics["baselines"]) == {"majority", "logistic", "hist_gradient_boosting", "random_forest"}
    one, other = (
        write_table(tmp_path / "new.csv", 30, 1, label=False),
        write_table(tmp_path / "turned.csv", 30, 1, order=("risk", "said", "day", "job", "age")),
    )
    found = []
    for file in (one, other):
        assert execute(["predict", str(run), str(file), "-o", str(tmp_path / "p.csv")]) == 0
        found.append(rows_of(tmp_path / "p.csv"))
    assert [row["predicted"] for row in found[0]] == [row["predicted"] for row in found[1]]
    assert execute(["evaluate", str(run), str(other)]) == 0


@pytest.mark.parametrize("task", ["regression", "multilabel"])
def test_other_tasks_of_tables(tmp_path, task):
    path = tmp_path / "t.csv"
    rng = np.random.default_rng(0)
    with path.open("w") as handle:
        handle.write("x,color,label,other\n")
        for _ in range(80):
            x = rng.normal()
            value = f"{2 * x + 1:.3f}" if task == "regression" else str(int(x > 0))
            handle.write(f"{x:.3f},{rng.choice(['red', 'blue'])},{value},{int(rng.random() > 0.5)}\n")
    recipe = tmp_path / "r.yaml"
    text = TABLE.format(task=task, path=path, source=MINILM, transform="{name: feature_tokens}", output="ridge")
    target = "label" if task == "regression" else "[label, other]"
    recipe.write_text(text.replace("data: {", f"data: {{target: {target}, "))
    assert execute(["run", str(recipe), "-o", str(tmp_path / "run"), "--quiet"]) == 0
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert metrics["test"]["r2" if task == "regression" else "auroc"] > (0.5 if task == "regression" else 0.6)


def test_a_second_file_is_the_test_part(tmp_path):
    train, test = write_table(tmp_path / "train.csv", 80), write_table(tmp_path / "test.csv", 30, 1)
    recipe = tmp_path / "r.yaml"
    text = TABLE.format(path=train, **PLAIN)
    text = text.replace("{by: random, test: 0.3, validation: 0.2}", "{by: predefined, validation: 0.2}")
    recipe.write_text(text.replace("data: {", f"data: {{target: risk, test_path: {test}, "))
    assert execute(["run", str(recipe), "-o", str(tmp_path / "run"), "--quiet"]) == 0
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert metrics["n_test"] == 30
    test.write_text("age,risk\n31,high\n")
    assert execute(["run", str(recipe), "-o", str(tmp_path / "again"), "--quiet"]) == 2


@pytest.mark.parametrize(
    ("encoder", "transform"),
    [
        ("{name: dna, strands: both}", "{name: free_embedding}"),
        ("{name: dna, k: 3}", "{name: token_remap, n_tokens: 50, channels: 8}"),
        ("{name: text, units: characters}", "{name: free_embedding, init: own_tokens}"),
    ],
)
def test_sequences_from_file_to_prediction(tmp_path, encoder, transform):
    rng = np.random.default_rng(0)
    path = tmp_path / "s.csv"
    with path.open("w") as handle:
        handle.write("sequence,label\n")
        for number in range(80):
            letters = "AACGT" if number % 2 else "ACGGT"
            handle.write("".join(rng.choice(list(letters), 25)) + f",{number % 2}\n")
    recipe = tmp_path / "r.yaml"
    recipe.write_text(SEQUENCES.format(path=path, encoder=encoder, transform=transform))
    run, out = tmp_path / "run", tmp_path / "p.csv"
    assert execute(["run", str(recipe), "-o", str(run), "--quiet"]) == 0
    assert execute(["predict", str(run), str(path), "-o", str(out)]) == 0
    assert len(rows_of(out)) == 80
    if "both" in encoder:
        pairs = str.maketrans("ACGT", "TGCA")
        turned = tmp_path / "turned.csv"
        with path.open() as handle, turned.open("w") as other:
            other.write("sequence\n")
            other.writelines(line.split(",")[0].translate(pairs)[::-1] + "\n" for line in list(handle)[1:])
        before = [float(row["p[0]"]) for row in rows_of(out)]
        assert execute(["predict", str(run), str(turned), "-o", str(out)]) == 0
        assert [float(row["p[0]"]) for row in rows_of(out)] == pytest.approx(before, abs=1e-4)


@pytest.mark.parametrize("domain", ["table", "dna", "text"])
def test_new_writes_a_recipe_that_checks(tmp_path, domain, capsys):
    rng = np.random.default_rng(0)
    path = write_table(tmp_path / "mine.csv", 60)
    if domain != "table":
        path.write_text(
            "sequence,risk\n" + "".join("".join(rng.choice(list("ACGT"), 20)) + f",{i % 2}\n" for i in range(60))
        )
    recipe = tmp_path / "mine.yaml"
    assert execute(["new", domain, str(path), "--target", "risk"]) == 0
    if domain == "table":
        assert "column job: category (3 values)" in capsys.readouterr().out
        assert load_recipe(recipe).encoder["columns"]["said"] == "text"
    assert execute(["check", str(recipe)]) == 0


def test_dna_of_one_length_but_for_gaps_is_not_aligned(tmp_path, capsys):
    lines = [f"{'ACGT' * 5}{'AC' if number % 2 else '--'},{number % 2}" for number in range(40)]
    (tmp_path / "gaps.csv").write_text("sequence,label\n" + "\n".join(lines) + "\n")
    assert execute(["new", "dna", str(tmp_path / "gaps.csv")]) == 0
    assert not load_recipe(tmp_path / "gaps.yaml").encoder["aligned"]
    (tmp_path / "long.csv").write_text("sequence,label\n" + "".join(f"{'ACGTT' * 120},{i % 2}\n" for i in range(9)))
    assert execute(["new", "dna", str(tmp_path / "long.csv")]) == 0
    assert not load_recipe(tmp_path / "long.yaml").encoder["aligned"]  # longer than a source takes at once


def test_dna_of_one_length_is_read_position_by_position(tmp_path, capsys):
    """A class that only the place of a motif tells: nothing for k-mers or a mean over positions."""
    rng = np.random.default_rng(0)
    lines = ["sequence,label"]
    for number in range(80):
        text = list(rng.choice(list("ACT"), 20))
        text[5 if number % 2 else 14] = "G"
        lines.append("".join(text) + f",{'early' if number % 2 else 'late'}")
    (tmp_path / "mine.csv").write_text("\n".join(lines) + "\n")
    assert execute(["new", "dna", str(tmp_path / "mine.csv")]) == 0
    assert "position by position" in capsys.readouterr().out
    recipe, run = tmp_path / "mine.yaml", tmp_path / "run"
    drafted = load_recipe(recipe)
    assert (drafted.encoder["aligned"], drafted.output["pool"]) == (True, "concat")
    small = ["source={name: identity, width: 16}", "baselines=[]", "data.split.by=random"]
    assert execute(["run", str(recipe), *small, "-o", str(run), "--quiet"]) == 0
    assert json.loads((run / "metrics.json").read_text())["test"]["accuracy"] > 0.9
    (tmp_path / "new.csv").write_text("sequence\nACGTACGTAC\n")
    capsys.readouterr()
    assert execute(["predict", str(run), str(tmp_path / "new.csv"), "-o", str(tmp_path / "p.csv")]) == 2
    assert "found 10 nucleotides; expected 20 as in training" in " ".join(capsys.readouterr().err.split())


BROKEN = [
    ("a label that is not there", "age,risk\n1,a\n2,b\n", ["data.target=rsk"], r"expected a column 'rsk'.*mean risk"),
    ("a number column with words", "".join(f"{i}.5,{'ab'[i % 2]}\n" for i in range(40)) + "old,a\n", [],
     r"found 'old' in column 'column_1'; expected a number"),
    ("a column the recipe names wrongly", "age,risk\n1,a\n2,b\n", ["encoder.columns={agee: skip}"],
     r"found 'agee', not a column; expected columns age; did you mean age"),
    ("nothing but constants", "age,risk\n" + "1,a\n1,b\n" * 9, ["data.duplicates=keep", "data.conflicting_labels=keep"],
     r"no column that says anything"),
    ("a row too long", "age,risk\n1,a\n2,b,c\n", [], r"t\.csv:3: found 3 fields; expected 2"),
    ("an ending that is no table", "age,risk\n", ["data.path=t.docx"], r"found a file ending in '\.docx'"),
    ("text for a picture", "said,risk\n" + "".join(f"the cat sat {i},{'ab'[i % 2]}\n" for i in range(30)),
     ["encoder.columns={said: text}", "source={name: resnet20_cifar10, weights: random}", "transform=column_tiles"],
     r"encoder.columns.said: found text; expected another kind"),
    ("a row's text that was not asked for", "age,risk\n1,a\n2,b\n3,a\n4,b\n", ["transform={name: row_text}"],
     r"encoder.render: found false; expected true"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "text", "overrides", "message"), BROKEN, ids=[case[0] for case in BROKEN])
def test_broken_tables_give_one_line(tmp_path, name, text, overrides, message, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for file in ("t.csv", "t.docx"):
        (tmp_path / file).write_text(text)
    recipe = tmp_path / "r.yaml"
    target = "risk" if "risk" in text else "column_2"
    made = TABLE.format(path="t.csv", **PLAIN)
    recipe.write_text(made.replace("data: {", f"data: {{target: {target}, "))
    assert execute(["run", str(recipe), "-o", str(tmp_path / "run"), "--quiet", *overrides]) == 2
    said = capsys.readouterr().err
    assert re.search(message, said), said
    assert "Traceback" not in said
    assert len([line for line in said.splitlines() if line.strip() and "skip them" not in line]) == 1


def test_a_program_refuses_another_table(tmp_path, capsys):
    path = write_table(tmp_path / "people.csv", 60)
    recipe = tmp_path / "r.yaml"
    text = TABLE.format(path=path, **PLAIN)
    recipe.write_text(text.replace("data: {", "data: {target: risk, "))
    run = tmp_path / "run"
    assert execute(["run", str(recipe), "-o", str(run), "--quiet"]) == 0
    other = tmp_path / "other.csv"
    other.write_text("Age,job,day,said\n31,smith,2020-01-01,a few words here\n")
    assert execute(["predict", str(run), str(other), "-o", str(tmp_path / "p.csv")]) == 2
    assert "expected a column 'age', as in training; did you mean Age" in capsys.readouterr().err
    for header in ("job,Age,day,said", "Age,Job,Day,Said", "Alter,Beruf,Tag,Satz", "job,age"):
        cells = {4: "smith,31,2020-01-01,a few words here", 2: "smith,31"}[len(header.split(","))]
        other.write_text(f"{header}\n{cells}\n")
        assert execute(["predict", str(run), str(other), "-o", str(tmp_path / "p.csv")]) == 2
        said = capsys.readouterr().err
        assert "other.csv: found columns " in said, f"a header is no row: {said}"
        assert "expected a column" in said
    bad = tmp_path / "bad.csv"
    bad.write_text("age,job,day,said\n31,smith,2020-01-01,one\nold,smith,2020-01-01,two\n40,baker,someday,three\n")
    assert execute(["predict", str(run), str(bad), "-o", str(tmp_path / "p.csv"), "--on-error", "skip"]) == 0
    assert len(rows_of(tmp_path / "p.csv")) == 1
    reasons = [row["reason"] for row in rows_of(tmp_path / "p.csv.skipped.csv")]
    assert "found 'old' in column 'age'" in reasons[0]
    assert "found 'someday' in column 'day'; expected an ISO date" in reasons[1]


def test_a_file_without_a_header_is_read_in_the_order_of_training(tmp_path, capsys):
    rng = np.random.default_rng(0)
    rows = [(rng.integers(0, 9), "yes" if rng.random() > 0.5 else "no", f"{rng.normal():.3f}") for _ in range(60)]
    path = tmp_path / "t.csv"
    path.write_text("".join(f"{a},{label},{x}\n" for a, label, x in rows))
    recipe = tmp_path / "r.yaml"
    recipe.write_text(TABLE.format(path=path, **PLAIN).replace("data: {", "data: {target: column_2, "))
    run = tmp_path / "run"
    assert execute(["run", str(recipe), "-o", str(run), "--quiet"]) == 0
    whole, bare, named = (tmp_path / name for name in ("whole.csv", "bare.csv", "named.csv"))
    whole.write_text(path.read_text())
    bare.write_text("".join(f"{a},{x}\n" for a, _, x in rows))
    named.write_text("column_3,column_1\n" + "".join(f"{x},{a}\n" for a, _, x in rows))
    answers = []
    for file in (whole, bare, named):
        assert execute(["predict", str(run), str(file), "-o", str(tmp_path / "p.csv")]) == 0
        answers.append([row["predicted"] for row in rows_of(tmp_path / "p.csv")])
    assert answers[0] == answers[1] == answers[2]
    assert execute(["evaluate", str(run), str(whole)]) == 0
    assert len(set(answers[0])) == 2 or "accuracy" in capsys.readouterr().out
    other = tmp_path / "other.csv"
    other.write_text("1,2,3,4\n")
    assert execute(["predict", str(run), str(other), "-o", str(tmp_path / "p.csv")]) == 2
    assert "4 columns without a header; expected 3: column_1, column_2, column_3" in capsys.readouterr().err


def test_many_rows_stream_with_flat_memory(tmp_path):
    path = write_table(tmp_path / "people.csv", 60)
    recipe = tmp_path / "r.yaml"
    text = TABLE.format(path=path, **{**PLAIN, "source": "{name: identity, width: 16}"})
    recipe.write_text(text.replace("data: {", "data: {target: risk, "))
    run = tmp_path / "run"
    assert execute(["run", str(recipe), "-o", str(run), "--quiet"]) == 0
    peaks = []
    for n in (5_000, 20_000):
        many = write_table(tmp_path / "many.csv", n, 2, label=False)
        tracemalloc.start()
        assert execute(["predict", str(run), str(many), "-o", str(tmp_path / "p.csv")]) == 0
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert sum(1 for _ in (tmp_path / "p.csv").open()) == n + 1
    assert peaks[1] < 1.3 * peaks[0], peaks
