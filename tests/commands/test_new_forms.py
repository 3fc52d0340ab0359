"""Ordinary files as people of the field have them: drafted as meant, or one sentence that says what to type."""

import gzip
import random
import time

import numpy as np
import openpyxl
import pytest
import soundfile
from PIL import Image

from xmr.cli.app import execute
from xmr.core.component import create
from xmr.core.registry import ENCODERS
from xmr.data.public.catalog import DATASETS
from xmr.prepare import prepare
from xmr.recipe.load import load_recipe

RNG = random.Random(0)


def protein(n=12):
    return "".join(RNG.choices("ACDEFGHIKLMNPQRSTVWY", k=n))


def nucleotides(n=12):
    return "".join(RNG.choices("ACGT", k=n))


PROTEINS = [protein(9 + i % 4) for i in range(24)]


def new(folder, domain, name, content, *options):
    """Write the file and draft a recipe for it."""
    path = folder / name
    if content is not None:
        path.write_text(content)
    assert execute(["new", domain, str(path), "-o", str(folder / "r.yaml"), "--force", *options]) == 0


def drafted(folder, domain, name, content, *options):
    """Draft a recipe, and read the data as a run would -> recipe, prepared records."""
    new(folder, domain, name, content, *options)
    recipe = load_recipe(str(folder / "r.yaml"), ["baselines=[]"])
    encoder = create(ENCODERS, recipe.encoder)
    encoder.configure(512)
    return recipe, prepare(recipe.data, recipe.task, encoder, 0)


def table(header, rows):
    return "\n".join([header, *(",".join(map(str, row)) for row in rows)]) + "\n"


@pytest.mark.parametrize("name", ["activity", "fitness", "Score", "DMS_score", "class", "y"])
def test_usual_names_of_labels(tmp_path, name, capsys):
    rows = [(text, f"x{i}", i / 7) for i, text in enumerate(PROTEINS)]
    recipe, prepared = drafted(tmp_path, "protein", "x.csv", table(f"sequence,remark,{name}", rows))
    assert recipe.task == "regression"
    assert list(prepared.records.labels) == [name]
    assert f"{name}: 0 to 3.28571, median 1.64286" in capsys.readouterr().out


def test_the_only_column_left_is_the_label(tmp_path, capsys):
    rows = [(f"p{i}", text, "AB"[i % 2]) for i, text in enumerate(PROTEINS)]
    recipe, prepared = drafted(tmp_path, "protein", "x.csv", table("id,Sequence,Result", rows))
    assert (recipe.task, recipe.data.target) == ("classification", "Result")
    assert prepared.records.ids[0] == "p0"
    said = capsys.readouterr().out
    assert "label Result: the only column left" in said
    assert "Result: A 12, B 12" in said
    assert "lengths 9 to 12, median 10" in said


def test_the_input_is_the_only_column_of_sequences(tmp_path, capsys):
    rows = [(i, text, "train" if i % 4 else "test", i % 2) for i, text in enumerate(PROTEINS)]
    recipe, prepared = drafted(
        tmp_path, "protein", "x.csv", table("number,VH Sequence,set,binding", rows), "--target", "binding"
    )
    assert (recipe.data.input, recipe.data.target) == ("VH Sequence", "binding")
    assert prepared.records.inputs[0] in PROTEINS
    assert "input 'VH Sequence': the only column of sequences" in capsys.readouterr().out


def test_columns_of_zero_and_one_are_several_labels(tmp_path):
    rows = [(text, i % 2, i // 2 % 2, "") for i, text in enumerate(PROTEINS)]
    recipe, prepared = drafted(tmp_path, "protein", "x.csv", table("sequence,kinase,membrane,comment", rows))
    assert (recipe.task, recipe.data.target) == ("multilabel", ["kinase", "membrane"])
    assert list(prepared.records.labels) == ["kinase", "membrane"]


def test_a_label_that_could_be_any_of_several_is_asked_for(tmp_path, capsys):
    (tmp_path / "x.csv").write_text(
        table("sequence,mass,charge", [(text, i / 3, i / 5) for i, text in enumerate(PROTEINS)])
    )
    assert execute(["new", "protein", str(tmp_path / "x.csv")]) == 2
    assert capsys.readouterr().err.endswith(
        "x.csv: found columns sequence, mass, charge; expected the label: --target NAME, once for each label\n"
    )


@pytest.mark.parametrize("name", ["", "Unnamed: 0", "index"])
def test_the_numbers_of_the_rows_are_never_data(tmp_path, name, capsys):
    rng = np.random.default_rng(0)
    rows = [(i, i % 2, *rng.normal(size=6).round(3)) for i in range(30)]
    content = table(f"{name},label,s_0,s_1,s_2,s_3,s_4,s_5", rows)
    recipe, prepared = drafted(tmp_path, "series", "x.csv", content)
    assert prepared.records.arrays.shape == (30, 1, 6)
    assert f"column {name!r} counts the rows, so it is ignored" in capsys.readouterr().out
    recipe, prepared = drafted(tmp_path, "table", "y.csv", content.replace("s_", "x"))
    assert prepared.records.columns == ("x0", "x1", "x2", "x3", "x4", "x5")
    assert name not in recipe.encoder["columns"]


def test_whole_numbers_of_an_archive_are_classes(tmp_path):
    head = "@problemName x\n@timeStamps false\n@univariate true\n@classLabel true {}\n@data\n"
    classes = [str(i) for i in range(12)]
    for part, first in (("TRAIN", 0), ("TEST", 36)):
        rows = "".join(f"{i},{i % 5},2.5,{i % 3}:{i % 12}\n" for i in range(first, first + 36))
        (tmp_path / "x").mkdir(exist_ok=True)
        (tmp_path / "x" / f"x_{part}.ts").write_text(head.format(" ".join(classes)) + rows)
    assert drafted(tmp_path, "series", "x", None)[0].task == "classification"
    assert drafted(tmp_path, "series", "x/x_TRAIN.ts", None)[0].task == "classification"


def test_sequences_of_the_other_domain_are_one_message(tmp_path, capsys):
    letters = table("sequence,label", [(nucleotides(), i % 2) for i in range(40)])
    (tmp_path / "n.csv").write_text(letters)
    (tmp_path / "p.csv").write_text(table("sequence,label", [(protein(), i % 2) for i in range(40)]))
    assert execute(["new", "protein", str(tmp_path / "n.csv")]) == 2
    assert capsys.readouterr().err.endswith(
        "n.csv: found sequences of A, C, G and T alone; expected protein sequences (xmr new dna n.csv reads them)\n"
    )
    assert execute(["new", "dna", str(tmp_path / "p.csv")]) == 2
    message = capsys.readouterr().err
    assert message.count("\n") == 1
    assert "found letters of amino acids; expected dna sequences (xmr new protein p.csv reads them)" in message


def test_peptides_of_few_kinds_of_letters_are_still_proteins(tmp_path):
    content = table(
        "sequence,label", [("GAGATCA"[: 4 + i % 3] if i % 5 == 0 else protein(5 + i % 3), i % 2) for i in range(30)]
    )
    assert drafted(tmp_path, "protein", "x.csv", content)[0].task == "classification"


def test_what_the_user_states_is_in_the_recipe(tmp_path):
    rows = [(f"r{i}", text, i % 12, f"g{i % 4}") for i, text in enumerate(PROTEINS)]
    options = (
        "--target",
        "level",
        "--id",
        "code",
        "--group",
        "patient",
        "--task",
        "classification",
        "--split",
        "group",
    )
    recipe, prepared = drafted(tmp_path, "protein", "x.csv", table("code,sequence,level,patient", rows), *options)
    assert recipe.task == "classification"
    assert (recipe.data.split.by, recipe.data.split.held_out_group) == ("group", "g0")
    assert prepared.records.ids[0].startswith("r")
    assert {*prepared.records.group} == {"g0", "g1", "g2", "g3"}
    recipe, prepared = drafted(tmp_path, "protein", "x.csv", None, *options[:-1], "cluster")
    assert recipe.data.split.by == "cluster"


def test_a_wrong_task_names_the_nearest(tmp_path, capsys):
    (tmp_path / "x.csv").write_text("sequence,label\nACDE,1\nCDEF,0\n")
    assert execute(["new", "protein", str(tmp_path / "x.csv"), "--task", "regresion"]) == 2
    assert "--task: found 'regresion'" in (message := capsys.readouterr().err)
    assert "did you mean regression?" in message


def test_a_flat_folder_of_clips_by_pattern(tmp_path, capsys):
    (tmp_path / "clips").mkdir()
    for i in range(12):
        name = f"{'yes' if i % 2 else 'no'}_{'ab'[i // 6]}_{i}.wav"
        soundfile.write(tmp_path / "clips" / name, np.random.default_rng(i).normal(size=800) / 9, 8000)
    recipe, prepared = drafted(tmp_path, "audio", "clips", None, "--pattern", "{label}_{group}_{take}")
    assert recipe.data.pattern == "{label}_{group}_{take}"
    assert {*prepared.records.labels["label"]} == {"yes", "no"}
    assert {*prepared.records.group} == {"a", "b"}
    assert (recipe.data.split.by, recipe.data.split.keep_together) == ("cross_validation", "group")
    parts = [{prepared.records.group[i] for i in part} for part in (prepared.split.test, prepared.split.train)]
    assert sorted(parts, key=min) == [{"a"}, {"b"}]
    assert "each of 2 folds is the test part in turn; groups stay in one fold" in capsys.readouterr().out
    one = drafted(tmp_path, "audio", "clips", None, "--pattern", "{label}_{group}_{take}", "--split", "group")[0]
    assert one.data.split.held_out_group == "a"
    assert "test part: the group a, so that nobody is in training and test" in capsys.readouterr().out
    assert execute(["new", "protein", str(tmp_path / "clips"), "--split", "group"]) == 2


def test_series_of_a_row_per_time_step(tmp_path):
    rows = [(f"s{i // 5}", i % 5, i / 3, (i // 5) % 2) for i in range(60)]
    content = table("case,hour,load,label", rows)
    recipe, prepared = drafted(tmp_path, "series", "x.csv", content, "--id", "case", "--time", "hour")
    assert (recipe.data.id, recipe.data.time) == ("case", "hour")
    assert prepared.records.arrays.shape == (12, 1, 5)


def test_what_a_person_should_beware_of(tmp_path, capsys):
    rows = [(PROTEINS[i % 20], "rare" if i < 1 else "Common") for i in range(24)]
    rows += [(protein(), "common"), (PROTEINS[1], "rare")]
    new(tmp_path, "protein", "x.csv", table("sequence,label", rows))
    said = capsys.readouterr().out.replace("\n", " ")
    for sentence in (
        "label: Common 23, rare 2, common 1",
        "beware: classes that differ only in upper and lower case: Common, common",
        "beware: about 0 test records of the class common: too few to measure it",
        "5 records repeat an earlier input",
        "beware: 2 inputs have two different labels",
        "beware: 26 records are too few for a result that would hold for others",
    ):
        assert sentence in said
    rows = [(protein(), "b" if i < 3 else "a", "train" if i > 5 else "test") for i in range(60)]
    new(tmp_path, "protein", "x.csv", table("sequence,label,set", rows))
    said = capsys.readouterr().out
    assert "beware: 5.0% of the records are b; accuracy says nothing of them" in said
    assert "beware: no training record has the class b of the test part" in said


def test_a_forecast_takes_no_label(tmp_path, capsys):
    content = "date,load\n" + "".join(f"2020-01-{1 + i // 24:02} {i % 24:02}:00,{i % 24}\n" for i in range(120))
    (tmp_path / "t.csv").write_text(content)
    for option in ("--target", "--group", "--task"):
        assert execute(["new", "forecast", str(tmp_path / "t.csv"), option, "load"]) == 2
        assert f"new forecast: found {option}; expected no such option" in capsys.readouterr().err
    assert execute(["new", "forecast", str(tmp_path / "t.csv"), "--time", "date"]) == 0


def test_real_peptides_in_one_look(tmp_path, capsys):
    chosen = DATASETS["amp_vs_uniprot"]
    records = chosen.records()
    rows = zip(records.inputs, records.labels["label"])
    recipe, _ = drafted(tmp_path, "protein", "amp.csv", table("Sequence,Kind", rows))
    said = capsys.readouterr().out
    assert recipe.data.split.by == "cluster"
    assert "Kind: AMP 2,600, UniProt 2,600" in said
    assert "558 records repeat an earlier input" in said
    assert "beware: 22 inputs have two different labels" in said


@pytest.mark.parametrize(
    ("sequences", "by", "why"),
    [
        ([protein(40) for _ in range(40)], "random", "none of the sequences have a near copy"),
        (
            ["ACDEFGHIKLMNPQRSTVWY" * 2 + letter for letter in "ACDEFGHIKL" * 4],
            "random",
            "these are variants of one sequence",
        ),
        (
            [base + tail for base in (protein(40) for _ in range(20)) for tail in ("A", "C")],
            "cluster",
            "100% of the sequences have a near copy",
        ),
    ],
)
def test_the_split_is_decided_by_what_is_in_the_file(tmp_path, sequences, by, why, capsys):
    recipe, _ = drafted(tmp_path, "protein", "x.csv", table("sequence,label", zip(sequences, "01" * 20)))
    together = by if by == "cluster" else None
    assert (recipe.data.split.by, recipe.data.split.keep_together) == ("cross_validation", together)
    said = capsys.readouterr().out
    assert f"test part: {'by ' if by == 'cluster' else ''}{by}, because {why}" in said
    near = "100%" if "variants" in why else "0%"
    assert f"{near} of the test records have a near copy in training (3-mer cosine >= 0.4)" in said
    assert drafted(tmp_path, "protein", "x.csv", None, "--split", "random")[0].data.split.by == "random"
    assert "test part" not in capsys.readouterr().out


@pytest.mark.parametrize("same_length", [True, False])
def test_families_of_dna_are_kept_apart(tmp_path, same_length, capsys):
    families = [nucleotides(120) for _ in range(40)]
    rows = [
        (family[:60] + "ACGT"[i % 4] + family[61:] + ("" if same_length else "A" * (i % 3)), f"c{n % 2}")
        for n, family in enumerate(families)
        for i in range(10)
    ]
    recipe, _ = drafted(tmp_path, "dna", "x.csv", table("sequence,label", rows))
    assert recipe.data.split.by == "cluster"
    assert "test part: by cluster, because 100% of the sequences have a near copy" in capsys.readouterr().out


def test_how_records_are_tested_and_judged_is_said(tmp_path, capsys):
    rows = [(f"{i}.5", i * i, i % 2) for i in range(400)]
    drafted(tmp_path, "table", "x.csv", table("a,b,label", rows))
    said = capsys.readouterr().out
    assert "test part: 20% of the records at random" in said
    assert "metric: auroc (area under the ROC curve)" in said
    drafted(tmp_path, "table", "x.csv", table("a,b,label", [(a, b, a) for a, b, _ in rows]))
    assert "metric: auroc" not in capsys.readouterr().out


def test_many_records_that_cannot_be_read_end_with_the_remedy(tmp_path, capsys):
    (tmp_path / "x.csv").write_text(table("sequence,label", [(f"AC{i}", i % 2) for i in range(40)]))
    assert execute(["new", "protein", str(tmp_path / "x.csv")]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) <= 12
    assert lines[-2:] == [
        "xmr: and 35 more of the same kind",
        "xmr: correct these records, or skip them: --on-error skip",
    ]


def test_many_variants_are_drafted_at_once(tmp_path):
    wild = protein(200)
    rows = [
        (wild[: 7 + i % 90] + "ACDEFGHIKL"[i % 10] + wild[8 + i % 90 : 150] + "LMNPQRSTVWY"[i % 11] + wild[151:], i / 9)
        for i in range(8000)
    ]
    begun = time.perf_counter()
    new(tmp_path, "protein", "x.csv", table("sequence,fitness", rows))
    assert time.perf_counter() - begun < 60
    assert load_recipe(str(tmp_path / "r.yaml")).data.split.by == "random"


def test_the_source_is_one_that_is_here(tmp_path, monkeypatch):
    """Package, then a folder of models, then the hub; the draft says which and why."""
    from xmr.commands.new.sources import choose_source
    from xmr.sources.packaged import PackagedFile

    section, why = choose_source("pixel")
    assert section == {"name": "efficientnet_lite0"}
    assert "package is installed" in why
    monkeypatch.setattr(PackagedFile, "folder", lambda self: None)
    monkeypatch.delenv("XMR_DATA", raising=False)
    monkeypatch.setenv("XMR_MODELS", str(tmp_path))
    monkeypatch.setenv("XMR_CACHE", str(tmp_path / "cache"))
    section, why = choose_source("wave")
    assert section["name"] == "hf_audio"
    assert "pip install 'xmr[wave]'" in why
    (tmp_path / "yamnet").mkdir()
    section, why = choose_source("wave")
    assert section == {"name": "yamnet"}
    assert str(tmp_path) in why


def test_lengths_and_numbers_decide_the_schedule(tmp_path, capsys):
    """Peptides keep the recipe they were tried with; long proteins get batches of several."""
    peptides = table("sequence,label", [(protein(9 + i % 4), i % 2) for i in range(400)])
    short = drafted(tmp_path, "protein", "x.csv", peptides)[0]
    assert (short.training.batch_tokens, short.training.epochs, short.ensemble) == (256, 2, 4)
    assert "training takes about a minute on two cores (a rough figure, without baselines)" in capsys.readouterr().out
    long = table("sequence,label", [(protein(450 + i % 40), i % 2) for i in range(600)])
    recipe = drafted(tmp_path, "protein", "y.csv", long, "--split", "random")[0]
    assert (recipe.training.batch_tokens, recipe.ensemble) == (4096, 4)
    wild = protein(100)
    rows = [(wild[:i] + letter + wild[i + 1 :], f"{i}.5") for i in range(100) for letter in "ACDEFGHIKLMNPQRSTVWY"]
    recipe = drafted(tmp_path, "protein", "z.csv", table("sequence,fitness", rows))[0]
    assert recipe.training.epochs == 20
    assert recipe.data.target_scale == "quantile"
    assert recipe.baselines == []


@pytest.mark.parametrize("domain", ["text", "table"])
def test_every_domain_says_how_long_it_takes(tmp_path, domain, capsys):
    header = "text,label" if domain == "text" else "width,label"
    rows = [(f"word {i} and more" if domain == "text" else i / 3, "ab"[i % 2]) for i in range(40)]
    new(tmp_path, domain, "x.csv", table(header, rows))
    assert "training takes about a minute for each of 6 runs on two cores" in capsys.readouterr().out


def test_mixed_sample_rates_silence_and_cut_clips_are_said(tmp_path, capsys):
    rng = np.random.default_rng(0)
    for i in range(12):
        (tmp_path / "clips" / "ab"[i % 2]).mkdir(parents=True, exist_ok=True)
        rate = 8000 if i % 3 else 44_100
        samples = np.zeros(rate) if i == 5 else rng.normal(size=rate * (9 if i == 4 else 1)) / 9
        soundfile.write(tmp_path / "clips" / "ab"[i % 2] / f"{i}.wav", samples, rate)
    new(tmp_path, "audio", "clips", None)
    said = capsys.readouterr().out
    assert "beware: sample rates differ (8 at 8,000 Hz, 4 at 44,100 Hz); all clips are resampled" in said
    assert "beware: 1 of 12 clips are silent, such as b/5.wav" in said
    assert "longer clips, up to 9.0 seconds, are cut" in said or "the source reads 9" in said


def test_a_named_counter_is_suspected_and_repeated_ids_are_answered(tmp_path, capsys):
    rows = [(i + 1, i * 37 % 41, "ab"[i % 2]) for i in range(40)]
    new(tmp_path, "table", "x.csv", table("nr,width,label", rows))
    assert "beware: column 'nr' counts the rows; is it data? (--ignore-column)" in capsys.readouterr().out
    (tmp_path / "y.csv").write_text(table("id,width,label", [(1, 2, "a"), (1, 3, "b")]))
    assert execute(["new", "table", str(tmp_path / "y.csv")]) == 2
    assert "expected unique ids (--id none numbers the records)" in capsys.readouterr().err


def test_zip_archives_that_are_not_read_are_answered(tmp_path, capsys):
    (tmp_path / "x.zip").write_bytes(b"PK")
    for domain in ("image", "audio", "forecast"):
        assert execute(["new", domain, str(tmp_path / "x.zip")]) == 2
        assert "found a zip archive; expected the files in it: unzip it" in capsys.readouterr().err


@pytest.mark.parametrize("gap", ["", "NaN", "NA", "n/a", "nan"])
def test_labels_that_are_missing_are_alike(tmp_path, gap, capsys):
    rows = [(text, gap if i == 5 else i / 7) for i, text in enumerate(PROTEINS)]
    for content in (
        table("sequence,fitness", rows),
        table("sequence,label", [(t, "ab"[i % 2] if i else gap) for i, (t, _) in enumerate(rows)]),
    ):
        (tmp_path / "x.csv").write_text(content)
        assert execute(["new", "protein", str(tmp_path / "x.csv"), "--force"]) == 2
        assert "found no label in" in capsys.readouterr().err
        recipe, prepared = drafted(tmp_path, "protein", "x.csv", None, "--on-error", "skip")
        assert (len(prepared.records), recipe.data.on_error) == (23, "skip")
        assert "1 record is skipped, as said" in capsys.readouterr().out


def test_empty_columns_of_spreadsheets_are_passed_over(tmp_path):
    content = "sequence,label,,\n" + "".join(f"{text},{i % 2},,\n" for i, text in enumerate(PROTEINS))
    assert len(drafted(tmp_path, "protein", "x.csv", content)[1].records) == 24
    content = "width;kind;;\n" + "".join(f"{i},5;{'ab'[i % 2]};;\n" for i in range(24))
    prepared = drafted(tmp_path, "table", "y.csv", content, "--target", "kind")[1]
    assert prepared.records.columns == ("width",)
    (tmp_path / "z.csv").write_text("sequence,label,,\nACDE,1,,\nCDEF,0,,x\n")
    assert execute(["new", "protein", str(tmp_path / "z.csv"), "--target", "label"]) == 2


def test_headers_that_hold_no_label_are_answered(tmp_path, capsys):
    """Descriptions of UniProt are no labels; what can be done is said."""
    names = (f"sp|P{i}|X{i} Kinase {i} OS=Homo PE={i % 3}" for i in range(24))
    (tmp_path / "x.fasta").write_text("".join(f">{name}\n{text}\n" for name, text in zip(names, PROTEINS)))
    assert execute(["new", "protein", str(tmp_path / "x.fasta")]) == 2
    assert (
        "expected a label column, TARGET= or --pattern in FASTA headers, or a file for each class"
        in capsys.readouterr().err
    )
    (tmp_path / "x.csv").write_text(table("sequence,label", [(text, "a") for text in PROTEINS]))
    assert execute(["new", "protein", str(tmp_path / "x.csv"), "--pattern", "{label}_{take}"]) == 2
    assert "found a pattern for x.csv, whose rows have no names" in capsys.readouterr().err


def test_files_of_several_formats_are_read_together(tmp_path):
    (tmp_path / "one.fasta").write_text("".join(f">p{i}\n{text}\n" for i, text in enumerate(PROTEINS[:12])))
    (tmp_path / "two.csv").write_text(table("sequence", [(text,) for text in PROTEINS[12:]]))
    paths = [str(tmp_path / name) for name in ("one.fasta", "two.csv")]
    assert execute(["new", "protein", *paths, "-o", str(tmp_path / "r.yaml")]) == 0
    assert load_recipe(str(tmp_path / "r.yaml")).data.path == paths


def test_bytes_that_are_no_text_are_named_by_line(tmp_path, capsys):
    (tmp_path / "x.csv").write_bytes("width;Güte\n1;groß\n2;klein\n".encode("latin-1"))
    assert execute(["new", "table", str(tmp_path / "x.csv"), "--target", "Güte"]) == 2
    assert "x.csv:1: found bytes that are not text (0xfc); expected UTF-8 text" in capsys.readouterr().err


def test_the_last_columns_are_among_those_that_are_listed(tmp_path, capsys):
    (tmp_path / "x.csv").write_text("a,b,c,d,e,f,g,h,site,fall\n1,2,3,4,5,6,7,8,x,no\n2,2,3,4,5,6,7,8,y,yes\n")
    assert execute(["new", "table", str(tmp_path / "x.csv")]) == 2
    assert "found columns a, b, c, d, e, f, ..., site, fall; expected the label: --target" in capsys.readouterr().err


def test_a_table_with_the_names_of_rows_as_pandas_writes_it(tmp_path, capsys):
    content = ",width,kind\n" + "".join(f"{i + 100},{i * i},{'ab'[i % 2]}\n" for i in range(24))
    prepared = drafted(tmp_path, "table", "x.csv", content, "--target", "kind")[1]
    assert prepared.records.columns == ("", "width")
    content = ",width,kind\n" + "".join(f"{i},{i * i},{'ab'[i % 2]}\n" for i in range(24))
    assert drafted(tmp_path, "table", "y.csv", content, "--target", "kind")[1].records.columns == ("width",)
    assert "column '' counts the rows, so it is ignored" in capsys.readouterr().out


def test_labels_of_which_most_are_numbers_are_numbers(tmp_path, capsys):
    """As in a column of a table: the others are named, not made classes of."""
    rows = [(text, ">100" if i == 5 else i) for i, text in enumerate(PROTEINS)]
    (tmp_path / "x.csv").write_text(table("sequence,IC50", rows))
    assert execute(["new", "protein", str(tmp_path / "x.csv")]) == 2
    assert "x.csv:7: record '7': found '>100' in 'IC50'; expected a finite number" in capsys.readouterr().err
    recipe, prepared = drafted(tmp_path, "protein", "x.csv", None, "--on-error", "skip")
    assert (recipe.task, len(prepared.records)) == ("regression", 23)


def test_a_label_for_each_record_is_no_class(tmp_path, capsys):
    (tmp_path / "x.csv").write_text(table("width,price", [(i, f"${i}") for i in range(24)]))
    assert execute(["new", "table", str(tmp_path / "x.csv"), "--target", "price"]) == 2
    said = "found 24 different labels in 24 records (column 'price'); expected a column of classes"
    assert said in capsys.readouterr().err


def test_names_of_columns_are_no_smiles(tmp_path):
    """Letters of atoms alone make no molecule: `compound` is the name of a column."""
    rows = [("C" * (i + 1) + "O", "inactive" if i % 2 else "active") for i in range(24)]
    recipe, _ = drafted(tmp_path, "molecule", "x.csv", table("compound,active", rows))
    assert (recipe.data.input, recipe.data.target) == ("compound", "active")


def test_the_recipe_of_a_zipped_file(tmp_path, monkeypatch):
    (tmp_path / "x.csv.gz").write_bytes(
        gzip.compress(table("sequence,label", [(t, i % 2) for i, t in enumerate(PROTEINS)]).encode())
    )
    monkeypatch.chdir(tmp_path)
    assert execute(["new", "protein", "x.csv.gz"]) == 0
    assert (tmp_path / "x.yaml").is_file()


def test_a_workbook_with_a_title_and_a_sheet_of_remarks(tmp_path, capsys):
    book = openpyxl.Workbook()
    book.active.title = "README"
    for text in ("About", "exported in May"):
        book.active.append([text])
    sheet = book.create_sheet("cohort")
    for row in (["Cohort of 2021"], [], ["width", "kind"], *([i, "ab"[i % 2]] for i in range(24))):
        sheet.append(row)
    book.save(tmp_path / "x.xlsx")
    prepared = drafted(tmp_path, "table", "x.xlsx", None, "--target", "kind")[1]
    assert (prepared.records.columns, len(prepared.records)) == (("width",), 24)
    assert "the sheet 'cohort' is read, of README, cohort" in capsys.readouterr().out


def test_images_of_several_sizes(tmp_path):
    for i in range(24):
        path = tmp_path / "pets" / "ab"[i % 2] / f"{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((8 + i, 9, 3), 9 * i, np.uint8)).save(path)
    (tmp_path / "pets/Thumbs.db").write_bytes(b"x")
    recipe, prepared = drafted(tmp_path, "image", "pets", None)
    assert (len(prepared.records), recipe.encoder["resize"]) == (24, "crop")


def test_a_folder_of_documents_for_each_class(tmp_path, capsys):
    """As text corpora are handed out: train/pos/0_9.txt, each file one text of several lines."""
    for i in range(40):
        path = tmp_path / "news" / ("train", "test")[i % 5 == 0] / ("sport", "money")[i % 2] / f"{i}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"Subject: {i}\n\nThe {('goal', 'bond')[i % 2]} of {i}.\n")
    recipe, prepared = drafted(tmp_path, "text", "news", None)
    assert "each file is one text, because a folder holds several" in capsys.readouterr().out
    assert (recipe.data.documents, len(prepared.records), {*prepared.records.labels["label"]}) == (
        *(True, 40),
        {"sport", "money"},
    )
    assert prepared.records.ids[0] == "test/money/15.txt"
    assert prepared.records.inputs[0] == "Subject: 15\n\nThe bond of 15."
    (tmp_path / "new").mkdir()
    (tmp_path / "new/a.txt").write_text("The goal\nof 3.")
    fast = ("training.epochs=1", "source.layers=1", "baselines=[]", "training.min_steps=0")
    assert execute(["run", str(tmp_path / "r.yaml"), *fast, "-o", str(tmp_path / "run"), "--quiet"]) == 0
    assert execute(["predict", str(tmp_path / "run"), str(tmp_path / "new"), "-o", str(tmp_path / "p.csv")]) == 0
    assert (tmp_path / "p.csv").read_text().splitlines()[1].startswith("a.txt,")


def test_the_only_column_of_dates_is_the_time(tmp_path, capsys):
    rows = [(f"{1 + i % 28:02}.{1 + i // 28:02}.2021", i % 7 + 0.5) for i in range(120)]
    recipe = tmp_path / "r.yaml"
    (tmp_path / "x.csv").write_text(table("Datum,Umsatz", rows))
    assert execute(["new", "forecast", str(tmp_path / "x.csv"), "-o", str(recipe)]) == 0
    assert "time 'Datum': the only column of dates" in capsys.readouterr().out
    assert load_recipe(str(recipe)).data.time == "Datum"
    (tmp_path / "y.csv").write_text(table("date,sales,store", [(*row, store) for store in (1, 2) for row in rows]))
    assert execute(["new", "forecast", str(tmp_path / "y.csv"), "--ignore-column", "store"]) == 2
    assert "expected each time once, with a column for each of several series" in capsys.readouterr().err


def test_an_input_that_could_be_any_of_several_is_asked_for(tmp_path, capsys):
    (tmp_path / "x.csv").write_text(table("heavy,light,binder", [(t, t[::-1], i % 2) for i, t in enumerate(PROTEINS)]))
    assert execute(["new", "protein", str(tmp_path / "x.csv")]) == 2
    assert "sequences in columns heavy, light; expected the one to read: --input NAME" in capsys.readouterr().err


def test_labels_behind_a_semicolon_in_headers(tmp_path):
    content = "".join(f">p{i};class_{i % 3}\n{text}\n" for i, text in enumerate(PROTEINS))
    recipe, prepared = drafted(tmp_path, "protein", "x.fasta", content)
    assert recipe.data.pattern == "{};{label}"
    assert {*prepared.records.labels["label"]} == {"class_0", "class_1", "class_2"}
