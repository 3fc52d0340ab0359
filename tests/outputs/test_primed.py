"""`xmr ask`, and a local source primed by the answers (AReS)."""

import numpy as np
import pytest
import torch

from tests.training.zeroth_order.test_runs import TestBox
from tests.training.zeroth_order.test_runs import recipe as recipe_of_a_box  # noqa: F401
from xmr.cli.app import execute
from xmr.commands.ask import ask
from xmr.commands.run import run
from xmr.core.registry import SOURCES
from xmr.errors import DataError, OutputError
from xmr.job import load_job
from xmr.outputs.primed import PrimedMapping
from xmr.program import Program

LOCAL = ["source={name: identity, width: 12}", "transform={name: patch_projection}", "training.subspace=null"]
LOCAL += ["training.optimizer=adamw"]


@pytest.fixture
def recipe(recipe_of_a_box):  # noqa: F811
    return recipe_of_a_box


def test_every_training_record_is_asked_about_once_and_an_interrupted_call_continues(recipe, tmp_path, monkeypatch):
    chosen, out, honest = recipe(), tmp_path / "a" / "answers.npz", TestBox.ask

    def fails(self, items):
        if len(self.asked) >= 10 and len(items) > 2:
            raise ConnectionError("gone")
        return honest(self, items)

    monkeypatch.setattr(SOURCES.get("test_box"), "ask", fails)
    with pytest.raises(ConnectionError):
        ask(chosen, out)
    assert len(TestBox.asked) == 10
    assert not out.exists()
    monkeypatch.setattr(SOURCES.get("test_box"), "ask", honest)
    said = []
    ask(chosen, out, log=said.append)
    assert len(TestBox.asked) == 20
    assert said[-1] == f"20 training records, 10 classes -> {out}"
    assert [path.name for path in out.parent.iterdir()] == ["answers.npz"]
    found, job = np.load(out), load_job(chosen)
    assert found["ids"].tolist() == job.records["train"].ids
    with torch.no_grad():
        expected = job.program.answers(job.sets["train"].data.batch(np.arange(20)))[0].features
    np.testing.assert_allclose(found["logp"], expected.numpy(), rtol=1e-3)
    with pytest.raises(OutputError, match="exists; expected another name, or --force"):
        ask(chosen, out)
    with pytest.raises(OutputError, match=r"ends in \.npz"):
        ask(chosen, tmp_path / "x.csv")


def test_a_local_source_is_primed_and_its_program_needs_no_answers(recipe, tmp_path):
    out = tmp_path / "answers.npz"
    ask(recipe(), out)
    chosen = recipe(*LOCAL, f"output={{name: primed_mapping, answers: {out}}}", "training.epochs=3")
    asked = len(TestBox.asked)
    result = run(chosen, tmp_path / "run", device="cpu")
    assert len(TestBox.asked) == asked, "the service is not asked again"
    out.unlink()
    program = Program.load(tmp_path / "run")
    assert program.outputs[0].head.shape == (10, 12)
    job = load_job(recipe(*LOCAL))
    again = program.predict_each(job.sets["test"].data).mean(0).numpy()
    assert job.task.metrics(again, job.sets["test"].target)["accuracy"] == result["test"]["accuracy"]


def test_a_head_imitates_answers():
    """Features that tell the answers: P gives each record the answer's probabilities, as Adam at 1e-3 allows."""
    rng = np.random.default_rng(0)
    features = torch.from_numpy(rng.normal(size=(640, 6))).float() * 3
    truth = torch.from_numpy(rng.normal(size=(6, 4))).float() / 6
    logp = torch.log_softmax(features @ truth, dim=1)
    output = PrimedMapping.__new__(PrimedMapping)
    PrimedMapping.__init__(output)
    from types import SimpleNamespace

    output.build(SimpleNamespace(hidden_width=6), 3, None, torch.Generator().manual_seed(0))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("xmr.outputs.primed._read", lambda path, ids: logp.exp())
        output.prime(features, [""] * 640)
    given = torch.log_softmax(features @ output.head.T + output.shift, dim=1)
    start = float((logp.exp() * (logp + np.log(4))).sum(1).mean())
    assert float((logp.exp() * (logp - given)).sum(1).mean()) < 0.02 * start, "the divergence that is left"


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"ids": ["a"], "logp": [[-1.0, -1.0]]}, "no answer for 20 of 20 training records, such as"),
        ({"ids": ["a"]}, r"other arrays than ids \(n\) and logp \(n, K\)"),
        ({"ids": None, "logp": 1}, "no log-probabilities of two classes"),
        (None, "no regular file"),
    ],
)
def test_answers_that_do_not_fit_are_refused(recipe, tmp_path, arrays, said):
    out = tmp_path / "answers.npz"
    if arrays is not None:
        ids = load_job(recipe()).records["train"].ids
        filled = {"ids": ids, "logp": np.zeros((20, 1))} if arrays["ids"] is None else arrays
        np.savez(out, **{name: np.array(values) for name, values in filled.items()})
    with pytest.raises(DataError, match=said):
        run(recipe(*LOCAL, f"output={{name: primed_mapping, answers: {out}}}"), tmp_path / "run", device="cpu")


def test_any_source_with_classes_can_be_asked(recipe, tmp_path, capfd):
    arguments = ["ask", str(tmp_path / "r.yaml"), *LOCAL, "output=ridge", "-o", str(tmp_path / "local.npz")]
    assert execute(arguments) == 0
    assert "20 training records" in capfd.readouterr().err
    assert np.load(tmp_path / "local.npz")["logp"].dtype == np.float16
