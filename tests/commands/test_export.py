"""Programs as ONNX files: equal to the program, of any batch and length, run by onnxruntime, numpy and json alone."""

import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import xmr
from tests.tiny import tiny_audio, tiny_source, tiny_vision
from xmr.cli.app import execute
from xmr.commands import export
from xmr.commands.onnx_file import OnnxModel
from xmr.core.component import check_section, create
from xmr.core.registry import ENCODERS
from xmr.errors import MissingExtraError, RecipeError
from xmr.program import Program
from xmr.tasks.base import task_class
from xmr.tasks.infilling import Infilling

pytest.importorskip("onnxscript")
ROOT = Path(__file__).parents[2]


def built(encoder, transform, source, output, task="classification", programs=2, n=12, scale="standard"):
    """A program with an output that has seen the example records, and the records."""
    made = create(ENCODERS, check_section("encoder", encoder, ""))
    made.configure(source.space.samples if source.space_kind == "wave" else 40, source.space.rate, source.tokenize)
    records = made.example(n, 0, task)
    target = task_class(task).fit(records, None, scale)
    sections = check_section("transform", transform, ""), source, check_section("output", output, "")
    program = Program.build(made.fit(records), *sections, target, programs, 0)
    data, generator = made.encode(records), torch.Generator().manual_seed(0)
    for parameter in program.trained_parameters():
        parameter.data.add_(0.3 * torch.randn(parameter.shape, generator=generator))
    if program.outputs[0].counts_before_training:
        for head in program.outputs:
            head.fit_features(data)
        program.train()
        with torch.no_grad():
            program(data.batch(np.arange(n)))
        for head in program.outputs:
            head.update(target.batch_targets(target.encode(records), data, np.arange(n)))
            head.compute()
    return program.eval(), records


CELLS = {
    "residues": ("protein", "free_embedding", "token", "per_position", "sequence_labeling"),
    "quantiles": ("protein", "vocabulary_map", "token", "linear", "regression"),
    "kernels": ("protein", "context_window", "token", {"name": "kernel_ridge"}, "classification"),
    "labels": ("protein", "prompt", "token", {"name": "linear", "pool": "attention"}, "multilabel"),
    "images": ("image", "watermark", "pixel", "linear", "classification"),
    "series": ("series", "signal_image", "pixel", {"name": "ridge"}, "classification"),
    "spectra": ("series", "wave_pattern", "wave", "linear", "classification"),
    "patches": ("series", "signal_patches", "token", "linear", "classification"),
    "tables": ("table", "feature_tokens", "token", "linear", "regression"),
    "columns": ("table", "feature_tokens", "token", {"name": "ridge", "domain_features": ["columns"]}, "regression"),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", CELLS)
def test_a_file_answers_as_the_program(tmp_path, name):
    encoder, transform, space, output, task = CELLS[name]
    sources = {"token": lambda: tiny_source("bert", layers=2), "pixel": tiny_vision, "wave": tiny_audio}
    source = sources[space]()
    scale = "quantile" if name == "quantiles" else "standard"
    program, records = built(encoder, transform, source, output, task, scale=scale)
    if name == "images":
        program.task = replace(program.task.combining("entropy"), temperature=1.7)
    done = export.export_program(program, tmp_path / "model.onnx", records)
    assert done.difference < 1e-4
    assert done.records == len(records)
    said = json.loads(done.description.read_text())
    assert said["opset"] == 18
    assert said["output"]["names"] == list(program.task.names)
    model, data = OnnxModel(done.model), program.encoder.encode(records)
    tensors = data.batch(np.array([3])).tensors()
    assert set(said["inputs"]) == set(tensors)
    assert {key: str(value.dtype) for key, value in tensors.items()} == {
        key: f"torch.{each['type']}" for key, each in said["inputs"].items()
    }
    found = model(tensors).reshape(-1, program.task.outputs)
    np.testing.assert_allclose(found, program.predict(records.take([3])).values, rtol=1e-4, atol=1e-4)


BOTH = {"name": "dna", "strands": "both"}
LONG = {
    "both strands": (BOTH, {"name": "linear", "pool": "attention"}, "classification"),
    "windows": ("protein", {"name": "linear", "pool": "statistics"}, "regression"),
    "windows and k-mers": ("protein", {"name": "ridge", "domain_features": ["kmers"]}, "classification"),
    "windows of residues": ("protein", "per_position", "sequence_labeling"),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", LONG)
def test_a_file_pools_the_rows_of_a_record(tmp_path, name):
    encoder, output, task = LONG[name]
    program, records = built(encoder, "free_embedding", tiny_source("bert", layers=1), output, task)
    if name != "both strands":
        records.inputs[::3] = ["".join(text * 12)[: 41 + 30 * i] for i, text in enumerate(records.inputs[::3])]
    data = program.encoder.encode(records)
    whole = data.batch(np.arange(len(data)))
    assert whole.windows is not None
    done = export.export_program(program, tmp_path / "model.onnx", records)
    assert (done.records, done.difference < 1e-4) == (12, True)
    said = json.loads(done.description.read_text())["inputs"]
    if task == "sequence_labeling":
        assert set(said) == {"ids", "mask"}
        return
    assert {key: each["shape"] for key, each in said.items() if key in ("owner", "weight")} == {
        "owner": ["batch"],
        "weight": ["batch", "length"],
    }
    found = OnnxModel(done.model)(export.inputs_of(whole, pooled=True))
    assert len(found) == len(whole) > 12  # a row of numbers for each row; the first are the records
    np.testing.assert_allclose(found[:12], program.predict(records).values, rtol=1e-4, atol=1e-4)


SCRIPT = re.search(r"```py\n(.*?)```", (ROOT / "docs" / "how-to" / "run-without-xmr.md").read_text(), re.S)[1]


def peptides(n):
    rng = np.random.default_rng(0)
    return ["".join(rng.choice([*"ACDEFGHIKLM"], 8 + i % 30)) for i in range(n)]


@pytest.mark.slow
def test_a_real_source_and_the_script_of_the_docs(tmp_path, capsys):
    texts = peptides(60)
    small = {
        "source__layers": 1,
        "ensemble": 2,
        "training": {"epochs": 0},
        "baselines": [],
        "data__split__by": "random",
    }
    run = xmr.fit("protein/custom", texts, ["no", "yes"] * 30, folder=tmp_path / "run", **small)
    done = run.export(tmp_path / "amp.onnx")
    assert done.records == 12  # of the test part
    assert "onnxruntime" in SCRIPT
    assert not re.search(r"import (torch|xmr)", SCRIPT)
    ran = subprocess.run([sys.executable, "-c", SCRIPT], cwd=tmp_path, capture_output=True, text=True, check=True)
    asked = re.findall(r'"([A-Z]{8,})"', SCRIPT)
    found = np.array([float(x) for x in re.findall(r"\d\.\d+(?:e-\d+)?", ran.stdout)]).reshape(len(asked), 2)
    np.testing.assert_allclose(found, run.program.predict(asked).values, atol=1e-4)
    (tmp_path / "new.csv").write_text("sequence\n" + "\n".join(texts[:9]) + "\n")
    onnx = tmp_path / "again.onnx"
    assert execute(["export", str(run.folder), "--onnx", str(onnx), "--records", str(tmp_path / "new.csv")]) == 0
    assert "on 9 records" in capsys.readouterr().out
    assert execute(["export", str(run.folder), "--onnx", str(onnx)]) == 2  # its records were in memory
    assert "--records FILE" in capsys.readouterr().err


def test_what_cannot_go_is_one_line(tmp_path, monkeypatch):
    source = tiny_source("bert", layers=1)
    beside = {"name": "ridge", "domain_features": ["kmers", "descriptors"]}
    program, records = built("protein", "free_embedding", source, beside)
    with pytest.raises(RecipeError, match="domain features descriptors"):
        export.export_program(program, tmp_path / "x.onnx", records)
    several = Program(program.encoder, [*program.transforms], source, [*program.outputs], Infilling(("A",)).filling(3))
    with pytest.raises(RecipeError, match=r"3 passes of the source.*training\.decoding_passes: 1"):
        export.export_program(several, tmp_path / "x.onnx", records)
    monkeypatch.setattr(type(program.source), "gradient", False)
    with pytest.raises(RecipeError, match="which only answers"):
        export.export_program(program, tmp_path / "x.onnx", records)
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'xmr\[export\]'"):
        export.export_program(program, tmp_path / "x.onnx", records)
    assert not [*tmp_path.iterdir()]


@pytest.mark.slow
def test_a_file_that_differs_is_not_kept(tmp_path, monkeypatch):
    program, records = built("protein", "free_embedding", tiny_source("bert", layers=1), "linear")
    monkeypatch.setattr(export, "OnnxModel", lambda path: lambda inputs: OnnxModel(path)(inputs) + 0.01)
    with pytest.raises(RecipeError, match=r"differs by 0\.01"):
        export.export_program(program, tmp_path / "x.onnx", records)
    assert not [*tmp_path.iterdir()]
