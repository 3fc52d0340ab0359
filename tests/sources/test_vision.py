"""Vision sources answer exactly as the models they are made of; weights files hold tensors and nothing else."""

import copy
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image as Pillow
from safetensors.torch import save_file
from torch import nn

from tests.tiny import VISION_KINDS, tiny_vision, tiny_vision_model
from xmr.core.component import check_section, create
from xmr.core.registry import SOURCES
from xmr.core.spaces import PixelInput, PixelSpace
from xmr.errors import MissingExtraError, RecipeError
from xmr.sources.depths import blocks_of, forward_with_maps, layers_below
from xmr.sources.pooled import take_classifier
from xmr.sources.resnet20 import ResNet20Network
from xmr.sources.vision import HFImage, ModuleSource, Timm
from xmr.sources.weights import find_model, load_weights

MODELS = Path(os.environ.get("XMR_MODELS", Path(os.environ.get("XMR_DATA", "nowhere")).parent / "models"))
needs_models = pytest.mark.skipif(not MODELS.is_dir(), reason="no folder of real models: set XMR_MODELS")


def made(name, **settings):
    return create(SOURCES, check_section("source", {"name": name, **settings}, "test")).load()


@pytest.mark.parametrize("kind", VISION_KINDS)
def test_equals_the_model(kind):
    source, model = tiny_vision(kind), tiny_vision_model(kind).eval()
    pixels = torch.rand(3, 3, 32, 32)
    mean, std = (torch.tensor(x)[:, None, None] for x in (source.space.mean, source.space.std))
    with torch.no_grad():
        theirs = model(pixel_values=(pixels - mean) / std).logits
        ours = source.answers(source(PixelInput(pixels)).features)
    assert torch.allclose(ours, theirs, atol=1e-4)
    assert source.classes == theirs.shape[1] == len(source.class_names)


@pytest.mark.parametrize("kind", VISION_KINDS)
def test_batch_norm_never_moves(kind):
    """Training mode, a forward and a backward pass leave every weight and buffer bit-identical."""
    source = tiny_vision(kind)
    before = {name: tensor.clone() for name, tensor in source.state_dict().items()}
    source.train()
    pixels = torch.rand(4, 3, 32, 32, requires_grad=True)
    source(PixelInput(pixels)).features.sum().backward()
    assert all(torch.equal(tensor, before[name]) for name, tensor in source.state_dict().items())
    assert all(parameter.grad is None for parameter in source.parameters())
    source.assert_unchanged()


class NormAfterReLU(nn.Module):
    """A batch norm that cannot be folded, although it is listed behind its convolution."""

    def __init__(self, order):
        super().__init__()
        self.conv, self.norm, self.order = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), order
        self.norm.running_mean.normal_()
        self.norm.running_var.uniform_(0.5, 2)
        self.linear = nn.Linear(4, 5)

    def forward(self, x):
        x = self.conv(x)
        x = self.norm(torch.relu(x)) if self.order == "after" else torch.relu(self.norm(x))
        return self.linear(x.mean(dim=(2, 3)))


class Plain(HFImage):
    def run(self, pixels):
        return self.body(pixels), ()


@pytest.mark.parametrize("order", ["after", "before"])
def test_batch_norms_are_folded_only_where_nothing_changes(order):
    torch.manual_seed(0)
    model = NormAfterReLU(order).eval()
    pixels, space = torch.rand(2, 3, 8, 8), PixelSpace(8, 8, (0.0,) * 3, (1.0,) * 3)
    with torch.no_grad():
        expected = model(pixels)
    source = Plain("x").adopt(copy.deepcopy(model), space)
    got = source.answers(source(PixelInput(pixels)).features)
    assert torch.allclose(got, expected, atol=1e-5)
    norms = [module for module in source.modules() if isinstance(module, nn.BatchNorm2d)]
    assert len(norms) == (1 if order == "after" else 0)
    unfolded = Plain("x").adopt(copy.deepcopy(model), space)
    assert source.identity == unfolded.identity
    if norms:
        norms[0].running_mean[0] += 1e-4  # a batch norm that moved is seen
        assert source.checksum() != source._frozen_checksum


def test_a_trainable_copy_has_its_batch_norms_back():
    source = tiny_vision("resnet")
    copied = source.trainable_copy()
    assert not any(isinstance(module, nn.BatchNorm2d) for module in source.modules())
    assert any(isinstance(module, nn.BatchNorm2d) for module in copied.modules())
    assert all(parameter.requires_grad for parameter in copied.parameters())
    assert not any(parameter.requires_grad for parameter in source.parameters())
    pixels = PixelInput(torch.rand(2, 3, 32, 32))
    assert torch.allclose(copied(pixels).features, source(pixels).features, atol=1e-4)
    source.assert_unchanged()


@needs_models
def test_the_cifar_network_loads_faithfully(shared_data):
    """80.4 % of the 1,000 test pictures, as measured on these JPEGs."""
    source = made("resnet20_cifar10", weights_file=str(MODELS / "resnet20_cifar10.pt"))
    right = total = 0
    for number, name in enumerate(source.class_names):
        files = sorted((shared_data / "images" / "cifar10" / name).glob("*.jpg"))
        pixels = np.stack([np.asarray(Pillow.open(path)) for path in files])
        values = torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255
        with torch.no_grad():
            answer = source.answers(source(PixelInput(values)).features).argmax(dim=1)
        right, total = right + int((answer == number).sum()), total + len(files)
    assert total == 1000
    assert right / total == pytest.approx(0.804, abs=0.002)


@needs_models
def test_an_imagenet_classifier_states_its_space():
    source = made("hf_image", model=str(MODELS / "mobilenet_v1_0.5_160"))
    assert (source.space.height, source.space.width, source.classes) == (160, 160, 1001)
    assert source.space.mean == source.space.std == (0.5, 0.5, 0.5)
    assert source.class_names[1].startswith("tench")
    random = made("hf_image", model=str(MODELS / "mobilenet_v1_0.5_160"), weights="random")
    assert random.checksum() != source.checksum()
    assert random.parameter_count() == source.parameter_count()


def test_a_model_that_cannot_be_reached_says_what_to_pass(monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(RecipeError, match=r"source\.model: found 'microsoft/none'.*folder"):
        made("hf_image", model="microsoft/none")


def test_timm_is_asked_for_by_its_pip_line():
    try:
        import timm  # noqa: F401
    except ImportError:
        with pytest.raises(MissingExtraError, match="timm"):
            Timm("resnet18").load()
        return
    source = Timm("resnet18", weights="random").load()
    assert source.classes == 1000


def test_models_are_found_by_name_but_not_outside(tmp_path, monkeypatch):
    (tmp_path / "models" / "mine").mkdir(parents=True)
    (tmp_path / "secret").mkdir()
    monkeypatch.setenv("XMR_MODELS", str(tmp_path / "models"))
    assert find_model("mine") == str(tmp_path / "models" / "mine")
    assert find_model("../secret") == "../secret"


class Evil:
    def __reduce__(self):
        return os.system, ("true",)


def test_weights_files_hold_tensors_alone(tmp_path):
    network = ResNet20Network()
    state = {f"module.{key}": value for key, value in network.state_dict().items()}
    torch.save({"state_dict": state}, tmp_path / "good.pt")
    assert set(load_weights(str(tmp_path / "good.pt"))) == set(network.state_dict())
    save_file(network.state_dict(), tmp_path / "good.safetensors")
    assert set(load_weights(str(tmp_path / "good.safetensors"))) == set(network.state_dict())
    torch.save({"state_dict": Evil()}, tmp_path / "evil.pt")
    with pytest.raises(RecipeError, match="holds more than weights"):
        load_weights(str(tmp_path / "evil.pt"))
    torch.save({"epoch": 3}, tmp_path / "empty.pt")
    with pytest.raises(RecipeError, match="without a table of tensors"):
        load_weights(str(tmp_path / "empty.pt"))
    (tmp_path / "cut.safetensors").write_bytes((tmp_path / "good.safetensors").read_bytes()[:1000])
    with pytest.raises(RecipeError, match="damaged"):
        load_weights(str(tmp_path / "cut.safetensors"))
    with pytest.raises(RecipeError, match="no file"):
        load_weights("nowhere.pt")


def test_weights_of_another_network_are_refused(tmp_path):
    state = ResNet20Network().state_dict()
    state["linear.weight"] = torch.zeros(3, 64)
    state["extra"] = torch.zeros(1)
    del state["conv1.weight"]
    save_file(state, tmp_path / "other.safetensors")
    with pytest.raises(RecipeError, match=r"no conv1\.weight; unknown extra; another shape of linear\.weight"):
        made("resnet20_cifar10", weights_file=str(tmp_path / "other.safetensors"))


def test_a_program_over_a_module_source_is_saved_and_loaded(tmp_path):
    from xmr.core.registry import ENCODERS
    from xmr.program import Program
    from xmr.tasks.base import task_class

    save_file(ResNet20Network().state_dict(), tmp_path / "net.safetensors")
    source = made("resnet20_cifar10", weights_file=str(tmp_path / "net.safetensors"))
    encoder = create(ENCODERS, check_section("encoder", {"name": "image", "size": 8}, "test"))
    records = encoder.example(12, 0)
    encoder.fit(records)
    for transform in ("border", "watermark", "sample_specific_masks", "clustered_border", "coordinator"):
        sections = [check_section("transform", transform, ""), check_section("output", "bayesian_mapping", "")]
        program = Program.build(encoder, sections[0], source, sections[1], task_class("classification").fit(records))
        before = program.eval().predict(records)
        program.save(tmp_path / transform)
        again = Program.load(tmp_path / transform).predict(records)
        assert np.allclose(before.values, again.values, atol=1e-5), transform


def test_a_model_without_a_linear_layer_answers_as_it_is():
    class Bare(nn.Module):
        def forward(self, x):
            return x.mean(dim=(2, 3))

    model = Bare()
    assert isinstance(take_classifier(model), nn.Identity)
    source = copy.copy(tiny_vision())
    source.head = nn.Identity()
    with pytest.raises(RecipeError, match="without a linear classifier"):
        source.classifier_weight()


def test_a_source_describes_itself():
    settings = {"name": "hf_image", "model": "x", "revision": None, "weights": "random", "size": 64}
    assert create(SOURCES, settings).describe() == settings
    with pytest.raises(RecipeError, match="found a HFImage without a recipe section"):
        HFImage("x").describe()


def test_features_of_several_depths_of_a_network_of_ones_own():
    taken = made("resnet20_cifar10", weights="random", feature_layers=4)
    plain = made("resnet20_cifar10", weights="random")
    pixels = PixelInput(torch.rand(2, 3, 32, 32))
    features = taken.features(pixels)
    # The last features (64), then five statistics of the sixth, the fourth (32 channels each) and the first (16) block.
    assert features.shape[1] == taken.hidden_width == 64 + 5 * (32 + 32 + 16)
    torch.testing.assert_close(features[:, :64], plain.features(pixels))
    torch.testing.assert_close(taken.answers(features), plain.answers(plain.features(pixels)))
    assert made("resnet20_cifar10", weights="random", feature_layers=99).hidden_width == 64 + 5 * 3 * (16 + 32 + 64)
    assert taken.describe() == {**plain.describe(), "feature_layers": 4}
    assert not any(module._forward_hooks for module in taken.body.modules())


def test_blocks_of_a_sequence_and_what_a_layer_writes_over():
    inner = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(inplace=True), nn.Flatten(), nn.Linear(8, 3))
    assert blocks_of(inner) == list(inner)[1:]
    found, maps = forward_with_maps(inner, torch.rand(1, 1, 4, 4))
    assert found.shape == (1, 3)
    assert [tuple(each.shape) for each in maps] == [(1, 2, 2, 2)]  # the rectified maps alone: vectors are no depth
    both = nn.ModuleDict({"a": nn.Sequential(nn.Identity()), "b": inner})
    assert blocks_of(both) == [both["a"][0], *list(inner)[1:]]


def test_a_network_without_blocks_has_one_depth():
    flat = Flat(weights="random", feature_layers=3)  # which needs no weights file
    with pytest.raises(RecipeError, match=r"source\.feature_layers: found 3; expected 1"):
        flat.adopt(flat.network(), PixelSpace(8, 8, (0.5,), (0.5,)))


def test_pretrained_weights_need_their_file():
    with pytest.raises(RecipeError, match=r"source\.weights_file: found none; expected .*, or weights: random"):
        Flat().load()


class Flat(ModuleSource):
    def network(self):
        return OneLayer()


class OneLayer(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(64, 3)

    def forward(self, x):
        return self.linear(x.flatten(1))


def test_pipes_and_devices_are_no_weights(tmp_path):
    os.mkfifo(tmp_path / "fifo.pt")
    for name in (tmp_path / "fifo.pt", "/dev/zero", tmp_path, "a" * 5000, "a\0b", ""):
        with pytest.raises(
            RecipeError, match=r"source\.weights_file: found no file .*; expected a \.safetensors or \.pt"
        ):
            load_weights(str(name))


def test_layers_are_spread_as_torch_does():
    assert layers_below(7, 1) == []
    for depth in range(1, 40):
        for layers in range(2, 45):
            places = torch.linspace(0, depth - 1, layers).round().int().tolist()
            assert layers_below(depth, layers) == sorted({*places[:-1]}, reverse=True)
