"""Programs behind scikit-learn's and aeon's interfaces pass those projects' own checks, and carry real sources."""

import pickle
import signal
from unittest import SkipTest

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.datasets import load_wine
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import estimator_checks_generator

import xmr
from xmr.estimators import AutoClassifier, AutoRegressor, ProgramClassifier, ProgramFeatures, ProgramRegressor
from xmr.program import Program
from xmr.training.work import Work

SMALL = ("source={name: identity, width: 16}", "ensemble=1")
LOOSE = {"check_methods_subset_invariance": "answers are float32: 1e-7 is asked of values of 1e-2"}


QUICK = {"overrides": SMALL, "minutes": 1e-6}  # one program is tried


@pytest.mark.parametrize(
    "made",
    [
        ProgramClassifier(overrides=SMALL),
        ProgramRegressor(overrides=SMALL),
        ProgramFeatures(overrides=SMALL),
        pytest.param(AutoClassifier(**QUICK), marks=pytest.mark.slow),
        pytest.param(AutoRegressor(**QUICK), marks=pytest.mark.slow),
    ],
)
@pytest.mark.filterwarnings("ignore")
def test_scikit_learns_own_checks(made):
    ran = 0
    for estimator, check in estimator_checks_generator(made, mark="skip", legacy=True):
        if check.func.__name__ in LOOSE and isinstance(made, ProgramRegressor):
            continue
        try:
            check(estimator)
        except SkipTest:  # what needs settings of the environment
            continue
        ran += 1
    assert ran >= 45


@pytest.mark.filterwarnings("ignore")
def test_aeons_own_checks():
    from aeon.testing.estimator_checking import check_estimator

    from xmr.estimators.series import SeriesProgramClassifier

    found = check_estimator(SeriesProgramClassifier)
    assert len(found) > 15
    assert set(found.values()) == {"PASSED"}


def test_a_real_source_in_cross_validation():
    X, y = load_wine(return_X_y=True)
    model = ProgramClassifier(overrides=["source.layers=1", "ensemble=1", "training.epochs=1"])
    assert cross_val_score(model, X, y, cv=3).mean() > 0.9


def test_a_frame_with_words_and_gaps(tmp_path):
    rng = np.random.default_rng(0)
    kind = rng.choice(["a", "b"], 60)
    frame = pd.DataFrame({"kind": kind, "size": np.where(rng.random(60) < 0.2, np.nan, rng.normal(size=60))})
    label = np.where(kind == "a", "yes", "no")
    model = ProgramClassifier(overrides=SMALL).fit(frame, label)
    assert model.classes_.tolist() == ["no", "yes"]
    assert (model.predict(frame) == label).mean() > 0.9
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_allclose(again.predict_proba(frame), model.predict_proba(frame), atol=1e-6)
    model.save(tmp_path / "program")
    assert Program.load(tmp_path / "program").task.names == ("no", "yes")


def test_sequences_and_pictures():
    texts = ["ACDKKKRKL" * 2 + "A" * (i % 3) if i % 2 else "GGSTTSGGE" * 2 for i in range(30)]
    labels = np.arange(30) % 2
    overrides = [*SMALL, "training.epochs=5", "data.split.validation=0"]
    model = ProgramClassifier("protein/amp_200", overrides).fit(texts, labels)
    assert model.predict_proba(texts).shape == (30, 2)
    with pytest.raises(ValueError, match="expected texts"):
        model.predict([1, 2])
    pixels = np.random.default_rng(0).random((20, 8, 8)).astype(np.float32)
    pixels[::2, :4] = 1
    flat = ["source={name: identity, width: 16}", "data.split.validation=0", "training.epochs=2"]
    model = ProgramClassifier("image/digits_minilm", flat).fit(pixels, np.arange(20) % 2)
    assert model.predict(pixels).shape == (20,)


def test_a_program_without_a_source_is_loaded_again_whatever_its_seed(tmp_path):
    X = np.random.default_rng(0).normal(size=(30, 3))
    model = ProgramClassifier(overrides=SMALL, random_state=7).fit(X, X[:, 0] > 0)
    model.save(tmp_path)
    assert Program.load(tmp_path).source.identity == model.program_.source.identity


def test_probabilities_are_calibrated_where_the_recipe_asks(tmp_path):
    X = np.random.default_rng(0).normal(size=(60, 3))
    asked = (*SMALL, "training.calibration=validation", "data.split.validation=0.3")
    model = ProgramClassifier(overrides=asked).fit(X, X[:, 0] > 0)
    assert model.program_.task.temperature != 1
    model.save(tmp_path)
    np.testing.assert_allclose(Program.load(tmp_path).predict(X).values, model.program_.predict(X).values, atol=1e-6)
    assert Program.load(tmp_path).task == model.program_.task


def test_ctrl_c_is_pythons_own_as_a_fit_has_nothing_to_resume(monkeypatch):
    real = Work.step

    def step(self, *asked):
        signal.raise_signal(signal.SIGINT)
        return real(self, *asked)

    monkeypatch.setattr(Work, "step", step)
    X = np.random.default_rng(0).normal(size=(30, 3))
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        ProgramClassifier(overrides=SMALL).fit(X, X[:, 0] > 0)
    assert signal.getsignal(signal.SIGINT) is before


def test_wrong_labels_and_shapes():
    X = np.zeros((6, 2))
    with pytest.raises(ValueError, match="at least two classes"):
        ProgramClassifier(overrides=SMALL).fit(X, np.zeros(6))
    with pytest.raises(ValueError, match="NaN"):
        ProgramRegressor(overrides=SMALL).fit(X, np.full(6, np.nan))
    with pytest.raises(ValueError, match="expected \\(n, length\\)"):
        ProgramClassifier("series/ucr", [*SMALL, "transform={name: signal_patches}"]).fit(
            np.zeros((4, 2, 3, 5)), [0, 1, 0, 1]
        )


def test_fields_of_the_recipe_are_parameters():
    model = ProgramClassifier(overrides=SMALL).set_params(training__epochs=1, random_state=3, output__pool="cls")
    assert model.random_state == 3
    assert model.overrides == (*SMALL, "training.epochs=1", "output.pool=cls")
    assert model.get_params()["training__epochs"] == 1
    assert clone(model).set_params(training__epochs=np.int64(2)).get_params()["training__epochs"] == 2
    assert "training__epochs" not in ProgramClassifier().get_params()


def test_a_grid_search_over_fields_of_the_recipe():
    X, y = load_wine(return_X_y=True)
    model = ProgramClassifier(overrides=[*SMALL, "training.epochs=1"])
    found = GridSearchCV(model, {"output__pool": ["mean", "statistics"]}, cv=2)
    assert found.fit(X, y).best_params_["output__pool"] in ("mean", "statistics")


@pytest.mark.slow
def test_what_wins_predicts_and_is_pickled():
    X, y = load_wine(return_X_y=True)
    X, y = X[::2], np.array(["a", "b", "c"])[y[::2]]
    model = xmr.AutoClassifier(overrides=SMALL, minutes=2).fit(X, y)
    scores = {tried.name: tried.score for tried in model.result_.tried if tried.score is not None}
    assert model.result_.chosen in scores
    assert any(name.startswith("baseline") for name in scores)
    assert model.score(X, y) > 0.9
    model.members_ = ["logistic", *[each for each in model.members_ if not isinstance(each, str)]]
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_allclose(again.predict_proba(X[:9]), model.predict_proba(X[:9]), atol=1e-6)
    values = AutoRegressor(**QUICK).fit(X, X[:, 0]).predict(X)
    assert np.corrcoef(values, X[:, 0])[0, 1] > 0.9
    chosen_by = AutoClassifier(metric="balanced_accuracy", **QUICK).fit(X[::3], y[::3])
    assert chosen_by.result_.metric == "balanced_accuracy"


def test_frozen_features_for_any_head(tmp_path):
    texts = ["ACDKKKRKL" * 2 + "A" * (i % 3) if i % 2 else "GGSTTSGGE" * 2 for i in range(30)]
    labels = np.arange(30) % 2
    overrides = ["source={name: identity, width: 16}", "ensemble=2"]
    model = make_pipeline(ProgramFeatures("protein/custom", overrides), LogisticRegression()).fit(texts, labels)
    assert (model.predict(texts) == labels).all()
    features = clone(model[0]).fit(texts).transform(texts)
    assert features.shape == (30, 32)
    trained = ProgramClassifier("protein/custom", [*overrides, "training.epochs=1"]).fit(texts, labels)
    trained.save(tmp_path)
    found = ProgramFeatures(program=tmp_path).fit(texts).transform(texts)
    data = trained.program_.encoder.encode(trained.program_.records(texts))
    np.testing.assert_allclose(found[:, :16], trained.program_.features(data), atol=1e-6)
    assert not np.allclose(found, features)
