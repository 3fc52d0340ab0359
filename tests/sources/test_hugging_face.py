"""Nothing that comes with a model is run, nothing is asked on standard input; what cannot be loaded is one line."""

import ast
import io
import json
import os
import pickle
import resource
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.tiny import KINDS, tiny_model, tiny_vision_model
from xmr.cli.app import execute
from xmr.core.component import check_section, create
from xmr.core.registry import SOURCES
from xmr.errors import RecipeError, SourceUnavailableError
from xmr.program import Program
from xmr.sources.hf_text import HFText
from xmr.sources.hugging_face import Checkpoint

ROOT = Path(__file__).parents[2]
SOURCES_OF_MODELS = ["hf_text", "hf_image", "clip", "hf_audio", "hf_spectrogram", "yamnet"]
MAPPED = {
    "AutoConfig": "evil.C",
    "AutoModel": "evil.C",
    "AutoModelForMaskedLM": "evil.C",
    "AutoTokenizer": ["evil.C"] * 2,
}
CLASSES = {"AutoFeatureExtractor": "evil.C", "AutoImageProcessor": "evil.C"}
UNKNOWN = {"model_type": "evilnew", "auto_map": {**MAPPED, **CLASSES}}


@pytest.fixture
def marker(tmp_path, monkeypatch):
    """What would be there if code of the model had run; standard input says yes to every question."""
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n" * 100))
    return tmp_path / "PWNED"


def evil(folder, marker, **files):
    """A model folder that holds code, beside JSON files by their names."""
    folder.mkdir(exist_ok=True)
    (folder / "evil.py").write_text(f"import os; os.system('touch {marker}')\nclass C: pass\n")
    for name, content in files.items():
        (folder / f"{name}.json").write_text(json.dumps(content))
    return folder


def made(name, folder, **settings):
    return create(SOURCES, check_section("source", {"name": name, "model": str(folder), **settings}, "test")).load()


def refused(marker, name, folder, **settings):
    """The one line that refuses a model."""
    with pytest.raises(RecipeError) as error:
        made(name, folder, **settings)
    assert not marker.exists()
    said = str(error.value)
    assert said.startswith("source.model: found ")
    assert "\n" not in said
    return said


def calls(tree, names):
    return [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in names
    ]


def test_one_door_without_code():
    """Only `hugging_face.py` loads by transformers, never with its code."""
    loaders = ("from_pretrained", "from_config", "_from_config", "load_adapter", "snapshot_download", "hf_hub_download")
    for path in (ROOT / "xmr").rglob("*.py"):
        tree = ast.parse(path.read_text())
        found = calls(tree, loaders)
        assert not found or path.name == "hugging_face.py", f"{path}:{found[0].lineno}"
        for call in found:
            given = {word.arg: word.value for word in call.keywords}
            trusted = given.get("trust_remote_code")
            assert isinstance(trusted, ast.Constant) and trusted.value is False, f"{path}:{call.lineno}"  # noqa: PT018
            assert "use_safetensors" in given or call.func.attr == "from_config" or "config" not in given
        for call in [node for node in ast.walk(tree) if isinstance(node, ast.Call)]:
            assert not (isinstance(call.func, ast.Name) and call.func.id in ("pipeline", "input")), (
                f"{path}:{call.lineno}"
            )


@pytest.mark.parametrize("name", SOURCES_OF_MODELS)
def test_code_of_a_model_is_refused_through_a_recipe(tmp_path, marker, capsys, name):
    folder = evil(tmp_path / "evil", marker, config=UNKNOWN)
    classes = ", classes: [a]" if name == "clip" else ""
    series = "".join(f"{i},{i % 3},{(7 * i) % 5},{'ab'[i % 2]}\n" for i in range(30))
    (tmp_path / "s.csv").write_text("v1,v2,v3,label\n" + series)
    (tmp_path / "p.csv").write_text(
        "sequence,label\n" + "".join(f"ACD{c}EF,{'ab'[i % 2]}\n" for i, c in enumerate("ACDEFGHIKLMN"))
    )
    waves = name in ("hf_audio", "hf_spectrogram", "yamnet")
    transform = "wave_pattern" if waves else "free_embedding" if name == "hf_text" else "symbol_tiles"
    (tmp_path / "r.yaml").write_text(
        f"task: classification\ndata: {{path: {'s' if waves else 'p'}.csv, split: {{by: random, test: 0.3}}}}\n"
        f"encoder: {'series' if waves else 'protein'}\nsource: {{name: {name}, model: {folder}{classes}}}\n"
        f"transform: {transform}\noutput: linear\n"
    )
    assert execute(["check", str(tmp_path / "r.yaml")]) == 2
    captured = capsys.readouterr()
    assert not marker.exists()
    assert captured.err.startswith("xmr: source.model: found ")
    assert "a model of type 'evilnew' that brings its own code (config.json), which xmr never runs" in captured.err
    assert captured.err.count("\n") == 1
    assert "y/N" not in captured.out + captured.err


@pytest.mark.parametrize("name", SOURCES_OF_MODELS)
def test_code_of_a_model_is_refused_through_a_program(tmp_path, marker, capsys, name):
    folder = evil(tmp_path / "evil", marker, config=UNKNOWN)
    program = tmp_path / "program"
    shutil.copytree(ROOT / "tests" / "fixtures" / "program_v1", program)
    facts = json.loads((program / "program.json").read_text())
    facts["source"] = {"name": name, "model": str(folder), "seed": 0, "sha256": "0"}
    facts["source"] |= {"classes": ["a"]} if name == "clip" else {}
    (program / "program.json").write_text(json.dumps(facts))
    with pytest.raises(RecipeError, match=r"source\.model: .* brings its own code \(config\.json\)"):
        Program.load(program)
    assert not marker.exists()
    assert "y/N" not in capsys.readouterr().out


@pytest.fixture
def bert(tmp_path):
    """A tiny BERT in a folder of its own."""
    tiny_model("bert").save_pretrained(tmp_path / "bert")
    return tmp_path / "bert"


def change(folder, **facts):
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **facts}))


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({"model_type": "vit", "auto_map": MAPPED}, "cannot be loaded"),  # known, but no language model
        ({"inner": [{"model_type": "vit", "auto_map": MAPPED}]}, "a part of the model that brings its own code"),
        ({"attn_implementation": "evil/kernel"}, "a kernel (evil/kernel) that brings its own code"),
        ({"_attn_implementation": {"": "evil/kernel:x"}}, "that brings its own code"),
        ({"model_type": "evilnew"}, "a model of type 'evilnew'; expected a model_type that transformers"),
        ({"model_type": ["bert"]}, "a model of type ['bert']"),
        ({"num_hidden_layers": 10**9}, "num_hidden_layers 1000000000; expected at most 1000"),
        ({"hidden_size": "wide"}, "cannot be loaded"),
        ({"hidden_size": 17}, "cannot be loaded"),
        ({"num_attention_heads": 0}, "cannot be loaded"),
        ({"dtype": "evil"}, "cannot be loaded"),
        ({"architectures": 3}, "cannot be loaded"),
        ({"quantization_config": {"quant_method": "bitsandbytes", "load_in_4bit": True}}, "cannot be loaded"),
    ],
)
def test_a_configuration_is_data(bert, marker, facts, said):
    evil(bert, marker)
    change(bert, **facts)
    assert said in refused(marker, "hf_text", bert)


def test_code_beside_what_transformers_has_itself_is_passed_over(bert, marker):
    plain = made("hf_text", bert).checksum()
    evil(bert, marker, modules=[{"idx": 0, "name": "0", "path": "", "type": "evil.C"}])
    change(bert, auto_map=MAPPED, custom_pipelines={"fill-mask": {"impl": "evil.C", "pt": ["AutoModel"]}})
    assert made("hf_text", bert).checksum() == plain
    assert not marker.exists()


def test_a_tokenizer_of_its_own_is_refused(bert, marker):
    evil(bert, marker, tokenizer_config={"tokenizer_class": "Mine", "auto_map": MAPPED})
    assert "a tokenizer that brings its own code (tokenizer_config.json)" in refused(marker, "hf_text", bert)
    (bert / "tokenizer_config.json").write_text(json.dumps({"auto_map": {"AutoTokenizer": ["evil.C", None]}}))
    assert "a tokenizer that brings its own code" in refused(marker, "hf_text", bert)


def test_a_damaged_tokenizer_is_no_missing_one(bert, marker):
    assert made("hf_text", bert).space.prefix == ()
    (bert / "tokenizer.json").write_text("{")
    assert "cannot be loaded" in refused(marker, "hf_text", bert)


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({"image_processor_type": "Mine", "auto_map": CLASSES}, "a preprocessor that brings its own code"),
        ({"size": {"height": 10**9, "width": 32}}, "of 1000000000 x 32 pixels; expected sides of 1 to"),
        ({"size": 0, "image_mean": [0.5]}, "image_mean"),
        ({"image_std": [0, 1, 1]}, "expected a finite mean and a standard deviation above zero"),
        ({"image_mean": "gray"}, "cannot be loaded"),
    ],
)
def test_a_preprocessor_is_data(tmp_path, marker, facts, said):
    tiny_vision_model("resnet").save_pretrained(tmp_path / "m")
    evil(tmp_path / "m", marker, preprocessor_config=facts)
    assert said in refused(marker, "hf_image", tmp_path / "m")


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({"feature_extractor_type": "Mine", "auto_map": CLASSES}, "a preprocessor that brings its own code"),
        ({"sampling_rate": 10**12}, "sampling_rate 1000000000000; expected 1,000 to 192,000"),
        ({"sampling_rate": "fast"}, "sampling_rate 'fast'"),
    ],
)
def test_a_feature_extractor_is_data(tmp_path, marker, facts, said):
    from transformers import Wav2Vec2Config, Wav2Vec2Model

    small = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    convolutions = {"conv_dim": [8], "conv_stride": [80], "conv_kernel": [100], "num_conv_pos_embeddings": 4}
    config = Wav2Vec2Config(**small, **convolutions, num_conv_pos_embedding_groups=2)
    Wav2Vec2Model(config).save_pretrained(tmp_path / "m")
    assert made("hf_audio", tmp_path / "m", n_samples=800).space.rate == 16000
    evil(tmp_path / "m", marker, preprocessor_config=facts)
    assert said in refused(marker, "hf_audio", tmp_path / "m", n_samples=800)


@pytest.mark.parametrize("alone", [True, False])
def test_an_adapter_is_no_model(bert, marker, alone):
    """transformers would load the model that the adapter names, from a hub, or the adapter over the model."""
    evil(bert, marker, adapter_config={"base_model_name_or_path": "evil/base", "peft_type": "LORA"})
    if alone:
        (bert / "config.json").unlink()
    assert "holds an adapter (adapter_config.json); expected a whole model" in refused(marker, "hf_text", bert)


class Pickled:
    """What runs a command when it is read."""

    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return os.system, (f"touch {self.marker}",)


@pytest.mark.parametrize("harmless", [True, False])
def test_pickled_weights_are_not_read(bert, marker, harmless):
    (bert / "model.safetensors").unlink()
    if harmless:
        torch.save(tiny_model("bert").state_dict(), bert / "pytorch_model.bin")
    else:
        (bert / "pytorch_model.bin").write_bytes(pickle.dumps(Pickled(marker)))
    said = refused(marker, "hf_text", bert)
    assert "whose weights are a pickle (pytorch_model.bin); expected model.safetensors" in said
    assert made("hf_text", bert, weights="random").classes  # asks for none


def test_weights_that_memory_cannot_hold(bert, marker):
    change(bert, hidden_size=2**16, intermediate_size=2**30)
    assert "GiB of weights; expected a model that fits" in refused(marker, "hf_text", bert, weights="random")


def test_damaged_weights(bert, marker):
    whole = (bert / "model.safetensors").read_bytes()
    for content in (whole[: len(whole) // 2], b"", b"\xff" * 100):
        (bert / "model.safetensors").write_bytes(content)
        assert "cannot be loaded" in refused(marker, "hf_text", bert)


def without(folder, *names):
    """The weights file of a model without these tensors."""
    path = folder / "model.safetensors"
    held = load_file(path)
    save_file({name: value for name, value in held.items() if name not in names}, path, metadata={"format": "pt"})


def test_weights_that_lack_tensors_of_the_body(bert, marker):
    """transformers would initialize them at random and go on."""
    lacking = [f"bert.encoder.layer.1.output.dense.{name}" for name in ("bias", "weight")]
    without(bert, *lacking)
    said = refused(marker, "hf_text", bert)
    assert f"{str(bert)!r}, whose weights lack (2 tensors): {', '.join(lacking)}; expected a checkpoint with" in said
    assert "weights: random" in said
    assert made("hf_text", bert, weights="random").classes


def test_random_weights_are_in_single_precision_whatever_the_file_s(bert, marker):
    change(bert, dtype="float16")
    source = made("hf_text", bert, weights="random")
    assert {each.dtype for each in source.parameters()} == {torch.float32}


def test_weights_of_a_body_without_its_head(tmp_path, marker):
    tiny_vision_model("resnet").save_pretrained(tmp_path / "m")
    without(tmp_path / "m", "classifier.1.weight", "classifier.1.bias")
    assert made("hf_image", tmp_path / "m").classes == 12
    without(tmp_path / "m", "resnet.embedder.embedder.convolution.weight")
    assert "lack (1 tensors): resnet.embedder.embedder.convolution.weight" in refused(
        marker, "hf_image", tmp_path / "m"
    )


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_language_model_is_loaded_from_its_own_files(tmp_path, kind):
    """T5's encoder alone, and bodies without the pooler that no source reads."""
    tiny_model(kind).save_pretrained(tmp_path)
    without(tmp_path, "pooler.dense.weight", "pooler.dense.bias", "esm.contact_head.regression.weight")
    assert made("hf_text", tmp_path).classes


@pytest.mark.parametrize("facts", [{"vocab_size": 10**9}, {"hidden_size": 2**14}, {"intermediate_size": 2**30}])
def test_a_configuration_of_more_than_the_weights_hold(bert, marker, facts):
    """Refused before transformers allocates what the configuration asks for, which may be more than there is."""
    change(bert, **facts)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert "; its files hold" in refused(marker, "hf_text", bert)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 500_000  # KiB


def test_a_configuration_of_other_shapes(bert, marker):
    change(bert, intermediate_size=25)
    said = refused(marker, "hf_text", bert)
    assert (
        "have other shapes than config.json says (9 tensors): bert.encoder.layer.0.intermediate.dense.bias (24,)"
        in said
    )


def test_what_is_no_model_folder(tmp_path, marker):
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "empty").mkdir()
    (tmp_path / "fifos").mkdir()
    os.mkfifo(tmp_path / "fifos" / "config.json")
    (tmp_path / "list").mkdir()
    (tmp_path / "list" / "config.json").write_text("[1]")
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "config.json").write_text("[" * 100_000)
    names = (
        "fifo",
        "empty",
        "fifos",
        "list",
        "deep",
        "/dev/zero",
        "/dev/null",
        "",
        " ",
        "a" * 5000,
        "a\0b",
        "../x",
        "a b/c",
    )
    for name in names:
        folder = tmp_path / name if (tmp_path / name[:20]).exists() and name.strip() else name
        for kind in ("hf_text", "hf_image"):
            refused(marker, kind, folder)


@pytest.mark.parametrize("model", ["hf-hub:evil/model", "local-dir:evil"])
def test_timm_brings_its_own_models_alone(marker, model):
    assert "a model from outside timm" in refused(marker, "timm", model)


def test_links_within_a_folder_are_followed(bert, tmp_path):
    """The cache of a hub is made of them."""
    (tmp_path / "linked").mkdir()
    for path in bert.iterdir():
        (tmp_path / "linked" / path.name).symlink_to(path)
    assert made("hf_text", tmp_path / "linked").checksum() == made("hf_text", bert).checksum()


def test_a_text_longer_than_the_model(bert, marker):
    from tests.tiny import WORDS
    from xmr.sources.specials import Specials

    specials = Specials((1,), (2,), WORDS, text=(5,) * 70)
    with pytest.raises(RecipeError, match=r"source\.prompt_text: found 70 tokens of text in a model of 64 positions"):
        HFText(str(bert), prompt_text="a").adopt(tiny_model("bert"), specials)


def test_a_hub_that_cannot_be_reached_is_another_error(tmp_path):
    """`xmr check` goes on without a model that is only not here; one that is here and broken is an error."""
    checkpoint = Checkpoint("some/model", "some/model", None, "another")
    with pytest.raises(SourceUnavailableError, match="or another"), checkpoint.loading():
        checkpoint.config()
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "config.json").write_text("{")
    here = Checkpoint("m", str(tmp_path / "m"), None, "another")
    with pytest.raises(RecipeError, match=r"'m', which cannot be loaded: .*config\.json") as error, here.loading():
        here.config()
    assert not isinstance(error.value, SourceUnavailableError)
