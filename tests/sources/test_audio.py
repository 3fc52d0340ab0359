"""Audio sources: the real networks hear what they were trained on; their front ends equal independent ones."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.tiny import tiny_audio
from xmr.core.component import create
from xmr.core.registry import SOURCES
from xmr.core.spaces import WaveInput
from xmr.errors import RecipeError, SourceUnavailableError, XmrError
from xmr.sources.depths import concat_layers, layers_below, pool_statistics

WORDS = ["yes", "no", "up", "down", "left", "right", "on", "off", "stop", "go"]
VOICES = ("en-us", "en-us+f1", "en-us+f3", "en-us+f4")


def real(name, **more):
    try:
        return create(SOURCES, {"name": name, **more}).load()
    except XmrError as error:
        pytest.skip(f"the weights are not here: {error}")


def clips(waves, rate):
    """Clips of a second, each word in the middle at full level."""
    functional = pytest.importorskip("torchaudio.functional")
    made = torch.zeros(len(waves), 16000)
    for row, wave in zip(made, waves):
        heard = functional.resample(torch.from_numpy(wave), rate, 16000)[:16000]
        begin = (16000 - len(heard)) // 2
        row[begin : begin + len(heard)] = heard / heard.abs().max()
    return made


@pytest.mark.parametrize(("name", "least"), [("keyword_cnn", 34), ("attention_rnn", 30)])
def test_spoken_words_are_heard(name, least):
    """Ten words by four voices of espeak-ng."""
    pytest.importorskip("espeakng_loader", reason="espeak-ng's library comes with the package espeakng-loader")
    from xmr.data.public.espeak import Synthesizer

    source = real(name)
    right = 0
    for voice in VOICES:
        with Synthesizer() as synthesizer:
            waves, rate = synthesizer.speak(WORDS, voice), synthesizer.rate
        with torch.no_grad():
            found = source.answers(source.features(WaveInput(waves=clips(waves, rate)))).argmax(dim=1)
        right += sum(source.class_names[index] == word for index, word in zip(found, WORDS))
    assert right >= least, f"{name} heard {right} of 40"


def test_the_front_of_the_keyword_network_is_torchaudio():
    transforms = pytest.importorskip("torchaudio.transforms")
    source = real("keyword_cnn")
    seen = []
    source.body.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    wave = torch.randn(2, 16000) * 0.1
    source(WaveInput(waves=wave))
    mel = transforms.MelSpectrogram(
        16000, n_fft=480, hop_length=160, n_mels=40, f_min=20, f_max=4000, norm="slaney", mel_scale="slaney"
    )(wave)
    from scipy.fft import dct

    expected = dct(torch.log(mel).numpy(), type=2, norm="ortho", axis=1).transpose(0, 2, 1)
    np.testing.assert_allclose(seen[0].numpy(), expected, atol=2e-3)


def test_cepstra_are_what_the_keyword_network_hears_and_nothing_more():
    pytest.importorskip("torchaudio")
    source = create(SOURCES, {"name": "mfcc", "n_samples": 4000}).load()
    assert source.parameter_count() == 0
    assert source.space.spectrum.frames == 26
    wave = torch.randn(2, 4000, generator=torch.Generator().manual_seed(0)) * 0.1
    heard = source.front(source.space.spectrum(wave))
    assert heard.shape == (2, 26, 40)
    features = source.features(WaveInput(waves=wave))
    assert torch.equal(features[:, :40], heard.mean(dim=1))  # the first of five statistics
    assert features.shape == (2, 200)
    network = real("keyword_cnn", feature_layers=3)
    clip = torch.randn(2, 16000, generator=torch.Generator().manual_seed(1)) * 0.1
    alone = create(SOURCES, {"name": "mfcc"}).load()
    below = network.features(WaveInput(waves=clip))[:, -200:]  # the shallowest of its depths comes last
    torch.testing.assert_close(alone.features(WaveInput(waves=clip)), below)


@pytest.mark.parametrize("section", [{"name": "identity", "width": 8}, {"name": "mfcc"}])
def test_what_a_control_drew_is_drawn_again_from_what_a_program_notes(section):
    """A saved program knows its source by checksum, and makes it again from `describe` and `seed`."""
    made = create(SOURCES, section).load(7)
    again = create(SOURCES, made.describe()).load(made.seed)
    assert again.identity == made.identity != create(SOURCES, section).load(8).identity


@pytest.mark.parametrize("family", ["ast", "whisper"])
def test_log_mels_are_those_of_the_preprocessor(family):
    from transformers import ASTFeatureExtractor, WhisperFeatureExtractor

    source = tiny_audio(family)
    rng = np.random.default_rng(0)
    wave = (0.1 * rng.standard_normal(source.space.samples)).astype(np.float32)
    if family == "ast":
        front = ASTFeatureExtractor(num_mel_bins=32, max_length=40)
        expected = front(wave, sampling_rate=16000, return_tensors="np")["input_values"][0]
    else:
        front = WhisperFeatureExtractor(feature_size=20, chunk_length=1)
        padded = np.pad(wave, (0, 16000 - len(wave)))
        expected = front(padded, sampling_rate=16000, return_tensors="np")["input_features"][0].T[:40]
    found = source.levels(torch.from_numpy(wave)[None])[0].numpy()
    kept = slice(0, 38)  # Whisper's last frames see the padding of its own longer clip
    np.testing.assert_allclose(found[kept], expected[kept], atol=2e-3)


def test_silence_is_heard_as_zero_not_as_nan():
    for name in ("keyword_cnn", "attention_rnn", "yamnet"):
        source = real(name)
        wave = torch.zeros(1, source.space.samples, requires_grad=True)
        features = source.features(WaveInput(waves=wave))
        features.square().sum().backward()
        assert bool(torch.isfinite(features).all())
        assert bool(torch.isfinite(wave.grad).all()), f"{name}: the gradient at silence"


def test_a_spoken_digit_is_heard(shared_data):
    soundfile = pytest.importorskip("soundfile")
    source = real("attention_rnn")
    files = sorted(Path(shared_data, "audio", "fsdd").glob("**/*_0.wav"))
    if not files:
        pytest.skip("no spoken digits here")
    digits = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
    read = [soundfile.read(path, dtype="float32") for path in files]
    with torch.no_grad():
        heard = source.answers(source.features(WaveInput(waves=clips([w for w, _ in read], read[0][1])))).argmax(dim=1)
    right = sum(source.class_names[i] == digits[int(path.name[0])] for i, path in zip(heard, files))
    assert right > 0.5 * len(files)


def test_yamnet_hears_speech():
    pytest.importorskip("espeakng_loader")
    from xmr.data.public.espeak import Synthesizer

    source = real("yamnet")
    with Synthesizer() as synthesizer:
        waves, rate = synthesizer.speak(["hello my name is"], "en-us"), synthesizer.rate
    wave = clips(waves, rate)[:, : source.space.samples]
    with torch.no_grad():
        loudest = source.answers(source.features(WaveInput(waves=wave)))[0].argmax()
    assert source.class_names[int(loudest)] == "Speech"


def test_depths_are_evenly_spaced_and_the_last_comes_first():
    assert layers_below(9, 1) == []  # nothing below the last
    assert layers_below(9, 3) == [4, 0]
    assert layers_below(2, 5) == [1, 0]
    assert layers_below(9, [3, -2, 7]) == [3, 7]  # by index, in their order, each once
    with pytest.raises(RecipeError, match=r"source\.feature_layers: found 9, -10; expected indices of the 9 hidden"):
        layers_below(9, [0, 9, -10])
    hidden = torch.tensor([[[1.0, 5], [3, 5]]])  # (B, T, D)
    torch.testing.assert_close(pool_statistics(hidden), torch.tensor([[2.0, 5, 1, 1e-5, 3, 5, 1, 5, 0.5, 0]]))
    skewed = torch.tensor([[[0.0], [0], [0], [8]]])  # mean 2, deviation sqrt(12)
    torch.testing.assert_close(pool_statistics(skewed), torch.tensor([[2.0, 12**0.5, 8, 0, 0.25]]))
    picture = hidden.transpose(1, 2)[..., None]  # (B, D, H, W)
    torch.testing.assert_close(pool_statistics(picture), pool_statistics(hidden))
    last = torch.zeros(1, 3)
    flat = 5.9 + 1e-6 * torch.randn(1, 50, 3)  # as a flat map comes out of a convolution
    assert pool_statistics(flat)[0, -3:].tolist() == [0, 0, 0]
    assert concat_layers(last, [hidden, hidden], 2).shape == (1, 3 + 10)


def test_several_depths_answer_as_before():
    waves = torch.randn(3, 400)
    plain, deep = tiny_audio("tones"), tiny_audio("tones", feature_layers=3)
    with torch.no_grad():
        expected = plain.answers(plain.features(WaveInput(waves=waves)))
        found = deep.answers(deep.features(WaveInput(waves=waves)))
    torch.testing.assert_close(found, expected)
    assert deep.hidden_width > plain.hidden_width


def test_a_model_that_is_not_here_says_what_to_pass():
    assert os.environ["HF_HUB_OFFLINE"]
    with pytest.raises(SourceUnavailableError, match="folder"):
        create(SOURCES, {"name": "hf_audio", "model": "nobody/nothing"}).load()
