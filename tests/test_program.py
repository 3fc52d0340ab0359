"""The composition: invariance, ensembles, save and load."""

import hashlib
import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.tiny import tiny_model, tiny_source
from xmr.core.component import check_section, create
from xmr.core.files import json_sha256
from xmr.core.registry import ENCODERS, SOURCES
from xmr.data.records import Records
from xmr.errors import DataError, ProgramError, XmrWarning
from xmr.program import Program
from xmr.tasks.base import task_class


def build(source, programs=1, seed=0, task="classification", transform="free_embedding", output=None, limit=40, n=24):
    encoder = create(ENCODERS, check_section("encoder", {"name": "protein", "max_length": limit}, ""))
    encoder.configure(source.space.max_length)
    records = encoder.example(n, 0, task)
    output = output or ("per_position" if task == "sequence_labeling" else "linear")
    program = Program.build(
        encoder,
        check_section("transform", transform, ""),
        source,
        check_section("output", output, ""),
        task_class(task).fit(records),
        programs,
        seed,
    )
    return program.eval(), records


@pytest.fixture
def folder_source(tmp_path):
    """A source that can be loaded again by name: a folder."""
    tiny_model("bert").save_pretrained(tmp_path / "model")
    return create(SOURCES, {"name": "hf_text", "model": str(tmp_path / "model"), "layers": 2}).load()


@pytest.mark.parametrize("limit", [40, 11])
@pytest.mark.parametrize("task", ["classification", "sequence_labeling", "regression"])
def test_prediction_does_not_depend_on_batch_or_order(source, task, limit):
    program, records = build(source, 2, task=task, limit=limit)
    whole = program.predict(records)
    order = np.random.default_rng(0).permutation(len(records))
    shuffled = program.predict(records.take(order), tokens=60)
    assert shuffled.ids == [records.ids[i] for i in order]
    if task == "sequence_labeling":
        first = np.concatenate([[0], np.cumsum(whole.lengths)])
        expected = np.concatenate([whole.values[first[i] : first[i + 1]] for i in order])
        assert whole.lengths.tolist() == [len(text) for text in records.inputs]
    else:
        expected = whole.values[order]
    assert np.allclose(shuffled.values, expected, atol=1e-4)


def test_an_ensemble_is_its_members(source):
    """N programs stacked along the batch answer as each does alone, and learn independently."""
    both, records = build(source, 2)
    data = both.encoder.encode(records).batch(np.arange(8))
    logits = both(data)
    for member in range(2):
        alone = Program(both.encoder, [both.transforms[member]], source, [both.outputs[member]], both.task)
        assert torch.allclose(alone(data)[0], logits[member], atol=1e-5)
    first = torch.autograd.grad(
        logits[0].square().sum(), both.transforms[1].weight, allow_unused=True, retain_graph=True
    )
    assert first[0] is None or not bool(first[0].any())
    prediction = both.predict(records)
    each = both.predict_each(both.encoder.encode(records))
    assert np.allclose(prediction.values, each.mean(0), atol=1e-6)
    assert np.allclose(prediction.std, each.std(0), atol=1e-6)
    assert not torch.allclose(both.transforms[0].weight, both.transforms[1].weight)


@pytest.mark.parametrize("task", ["classification", "multilabel", "regression", "sequence_labeling"])
def test_save_and_load(folder_source, tmp_path, task):
    program, records = build(folder_source, 2, task=task)
    program.save(tmp_path / "program")
    again = Program.load(tmp_path / "program")
    assert np.allclose(again.predict(records).values, program.predict(records).values, atol=1e-5)
    names = sorted(path.name for path in (tmp_path / "program").iterdir())
    assert names == ["encoder.json", "program.json", "program.safetensors"]


@pytest.mark.parametrize("transform", ["vocabulary_map", "convex_vocabulary_map", "sparse_vocabulary_map"])
@pytest.mark.parametrize("output", ["vocabulary_linear", "bayesian_mapping", "learned_mapping"])
def test_maps_are_stored_folded(folder_source, tmp_path, transform, output):
    program, records = build(folder_source, transform=transform, output=output)
    program.save(tmp_path / "program")
    tensors = load_file(tmp_path / "program" / "program.safetensors")
    assert tensors["transform.0.weight"].shape == (20, 16)  # E_T, not Theta and not E
    again = Program.load(tmp_path / "program")
    assert np.allclose(again.predict(records).values, program.predict(records).values, atol=1e-5)


def _broken(folder: Path, tmp_path: Path) -> Path:
    target = tmp_path / "broken"
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(folder, target)
    return target


def _signed(folder: Path, **changes) -> Path:
    """Change program.json (... takes a key away) and make the checksums right again, as somebody could on purpose."""
    facts = json.loads((folder / "program.json").read_text()) | changes
    facts = {key: value for key, value in facts.items() if value is not ... and key != "sha256"}
    sums = {"program.safetensors": hashlib.sha256((folder / "program.safetensors").read_bytes()).hexdigest()}
    sums |= {"encoder.json": json_sha256(json.loads((folder / "encoder.json").read_text()))}
    facts["sha256"] = {**sums, "program.json": json_sha256(facts)}
    (folder / "program.json").write_text(json.dumps(facts))
    return folder


def test_a_wrong_program_folder_says_why(folder_source, tmp_path):
    program, _ = build(folder_source)
    good = tmp_path / "program"
    program.save(good)

    def edited(**changes):
        return _signed(_broken(good, tmp_path), **changes)

    with pytest.raises(ProgramError, match=r"no program\.json"):
        Program.load(tmp_path / "nowhere")
    with pytest.raises(ProgramError, match="extra"):
        Program.load(edited(extra=1))
    with pytest.warns(XmrWarning, match=r"newer xmr \(format 99\)"):
        Program.load(edited(format_version=99))
    with pytest.warns(UserWarning, match="newer"):
        Program.load(edited(extra=1, format_version=99))
    with pytest.raises(ProgramError, match="no targets"):
        Program.load(edited(targets=...))
    with pytest.raises(ProgramError, match="format_version"):
        Program.load(edited(format_version="one"))
    source = json.loads((good / "program.json").read_text())["source"]
    with pytest.raises(ProgramError, match="another revision"):
        Program.load(edited(source=source | {"sha256": "0" * 64}))
    folder = _broken(good, tmp_path)
    (folder / "program.json").write_text("{")
    with pytest.raises(ProgramError, match="not JSON"):
        Program.load(folder)
    folder = _broken(good, tmp_path)
    (folder / "program.safetensors").write_bytes(b"broken")
    with pytest.raises(ProgramError, match="damaged"):
        Program.load(folder)
    tensors = load_file(good / "program.safetensors")
    for change, message in (
        ({"transform.0.weight": torch.zeros(3, 3)}, "shape"),
        ({"transform.0.weight": torch.full((20, 16), float("nan"))}, "finite"),
        ({"transform.0.more": torch.zeros(1)}, "unknown tensors"),
    ):
        save_file(tensors | change, folder / "program.safetensors")
        with pytest.raises(ProgramError, match=message):
            Program.load(_signed(folder))
    for change, message in (
        ({"programs": 1_000_000}, "1000000 programs and the tensors of 1"),
        ({"programs": True}, "programs"),
        ({"length": 10**9}, "length"),
        ({"format_version": True}, "format_version: found True"),
        ({"targets": {"task": "classification"}}, "do not fit together"),
        ({"targets": []}, "do not fit together"),
        ({"encoder": {"name": "protein", "max_length": "x"}}, "max_length"),
    ):
        with pytest.raises(ProgramError if "max_length" not in message else ValueError, match=message):
            Program.load(edited(**change))


@pytest.mark.parametrize("name", ["program.json", "encoder.json", "program.safetensors"])
def test_every_flipped_bit_is_noticed(folder_source, tmp_path, name):
    program, records = build(folder_source)
    program.save(tmp_path / "program")
    expected, path = program.predict(records).values, tmp_path / "program" / name
    content = path.read_bytes()
    for place in range(0, len(content), max(1, len(content) // 60)):
        path.write_bytes(content[:place] + bytes([content[place] ^ (1 << place % 8)]) + content[place + 1 :])
        try:
            loaded = Program.load(tmp_path / "program")
        except ProgramError:
            continue
        # White space between the values of a JSON file carries nothing.
        assert np.array_equal(loaded.predict(records).values, expected)
    path.write_bytes(content)
    assert np.array_equal(Program.load(tmp_path / "program").predict(records).values, expected)


def test_swapped_class_names_are_noticed(folder_source, tmp_path):
    program, _ = build(folder_source)
    program.save(tmp_path / "program")
    path = tmp_path / "program" / "program.json"
    facts = json.loads(path.read_text())
    facts["targets"]["names"].reverse()
    path.write_text(json.dumps(facts))
    with pytest.raises(ProgramError, match=r"program\.json: found a file that was changed or damaged"):
        Program.load(tmp_path / "program")


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"[" * 100_000, "not JSON"),
        (b'{"a": ' + b"9" * 6000 + b"}", "not JSON"),
        (b'{"a": NaN}', "not finite"),
        (b'{"a": 1e999}', "not finite"),
        (b"\xff\xfe", "not JSON"),
        (b"[]", "a JSON list"),
    ],
)
def test_json_that_no_program_wrote(folder_source, tmp_path, content, found):
    program, _ = build(folder_source)
    program.save(tmp_path / "program")
    (tmp_path / "program" / "encoder.json").write_bytes(content)
    with pytest.raises(ProgramError, match=found):
        Program.load(tmp_path / "program")


def test_only_regular_files_in_the_folder_itself_are_read(folder_source, tmp_path):
    program, _ = build(folder_source)
    program.save(tmp_path / "program")
    path = tmp_path / "program" / "encoder.json"
    path.rename(tmp_path / "elsewhere.json")
    path.symlink_to(tmp_path / "elsewhere.json")
    with pytest.raises(ProgramError, match="a link to"):
        Program.load(tmp_path / "program")
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(ProgramError, match="not a regular file"):
        Program.load(tmp_path / "program")
    path.unlink()
    path.mkdir()
    with pytest.raises(ProgramError, match="cannot be read"):
        Program.load(tmp_path / "program")
    (tmp_path / "file.txt").write_text("x")
    with pytest.raises(ProgramError, match="found a file; expected a run's folder"):
        Program.load(tmp_path / "file.txt")


def test_a_component_name_in_a_program_folder_runs_no_code(folder_source, tmp_path):
    program, _ = build(folder_source)
    program.save(tmp_path / "program")
    _signed(tmp_path / "program", transform={"name": "os:system"})
    with pytest.raises(ValueError, match="os:system"):
        Program.load(tmp_path / "program")


def test_predict_names_what_it_cannot_read(source):
    program, _ = build(source)
    with pytest.raises(DataError, match=r"y\.fasta:2"):
        program.predict(Records.of(["ACD", "A1"], file="y.fasta"))


def test_every_trained_parameter_gets_a_gradient_and_the_source_none(source):
    program, records = build(source, 2)
    program.train()
    program(program.encoder.encode(records).batch(np.arange(4))).square().sum().backward()
    assert all(p.grad is not None and bool(p.grad.any()) for p in program.trained_parameters())
    assert all(p.grad is None for p in source.parameters())
    assert not tiny_source().training


def test_a_folder_says_which_package_brought_each_component(folder_source, tmp_path):
    program, _ = build(folder_source)
    program.save(tmp_path)
    packages = json.loads((tmp_path / "program.json").read_text())["packages"]
    assert packages["encoder"].startswith("xmr ")
    assert set(packages) == {"encoder", "source", "transform", "output", "targets"}
    changed = _signed(tmp_path, encoder={"name": "graph"}, packages=packages | {"encoder": "xmr-graphs 1.2"})
    with pytest.raises(ProgramError, match=r"'graph', which is not installed; expected a component of xmr-graphs 1\.2"):
        Program.load(changed)
    with pytest.raises(ProgramError, match="not installed"):
        Program.load(_signed(changed, encoder={"name": ["graph"]}))


def test_predict_takes_plain_texts(source):
    program, _ = build(source)
    texts = ["ACD", "CCA"]
    assert np.array_equal(program.predict(texts).values, program.predict(Records.of(texts)).values)
    with pytest.raises(ValueError, match="found str of 0; expected texts, one per record"):
        program.predict("ACD")
