"""Domain features against counts made by hand, and against the libraries they come from."""

import numpy as np
import pytest
import torch

from xmr.core.kinds import ImageSet, ImageSpec, SignalSet, SignalSpec, SymbolSet
from xmr.encoders.protein import PROTEIN
from xmr.errors import RecipeError
from xmr.outputs.domain_features.descriptors import Descriptors, descriptors
from xmr.outputs.domain_features.hog import Hog, gradients
from xmr.outputs.domain_features.kmers import Kmers
from xmr.outputs.domain_features.mfcc import Mfcc
from xmr.outputs.domain_features.minirocket import MiniRocket
from xmr.outputs.domain_features.one_hot import OneHot


def encoded(texts, limit=60, overlap=0.25):
    number = {symbol: index for index, symbol in enumerate(PROTEIN.symbols)}
    flat = np.array([number[letter] for text in texts for letter in text])
    return SymbolSet(flat, np.array([len(text) for text in texts]), limit, overlap)


def of(features, data):
    return features(data.batch(np.arange(len(data))))


def test_kmers_by_hand():
    data = encoded(["ACAC", "ACA", "CCCCC"])
    features = Kmers().build(PROTEIN)
    features.fit(data)
    # In at least two records: A, C, AC, CA, ACA.
    assert features.width == 5
    expected = [[2 / 4, 2 / 4, 2 / 4, 1 / 4, 1 / 4], [2 / 3, 1 / 3, 1 / 3, 1 / 3, 1 / 3], [0, 1, 0, 0, 0]]
    torch.testing.assert_close(of(features, data), torch.tensor(expected))


def test_windows_of_a_long_record_count_like_the_whole():
    text = "ACDEFGHIKLMNPQRSTVWY" * 3
    whole, cut = encoded([text, text]), encoded([text, text], limit=30, overlap=0.5)
    features = Kmers().build(PROTEIN)
    features.fit(whole)
    assert cut.windowed
    single = of(features, whole)[:, :20]
    torch.testing.assert_close(of(features, cut)[:, :20], single)


def test_texts_are_put_together_from_windows():
    text = "ACDEFGHIKLMNPQRSTVWY" * 3
    data = encoded([text, "ACD"], limit=25, overlap=0.3)
    batch = data.batch(np.array([1, 0]))
    assert batch.texts(np.array(PROTEIN.symbols)) == ["ACD", text]


def test_one_hot_holds_only_what_varies():
    data = encoded(["ACD", "AGD", "AGE"])
    features = OneHot().build(PROTEIN)
    features.fit(data)
    # Position 2: C or G; position 3: D or E.
    torch.testing.assert_close(of(features, data), torch.tensor([[1.0, 0, 1, 0], [0, 1, 1, 0], [0, 1, 0, 1]]))
    assert of(features, encoded(["AG", "ACDKK"])).tolist() == [[0, 1, 0, 0], [1, 0, 1, 0]]


def test_descriptors_are_those_of_modlamp():
    texts = ["GIGKFLHSAKKFGKAFVGEIMNS", "KKLLKKLLKK", "AUO"]
    features = Descriptors().build(PROTEIN)
    found = of(features, encoded(texts)).numpy()
    np.testing.assert_allclose(found, descriptors(texts), rtol=1e-5)
    np.testing.assert_allclose(descriptors(["AUO"]), descriptors(["ACK"]))


@pytest.mark.parametrize("channels", [1, 3])
def test_minirocket_is_that_of_aeon_after_saving_too(channels):
    from aeon.transformations.collection.convolution_based import MiniRocket as Reference

    series = np.random.default_rng(0).standard_normal((12, channels, 40)).astype(np.float32)
    data = SignalSet(series, np.full(12, 40))
    features = MiniRocket().build(SignalSpec(channels, 40))
    features.fit(data)
    found = of(features, data)
    expected = Reference(random_state=0, n_jobs=1).fit(series).transform(series)
    np.testing.assert_allclose(found.numpy(), np.asarray(expected), atol=1e-6)
    again = MiniRocket().build(SignalSpec(channels, 40))
    again.resize({name: tensor.shape for name, tensor in features.state_dict().items()})
    again.load_state_dict(features.state_dict())
    torch.testing.assert_close(of(again, data), found)


def test_hog_is_that_of_the_image_whatever_the_batch():
    images = np.random.default_rng(0).integers(0, 256, (5, 20, 24, 3), dtype=np.uint8)
    features = Hog().build(ImageSpec(3, 20, 24))
    found = of(features, ImageSet(images))
    assert found.shape == (5, features.width)
    np.testing.assert_allclose(found.numpy(), gradients(images), atol=1e-6)


def test_mfcc_of_a_quarter_is_that_of_its_frames():
    import torchaudio

    rng = np.random.default_rng(0)
    waves = rng.standard_normal((3, 1, 8000)).astype(np.float32)
    features = Mfcc().build(SignalSpec(1, 8000, 8000))
    found = of(features, SignalSet(waves, np.full(3, 8000)))
    assert found.shape == (3, features.width) == (3, 320)
    settings = {"n_fft": 256, "hop_length": 128, "n_mels": 40}
    frames = torchaudio.transforms.MFCC(8000, 20, melkwargs=settings)(torch.from_numpy(waves))[:, 0]  # (3, 20, 63)
    torch.testing.assert_close(found[:, :20], frames[..., :16].mean(dim=-1))
    torch.testing.assert_close(found[:, 20:40], frames[..., :16].std(dim=-1, correction=0))
    whole = SignalSet(np.repeat(waves, 2, axis=0), np.full(6, 8000), np.repeat(np.arange(3), 2), np.tile([0, 8000], 3))
    torch.testing.assert_close(of(features, whole), found)
    with pytest.raises(RecipeError, match="series without a sample rate"):
        Mfcc().build(SignalSpec(1, 8000))
