"""Nothing is drawn from global generators: fits in threads are serial fits, and the caller's generators stay put."""

from __future__ import annotations

import ast
import copy
import pickle
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from joblib import Parallel, delayed
from torch import nn

from tests.baselines.test_baselines import image_parts, protein_parts
from tests.global_states import left_alone, states
from tests.tiny import KINDS, VISION_KINDS, tiny_model, tiny_vision_model
from xmr.baselines.registry import run_baseline
from xmr.core.generators import Dropout, Generators, share_generators
from xmr.core.global_generators import numpy_state_kept, use_generators
from xmr.estimators import ProgramClassifier
from xmr.program import Program
from xmr.sources.hf_text import MiniLM

ROOT = Path(__file__).parents[2]
SMALL = ("source={name: identity, width: 8, vocabulary: 32}", "ensemble=2", "training.epochs=2", "training.min_steps=0")
DROPPED = (*SMALL, "output={name: linear, dropout: 0.3}")


def table(n=40):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, 4))
    return X, (X[:, 0] + 0.3 * rng.normal(size=n) > 0).astype(int)


def peptides(n=24):
    return ["ACDKKKRKL" * 2 + "A" * (i % 3) if i % 2 else "GGSTTSGGE" * 2 for i in range(n)], np.arange(n) % 2


def series(n=20):
    rng = np.random.default_rng(0)
    return rng.normal(size=(n, 40)) + (np.arange(n) % 2)[:, None] * np.sin(np.arange(40)), np.arange(n) % 2


def pictures(n=24):
    values = np.random.default_rng(0).random((n, 8, 8)).astype(np.float32)
    values[::2, :4] = 1
    return values, np.arange(n) % 2


FITS = {
    "table": ("table/custom", DROPPED, table),
    "sequences": ("protein/amp_200", (*DROPPED, "encoder.substitution_rate=0.1"), peptides),
    "words": ("protein/amp_200", (*SMALL, "transform={name: token_remap, channels: 8}"), peptides),
    "series": ("series/ucr", (*SMALL, "transform={name: patch_dictionary, front: 2, prototypes: 8, heads: 2}"), series),
    "pictures": ("image/digits_minilm", (*SMALL, "encoder.crop=0.1", "encoder.flip=true"), pictures),
}


def answers(name, seed=0, more=()):
    recipe, overrides, data = FITS[name]
    X, y = data()
    return ProgramClassifier(recipe, [*overrides, *more], seed).fit(X, y).predict_proba(X)


def test_fits_in_threads_are_serial_fits_bit_for_bit():
    serial = [answers("table", seed) for seed in range(4)]
    for _ in range(3):
        with ThreadPoolExecutor(4) as pool:
            np.testing.assert_array_equal(serial, list(pool.map(answers, ["table"] * 4, range(4))))
    threaded = Parallel(n_jobs=4, backend="threading")(delayed(answers)("table", seed) for seed in range(4))
    np.testing.assert_array_equal(serial, threaded)


def test_fits_of_every_kind_beside_each_other_are_serial_fits_bit_for_bit():
    """Dropout of heads and attention, Gumbel noise, varied residues and pictures."""
    serial = [answers(name) for name in FITS]
    with ThreadPoolExecutor(len(FITS)) as pool:
        for name, one, other in zip(FITS, serial, pool.map(answers, FITS)):
            np.testing.assert_array_equal(one, other, err_msg=name)


def test_a_fit_does_not_hear_what_others_draw():
    """While a thread of the caller's draws from every global generator, without pause."""
    serial, done = answers("sequences"), threading.Event()

    def draw():
        while not done.is_set():
            torch.rand(3), np.random.rand(3), torch.manual_seed(3)  # noqa: NPY002

    with ThreadPoolExecutor(1) as pool:
        pool.submit(draw)
        try:
            np.testing.assert_array_equal(answers("sequences"), serial)
        finally:
            done.set()


@pytest.mark.parametrize("name", FITS)
def test_fit_and_predict_leave_the_callers_generators_alone(name, tmp_path):
    recipe, overrides, data = FITS[name]
    X, y = data()
    with left_alone():
        model = ProgramClassifier(recipe, overrides).fit(X, y)
        model.save(tmp_path / "program")
        pickle.loads(pickle.dumps(model)).predict(X)
        Program.load(tmp_path / "program")


@pytest.mark.parametrize("weights", ["random", "pretrained"])
def test_sources_leave_the_callers_generators_alone(weights):
    with left_alone():
        MiniLM(layers=1, weights=weights).load(3)


@pytest.mark.parametrize(("make", "names"), [(protein_parts, ["cnn", "fine_tuning"]), (image_parts, ["cnn", "lora"])])
def test_baselines_in_threads_are_serial_ones_bit_for_bit(make, names, monkeypatch):
    monkeypatch.setattr("xmr.baselines.fine_tuning.STEPS", 4)
    monkeypatch.setattr("xmr.baselines.fine_tuning.EPOCHS", 1)
    monkeypatch.setattr("xmr.baselines.cnn.EPOCHS", 1)
    data, _ = make("classification", 80)
    with left_alone():
        serial = [run_baseline(name, data) for name in names]
        with ThreadPoolExecutor(2) as pool:
            for name, one, other in zip(names, serial, pool.map(run_baseline, names, [data] * len(names))):
                np.testing.assert_array_equal(one, other, err_msg=name)


def test_numpys_state_is_kept_also_when_a_block_fails():
    before = states()
    with suppress(ZeroDivisionError), numpy_state_kept():
        np.random.seed(3)  # noqa: NPY002
        raise ZeroDivisionError
    assert states() == before


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("shape", [(3,), (7, 33), (64, 256)])
def test_dropout_is_torchs_own_bit_for_bit(dtype, shape):
    values = torch.randn(shape, generator=torch.Generator().manual_seed(1)).to(dtype).requires_grad_()
    dropout = Dropout(0.3)
    share_generators(Generators(5), nn.ModuleList([nn.ReLU(), dropout]))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        expected = F.dropout(values, 0.3)
    found = dropout(values)
    assert torch.equal(found, expected)
    gradients = [torch.autograd.grad(x.float().square().sum(), values)[0] for x in (found, expected)]
    assert torch.equal(*gradients)
    assert dropout.eval()(values) is values
    assert Dropout(0.0)(values) is values


def test_copies_of_what_draws_draw_the_same():
    dropout = Dropout(0.5)
    dropout(torch.ones(10))
    for again in (copy.deepcopy(dropout), pickle.loads(pickle.dumps(dropout))):
        assert torch.equal(again(torch.ones(10)), copy.deepcopy(dropout)(torch.ones(10)))


def test_every_operator_that_draws_is_redirected():
    """The same numbers as torch's global generator so seeded, whatever is asked for."""
    x, ones = torch.zeros(3), torch.ones(1, 1, 3, 4)

    def drawn():
        return [
            torch.rand(3), torch.randn(2), torch.randint(5, (3,)), torch.randint(2, 9, (4,)), torch.randperm(5),
            torch.rand_like(x), torch.randn_like(x), torch.randint_like(x, 4), torch.randint_like(x, 2, 9),
            torch.multinomial(torch.ones(5), 2), torch.bernoulli(torch.full((3,), 0.5)), torch.normal(x, 1.0),
            torch.normal(0.0, 1.0, (2,)), torch.poisson(torch.ones(2)), torch.zeros(2).exponential_(),
            torch.zeros(2).uniform_(), torch.zeros(2).random_(), torch.zeros(2).geometric_(0.5),
            F.dropout(torch.ones(8), 0.5), F.alpha_dropout(torch.ones(8), 0.5, True), F.gumbel_softmax(x),
            F.rrelu(-torch.ones(3), training=True), F.scaled_dot_product_attention(ones, ones, ones, dropout_p=0.5),
            nn.LSTM(4, 5, 2, dropout=0.5)(torch.ones(2, 3, 4))[0],
            nn.MultiheadAttention(8, 2, 0.5)(*[torch.ones(3, 8)] * 3)[0],
        ]  # fmt: skip

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(4)
        expected = drawn()
    with left_alone(), use_generators(Generators(4)):
        found = drawn()
        with torch.device("meta"):
            nn.Linear(3, 4)
    for one, other in zip(found, expected, strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize("kind", [*KINDS, *VISION_KINDS])
def test_models_of_transformers_are_made_from_a_seed_alone(kind, monkeypatch):
    monkeypatch.setattr(torch, "manual_seed", lambda seed: None)  # the fixtures' own
    make = tiny_model if kind in KINDS else tiny_vision_model
    made = []
    for _ in range(2):
        with left_alone(), use_generators(Generators(7)):
            made.append(make(kind).state_dict())
    assert all(torch.equal(made[0][name], made[1][name]) for name in made[0])


def test_first_fits_of_a_process_may_be_in_threads():
    """accelerate's state and transformers' modules are made by whichever thread comes first."""
    code = (
        "import random\n"
        "from concurrent.futures import ThreadPoolExecutor\n"
        "import numpy as np\n"
        "from xmr.estimators import ProgramClassifier\n"
        "X = np.random.default_rng(0).normal(size=(20, 3)); y = X[:, 0] > 0\n"
        "some = ['source={name: minilm, layers: 1}', 'ensemble=1', 'training.epochs=1', 'training.min_steps=0']\n"
        "fit = lambda seed: ProgramClassifier('table/custom', some).fit(X, y).predict_proba(X)\n"
        "before = random.getstate()\n"
        "found = list(ThreadPoolExecutor(4).map(fit, range(4)))\n"
        "assert all(np.array_equal(found[0], one) for one in found)\n"
        "assert random.getstate() == before\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr


# Calls that draw from a global generator, or move one; and layers that draw when they are made.
GLOBAL = {
    "torch": {
        "manual_seed", "seed", "rand", "randn", "randint", "randperm", "rand_like", "randn_like", "randint_like",
        "normal", "bernoulli", "multinomial", "poisson", "dropout", "set_rng_state",
    },
    "functional": {"dropout", "dropout1d", "dropout2d", "dropout3d", "alpha_dropout", "gumbel_softmax", "rrelu"},
    "init": None,
    "random": None,  # the module, numpy's and torch's
    "nn": {
        "Dropout", "Dropout1d", "Dropout2d", "Dropout3d", "AlphaDropout", "RReLU", "Linear", "Conv1d", "Conv2d",
        "Conv3d", "ConvTranspose1d", "ConvTranspose2d", "Embedding", "Bilinear", "LSTM", "GRU", "MultiheadAttention",
    },
    "cuda": {"manual_seed", "manual_seed_all"},
}  # fmt: skip
IN_PLACE = {"normal_", "uniform_", "bernoulli_", "exponential_", "random_", "cauchy_", "geometric_", "log_normal_"}
OF_ONES_OWN = {"default_rng", "Generator", "SeedSequence", "PCG64", "get_state"}  # the last one only reads
DOOR = "core/global_generators.py"
UNDER_THE_DOOR = {  # networks made, and trained, inside `use_generators` or `random_init`
    "baselines/cnn.py", "baselines/series.py", "baselines/time_series.py", "baselines/fine_tuning.py",
    "sources/resnet20.py", "sources/keywords.py", "sources/efficientnet.py", "sources/speech_embedding.py",
    "testing/stand_ins.py",
}  # fmt: skip


def calls_without_generator(path):
    """Line numbers and calls of a file that draw without a generator."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import | ast.ImportFrom):
            named = [alias.name for alias in node.names] + [getattr(node, "module", "") or ""]
            if "random" in named or "torch.random" in named or "torch.nn.init" in named or "numpy.random" in named:
                yield node.lineno, "import random"
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        if any(keyword.arg == "generator" for keyword in node.keywords) or node.func.attr in OF_ONES_OWN:
            continue
        owner = node.func.value
        last = owner.attr if isinstance(owner, ast.Attribute) else owner.id if isinstance(owner, ast.Name) else ""
        last = {"F": "functional"}.get(last, last)
        forbidden = GLOBAL.get(last, set())
        if forbidden is None or node.func.attr in forbidden or node.func.attr in IN_PLACE:
            yield node.lineno, ast.unparse(node.func)


def test_nothing_but_the_door_draws_from_a_global_generator():
    found = []
    for path in sorted((ROOT / "xmr").rglob("*.py")):
        name = str(path.relative_to(ROOT / "xmr"))
        for line, call in calls_without_generator(path):
            layer = call.startswith("nn.") and name in UNDER_THE_DOOR
            if name != DOOR and not layer:
                found.append(f"{name}:{line}: {call}")
    assert not found, "use a generator (xmr/core/generators.py), or torch.nn.utils.skip_init: " + "; ".join(found)


def test_the_reader_of_the_sources_sees_what_it_should(tmp_path):
    calls = [
        "torch.manual_seed(3)", "torch.rand(3)", "np.random.rand(3)", "random.random()", "F.dropout(x)",
        "nn.functional.dropout(x)", "nn.init.normal_(x)", "nn.Dropout(0.1)", "nn.Linear(3, 4)", "x.normal_()",
        "torch.random.fork_rng()", "import random", "from numpy.random import rand",
    ]  # fmt: skip
    fine = [
        "torch.rand(3, generator=g)",
        "np.random.default_rng(0)",
        "x.normal_(generator=g)",
        "torch.randn",
        "rng.random()",
    ]
    for call in [*calls, *fine]:
        (tmp_path / "x.py").write_text(call)
        assert bool(list(calls_without_generator(tmp_path / "x.py"))) == (call in calls), call
