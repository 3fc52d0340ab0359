"""CLIP's texts as source classes: equal to the model's own logits; text mappings on numbers worked out by hand."""

import json
import math
from types import SimpleNamespace

import pytest
import torch
from transformers import CLIPConfig, CLIPModel, CLIPTextConfig, CLIPVisionConfig

from xmr.core.component import check_section, create
from xmr.core.kinds import ImageBatch
from xmr.core.registry import OUTPUTS, SOURCES
from xmr.core.spaces import PixelInput, PooledFeatures
from xmr.errors import RecipeError
from xmr.outputs.texts import mixed
from xmr.testing import check_source


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A tiny random CLIP with a tokenizer of letters, saved as a Hugging Face folder."""
    root = tmp_path_factory.mktemp("clip")
    letters = [chr(code) for code in range(ord("a"), ord("z") + 1)] + ["."]
    words = ["<|startoftext|>", "<|endoftext|>", *letters, *(letter + "</w>" for letter in letters)]
    vocabulary = {word: index for index, word in enumerate(words)}
    (root / "vocab.json").write_text(json.dumps(vocabulary))
    (root / "merges.txt").write_text("#version: 0.2\n")
    (root / "tokenizer_config.json").write_text(
        json.dumps({"tokenizer_class": "CLIPTokenizer", "model_max_length": 40, "pad_token": "<|endoftext|>"})
    )
    (root / "preprocessor_config.json").write_text(
        json.dumps({"image_mean": [0.5, 0.4, 0.3], "image_std": [0.2, 0.3, 0.4], "size": {"shortest_edge": 32}})
    )
    small = {"hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2}
    text = CLIPTextConfig(vocab_size=len(words), max_position_embeddings=40, bos_token_id=0, eos_token_id=1, **small)
    vision = CLIPVisionConfig(image_size=32, patch_size=8, **small)
    torch.manual_seed(0)
    CLIPModel(
        CLIPConfig(text_config=text.to_dict(), vision_config=vision.to_dict(), projection_dim=12)
    ).save_pretrained(root)
    return root


def clip(folder, **settings):
    return create(SOURCES, check_section("source", {"name": "clip", "model": str(folder), **settings}, "test")).load()


def output(name, source, targets, programs=1, **settings):
    made = create(OUTPUTS, check_section("output", {"name": name, **settings}, "test"))
    made.target_names, made.programs = tuple(targets), programs
    return made.build(source, len(targets), None, torch.Generator().manual_seed(0))


def test_equals_the_model(folder):
    from transformers import AutoTokenizer

    source = clip(folder, classes=["cat", "dog", "owl"])
    check_source(source)
    pixels = torch.rand(4, 3, 32, 32)
    mean, std = (torch.tensor(x)[:, None, None] for x in (source.space.mean, source.space.std))
    texts = [f"a photo of a {name}." for name in ("cat", "dog", "owl")]
    assert source.class_names == tuple(texts)
    model = CLIPModel.from_pretrained(folder).eval()
    encoded = AutoTokenizer.from_pretrained(folder)(texts, padding=True, return_tensors="pt")
    with torch.no_grad():
        theirs = model(**encoded, pixel_values=(pixels - mean) / std).logits_per_image
        ours = source.answers(source(PixelInput(pixels)).features)
    assert torch.allclose(ours, theirs, atol=1e-4)


def test_text_mappings_by_hand(folder):
    source = clip(folder, texts={"b": ["x", "y", "z"], "a": ["u"]})
    features = torch.randn(5, source.hidden_width)
    answer, encoded = PooledFeatures(features), ImageBatch(torch.zeros(5, 3, 2, 2))
    logits = source.answers(features)  # texts in the order x, y, z, u
    mean = output("text_mapping", source, ["a", "b"])(answer, encoded, source)
    assert torch.allclose(mean, torch.stack([logits[:, 3], logits[:, :3].mean(1)], 1), atol=1e-5)
    top = output("text_mapping", source, ["a", "b"], top=2)(answer, encoded, source)
    best = logits[:, :3].sort(dim=1, descending=True).values[:, :2].mean(1)
    assert torch.allclose(top, torch.stack([logits[:, 3], best], 1), atol=1e-5)
    residual = output("residual_text_mapping", source, ["a", "b"])
    assert torch.allclose(residual(answer, encoded, source), mean, atol=1e-5)  # starts where the mean is
    with torch.no_grad():
        residual.weight.copy_(torch.tensor([[2.0, 9.0, 9.0], [math.log(2.0), 0.0, 0.0]]))  # 9: padding, must not count
        residual.between.copy_(torch.tensor([[0.0, 1.0], [0.5, 0.0]]))
    z = torch.stack([logits[:, 3], (2 * logits[:, 0] + logits[:, 1] + logits[:, 2]) / 4], 1)
    by_hand = torch.stack([z[:, 0] + 0.5 * z[:, 1], z[:, 1] + z[:, 0]], 1)
    assert torch.allclose(residual(answer, encoded, source), by_hand, atol=1e-4)
    merged = residual.merge(source)
    assert torch.allclose(merged(answer, encoded, source), by_hand, atol=1e-4)
    assert merged.linear.weight.shape == (2, source.hidden_width)


def with_cosines(cosines, groups):
    """A source whose answers are these cosines, and their groups: one class."""
    return SimpleNamespace(
        text_of=("t",) * len(cosines),
        group_of=groups,
        hidden_width=2,
        answers=lambda features: torch.tensor([cosines]),
        head=SimpleNamespace(weight=torch.eye(2)),
    )


def test_groups_of_texts_by_hand():
    """AttrVR: describing (.9, .5, .1), distinguishing (.3, .2, .1), the top 2 of each: .5 * .7 + .5 * .25 = .475."""
    source = with_cosines([0.9, 0.5, 0.1, 0.3, 0.2, 0.1], ("des",) * 3 + ("dist",) * 3)
    answer, encoded = PooledFeatures(torch.zeros(1, 2)), ImageBatch(torch.zeros(1, 3, 2, 2))
    halves = output("text_mapping", source, ["t"], top=2, groups={"des": 0.5, "dist": 0.5})
    assert halves(answer, encoded, source).item() == pytest.approx(0.475)
    together = output("text_mapping", source, ["t"], top=2)
    assert together(answer, encoded, source).item() == pytest.approx(0.7)
    alone = output("text_mapping", with_cosines([0.9, 0.5], ("des",) * 2), ["t"], groups={"des": 0.3})
    assert alone.weight_of.tolist() == [[1.0]]
    with pytest.raises(RecipeError, match=r"output\.groups"):
        output("text_mapping", source, ["t"], groups={"desc": 1.0})


def of_programs(owner, groups, classes):
    """A source that answers features of width 4 as they are: one text each, of these groups and classes."""
    return SimpleNamespace(
        text_of=classes,
        group_of=groups,
        hidden_width=4,
        answers=lambda features: features,
        head=SimpleNamespace(weight=owner),
    )


def test_decoupled_texts_by_hand():
    """DVP: texts 0 and 2 read the first program, 1 and 3 the second. Class a has texts 0, 1, b 2, 3: uniform at first,
    a = (1 + 6) / 2 and b = (3 + 8) / 2. Two records of a, nearest to text 1 once and to text 0 once, and one of b
    nearest to 3: a stays, b = 8."""
    vectors = torch.tensor([[1.0, 0.1], [0.1, 1.0], [1.0, 0.0], [0.0, 1.0]])
    source = of_programs(vectors, ("red", "round") * 2, ("a", "a", "b", "b"))
    answers = [PooledFeatures(torch.tensor([[1.0, 2, 3, 4]])), PooledFeatures(torch.tensor([[5.0, 6, 7, 8]]))]
    encoded = ImageBatch(torch.zeros(1, 3, 2, 2))
    for by in ("group", "cluster"):
        made = output("decoupled_text_mapping", source, ["a", "b"], programs=2, by=by, top=1)
        flipped = int(made.owner[0])  # a cluster has no name
        assert (made.owner != flipped).tolist() == [False, True, False, True]
        now = answers[::-1] if flipped else answers
        assert made.train()(now, encoded, source).tolist() == [[3.5, 5.5]]
        made.update(torch.tensor([0]))  # 6 is nearer than 1
        made([PooledFeatures(torch.tensor([[9.0, 0, 0, 0]]))] * 2, encoded, source)
        made.update(torch.tensor([0]))
        made([PooledFeatures(torch.tensor([[0.0, 0, 1, 2]]))] * 2, encoded, source)
        made.update(torch.tensor([1]))
        made.on_epoch()
        assert made.omega.tolist() == [[0.5, 0.5], [0.0, 1.0]]
        assert made.eval()(now, encoded, source).tolist() == [[3.5, 8.0]]
    made.counts += 1
    made.share(lambda counts: 2 * counts, None)
    assert made.counts.tolist() == [[2.0, 2.0]] * 2
    with pytest.raises(RecipeError, match="ensemble: found 3; expected 2, one program for each group"):
        output("decoupled_text_mapping", source, ["a", "b"], programs=3, by="group")
    with pytest.raises(RecipeError, match="ensemble: found 5; expected at most 4"):
        output("decoupled_text_mapping", source, ["a", "b"], programs=5)


def test_a_class_with_fewer_texts_counts_no_padding():
    source = of_programs(torch.eye(4), ("g",) * 3, ("a", "b", "b"))
    made = output("decoupled_text_mapping", source, ["a", "b"], by="group", top=3).train()
    encoded = ImageBatch(torch.zeros(2, 3, 2, 2))
    made([PooledFeatures(torch.rand(2, 3))], encoded, source)
    made.update(torch.tensor([0, 1]))
    made.on_epoch()
    assert made.omega.tolist() == [[1.0, 0.0], [0.5, 0.5]]


def test_a_ridge_on_similarities_with_generic_texts(folder):
    """SiM: what is solved and predicted are functions of the cosines with ImageNet's names, and of nothing else."""
    source = clip(folder, classes="imagenet")
    assert source.classes == 1000
    assert source.class_names[0] == "a photo of a tench."
    torch.manual_seed(0)
    features, encoded = torch.nn.functional.normalize(torch.randn(20, source.hidden_width), dim=1), None
    made = output("ridge", source, ["a", "b"], reads="answers").train()
    target = (features[:, 0] > 0).long()
    logits = made(PooledFeatures(features), encoded, source)
    assert logits.abs().max() == 0
    made.update(target)
    made.compute()
    assert made.weight.shape == (2, 1000)
    found = made.eval()(PooledFeatures(features), encoded, source)
    assert torch.allclose(found, made.standardize(source.answers(features)) @ made.weight.T + made.bias, atol=1e-4)
    assert (found.argmax(dim=1) == target).float().mean() > 0.75
    assert made.merge(source) is made
    with pytest.raises(RecipeError, match=r"output\.reads: answers.*pool: statistics"):
        output("ridge", source, ["a", "b"], reads="answers", pool="statistics")


def test_the_mean_of_embeddings_by_hand():
    """Texts (1, 0) and (0, 1), an image (1, 0): .7071 with the mean vector at length one, .5 as a mean of cosines."""
    source = with_cosines([1.0, 0.0], ("g", "g"))
    answer, encoded = PooledFeatures(torch.tensor([[1.0, 0.0]])), ImageBatch(torch.zeros(1, 3, 2, 2))
    assert output("text_mapping", source, ["t"])(answer, encoded, source).item() == pytest.approx(0.5)
    unit = output("text_mapping", source, ["t"], average="embedding")
    assert unit(answer, encoded, source).item() == pytest.approx(0.5**0.5)
    with pytest.raises(RecipeError, match="average: embedding"):
        output("text_mapping", source, ["t"], average="embedding", top=3)


def test_the_residual_by_hand(folder):
    found = mixed(torch.tensor([[3.0, 0.0]]), torch.tensor([[0.0, 0.1]]), 0.5)
    assert found[0].tolist() == pytest.approx([0.5**0.5, 0.5**0.5])
    source = clip(folder, classes=["cat", "dog"])
    encoded = ImageBatch(torch.rand(2, 1, 20, 24))
    answer = PooledFeatures(torch.randn(2, source.hidden_width))
    made = output("text_mapping", source, ["cat", "dog"], residual=0.4)
    plain = output("text_mapping", source, ["cat", "dog"])
    assert torch.equal(made.train()(answer, encoded, source), plain(answer, encoded, source))
    assert not torch.allclose(made.eval()(answer, encoded, source), plain(answer, encoded, source))


def test_texts_of_files(folder, tmp_path):
    path = tmp_path / "describing.json"
    long = [f"a {word} thing with feathers" for word in ("brown", "small", "grey")]
    path.write_text(json.dumps({"owl": [*long, ".", ""], "cat_dog": long}))
    source = clip(folder, classes=["cat_dog"], texts_files={"describing": str(path)}, most=2, templates=["a {}"])
    assert source.class_names[0] == "a cat dog"
    assert source.group_of == ("templates", "describing", "describing") * 2
    assert source.text_of == ("cat_dog",) * 3 + ("owl",) * 3
    assert {*source.class_names[1:3], *source.class_names[4:]} <= {*long}
    again = clip(folder, classes=["cat_dog"], texts_files={"describing": str(path)}, most=2, templates=["a {}"])
    assert again.class_names == source.class_names
    path.write_text('{"owl": 3}')
    with pytest.raises(RecipeError, match=r"source\.texts_files\.describing"):
        clip(folder, texts_files={"describing": str(path)})
    with pytest.raises(RecipeError, match="no such file"):
        clip(folder, texts_files={"describing": "nowhere.json"})


def test_counted_mappings_see_texts_as_source_classes(folder):
    source = clip(folder, classes=["cat", "dog"], templates=["a {}", "no {}", "one {} more"])
    assert source.classes == 6
    mapping = output("bayesian_mapping", source, ["0", "1", "2"])
    assert mapping.omega.shape == (6, 3)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, "no class with a text"),
        ({"classes": ["cat"], "templates": ["a photo"]}, r"source\.templates: found 'a photo'"),
    ],
)
def test_texts_that_are_missing_are_said(folder, settings, message):
    with pytest.raises(RecipeError, match=message):
        clip(folder, **settings)


def test_a_target_without_a_text_is_said(folder, source):
    with pytest.raises(RecipeError, match=r"no text for 'cats'.*did you mean cat"):
        output("text_mapping", clip(folder, classes=["cat", "dog"]), ["cats", "dog"])
    with pytest.raises(RecipeError, match="classes are not texts"):
        output("text_mapping", source, ["a"])


@pytest.mark.parametrize(
    "section",
    ["text_mapping", "residual_text_mapping", "decoupled_text_mapping", {"name": "ridge", "reads": "answers"}],
)
def test_a_whole_program_trains_and_is_saved(folder, tmp_path, section):
    import numpy as np

    from xmr.core.registry import ENCODERS
    from xmr.program import Program
    from xmr.tasks.base import task_class
    from xmr.training.loop import LabelledSet, train
    from xmr.training.settings import TrainingSettings

    encoder = create(ENCODERS, check_section("encoder", "image", ""))
    records = encoder.example(16, 0)
    encoder.fit(records)
    targets = task_class("classification").fit(records)
    source = clip(folder, classes=["high", "low"])
    sections = [check_section("transform", "border", ""), check_section("output", section, "")]
    program = Program.build(encoder, sections[0], source, sections[1], targets, programs=2)
    data = LabelledSet(encoder.encode(records), targets.encode(records))
    train(program, data, data, TrainingSettings(epochs=3, optimizer="sgd", learning_rate=40.0), 0, tmp_path / "c")
    before = program.predict(records).values
    program.save(tmp_path / "p")
    assert np.allclose(Program.load(tmp_path / "p").predict(records).values, before, atol=1e-4)
