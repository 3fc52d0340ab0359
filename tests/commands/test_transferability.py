import numpy as np
import pytest
from scipy.stats import multivariate_normal, wasserstein_distance
from sklearn.linear_model import RidgeClassifier
from sklearn.model_selection import StratifiedKFold, cross_val_score

from xmr.commands.scan.transferability import h_score, jackknife, leep, log_me, probe, sliced_wasserstein


@pytest.mark.parametrize(("n", "width"), [(30, 3), (12, 20)])
def test_log_me_is_the_largest_evidence(n, width):
    rng = np.random.default_rng(0)
    features = rng.normal(size=(n, width))
    target = features @ rng.normal(size=width) + 0.3 * rng.normal(size=n)

    def evidence(alpha, beta):
        covariance = np.eye(n) / beta + features @ features.T / alpha
        return multivariate_normal(np.zeros(n), covariance).logpdf(target) / n

    best = max(evidence(a, b) for a in np.logspace(-2, 2, 60) for b in np.logspace(-1, 3, 60))
    assert log_me(features, target[:, None]) == pytest.approx(best, abs=5e-3)


def test_log_me_of_classes_is_the_mean_over_columns():
    rng = np.random.default_rng(1)
    features, label = rng.normal(size=(40, 5)), rng.integers(0, 3, 40)
    columns = [log_me(features, (label == k).astype(float)[:, None]) for k in range(3)]
    assert log_me(features, label) == pytest.approx(np.mean(columns))


@pytest.mark.parametrize(("n", "width"), [(50, 4), (10, 25)])
def test_h_score_by_its_definition(n, width):
    rng = np.random.default_rng(2)
    features, label = rng.normal(size=(n, width)), np.arange(n) % 3
    features[:, 0] += label
    centered = features - features.mean(axis=0)
    covariance = centered.T @ centered / n
    shrunk = 0.9 * covariance + 0.1 * np.trace(covariance) / width * np.eye(width)
    means = np.stack([centered[label == k].mean(axis=0) for k in label])
    assert h_score(features, label) == pytest.approx(np.trace(np.linalg.inv(shrunk) @ (means.T @ means / n)))


def test_leep_by_its_definition():
    rng = np.random.default_rng(3)
    theta = rng.dirichlet(np.ones(4), size=25)
    label = np.arange(25) % 2
    joint = np.array([[theta[label == y, z].sum() / 25 for z in range(4)] for y in range(2)])
    given = joint / joint.sum(axis=0)
    wanted = np.mean([np.log(sum(given[label[i], z] * theta[i, z] for z in range(4))) for i in range(25)])
    assert leep(theta, label) == pytest.approx(wanted)
    assert leep(theta.astype(np.float32), label) == pytest.approx(wanted, rel=1e-5)
    assert leep(np.eye(3)[label], label) == pytest.approx(0)  # the third class of the source is never answered


def test_the_probe_answers_folds_it_did_not_see():
    rng = np.random.default_rng(4)
    label = np.arange(80) % 2
    features = rng.normal(size=(80, 6))
    features[:, 0] += 2 * label
    found = probe(features, np.where(label == 1, 7, 3)).mean()
    other = cross_val_score(RidgeClassifier(1.0), features, label, cv=StratifiedKFold(5)).mean()
    assert found == pytest.approx(other, abs=0.08)
    assert probe(rng.normal(size=(400, 3)), np.arange(400) % 2).mean() == pytest.approx(0.5, abs=0.1)
    few = probe(rng.normal(size=(7, 3)), np.array([0, 0, 0, 0, 0, 1, 1]))
    assert few.shape == (7,)


def test_the_probe_of_numbers_is_r2_of_unseen_folds():
    rng = np.random.default_rng(6)
    features = rng.normal(size=(100, 4))
    target = features @ rng.normal(size=(4, 1)) + 0.1 * rng.normal(size=(100, 1))
    assert probe(features, target).mean() > 0.95
    assert probe(rng.normal(size=(100, 4)), target).mean() < 0.15


def test_better_features_score_higher():
    rng = np.random.default_rng(5)
    label = np.arange(120) % 3
    noise = rng.normal(size=(120, 8))
    good = noise + 2 * np.eye(8)[label]
    for score in (log_me, h_score, lambda f, y: probe(f, y).mean()):
        assert score(good, label) > score(noise, label)


def test_sliced_wasserstein_is_the_mean_over_directions():
    rng = np.random.default_rng(7)
    one, other = rng.normal(size=(13, 3)) + 1, rng.normal(size=(20, 3)) * 2
    mean, scale = other.mean(axis=0), other.std(axis=0)
    directions = np.random.default_rng(0).standard_normal((3, 50))
    directions /= np.linalg.norm(directions, axis=0)
    wanted = np.mean([wasserstein_distance((one - mean) / scale @ d, (other - mean) / scale @ d) for d in directions.T])
    assert sliced_wasserstein(one, other, slices=50) == pytest.approx(wanted)
    assert sliced_wasserstein(other, other[::-1]) == pytest.approx(0, abs=1e-12)
    line = np.linspace(0, 1, 11)[:, None]
    assert sliced_wasserstein(line + 3, line) == pytest.approx(3 / line.std())
    constant = np.concatenate([line, np.full((11, 1), 5.0)], axis=1)
    assert np.isfinite(sliced_wasserstein(constant + 1, constant))


def test_the_error_of_a_score_by_leaving_out_a_fifth():
    values = np.array([[0.0], [1], [3], [7], [4]])  # one a group: of a mean, the usual standard error
    assert jackknife(lambda f, y: float(f.mean()), values, values) == pytest.approx(values.std(ddof=1) / 5**0.5)
    rare = []
    jackknife(lambda f, y: rare.append(int((y == 1).sum())) or 1.0, np.zeros((400, 1)), np.repeat([0, 1], [395, 5]))
    assert rare == [4] * 5  # each class loses the same share
