"""Each baseline gives, to the last digit, what a user's own script with the same library gives."""

import numpy as np
import pytest
from scipy.special import softmax
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import LogisticRegression, RidgeClassifierCV, RidgeCV
from sklearn.metrics.pairwise import rbf_kernel
from sklearn.model_selection import GridSearchCV, KFold, StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import KernelCenterer, MaxAbsScaler, StandardScaler
from sklearn.svm import SVC, SVR

from tests.baselines.test_baselines import baseline_input, image_parts, protein_parts, run_baseline, table_parts
from tests.baselines.test_series import parts
from tests.tiny import tiny_model, tiny_source
from xmr.baselines.hog import gradients
from xmr.baselines.series import series_of
from xmr.data.records import Records
from xmr.data.smiles import smiles_tokens
from xmr.encoders.audio import AudioEncoder
from xmr.encoders.molecule import MoleculeEncoder
from xmr.encoders.protein import ProteinEncoder
from xmr.encoders.series import SeriesEncoder
from xmr.transforms.vocabulary import FreeEmbedding


def molecules(task):
    """The input of a baseline, and texts and targets as a user has them."""
    encoder = MoleculeEncoder()
    encoder.configure(64)
    data, _ = baseline_input(
        encoder, encoder.example(160, 0, task), task, tiny_source(), FreeEmbedding(), encoder="molecule"
    )
    return data, data.texts["train"] + data.texts["validation"], data.texts["test"], learned_targets(data)


C, MARGINS = [0.01, 0.1, 1, 10, 100], [0.1, 1, 10, 100]
FIVE, FIVE_OF_NUMBERS = StratifiedKFold(5, shuffle=True, random_state=0), KFold(5, shuffle=True, random_state=0)


def learned_targets(data):
    return np.concatenate([data.targets["train"], data.targets["validation"]])


def test_counts_of_tokens():
    data, train, test, target = molecules("classification")
    counts = CountVectorizer(analyzer=lambda text: runs(smiles_tokens(text)))
    model = make_pipeline(MaxAbsScaler(), LogisticRegression(max_iter=2000))
    chosen = GridSearchCV(model, {"logisticregression__C": C}, cv=FIVE, scoring="neg_log_loss")
    script = make_pipeline(counts, chosen).fit(train, target)
    np.testing.assert_allclose(run_baseline("token_logistic", data), script.predict_proba(test), rtol=1e-4, atol=1e-6)


def runs(tokens):
    return [" ".join(tokens[at : at + n]) for n in (1, 2, 3) for at in range(len(tokens) - n + 1)]


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_morgan_fingerprints(task):
    chem = pytest.importorskip("rdkit.Chem")
    from rdkit.Chem import rdFingerprintGenerator

    data, train, test, target = molecules(task)
    generator = rdFingerprintGenerator.GetMorganGenerator(radius=2, fpSize=2048)
    left, right = (
        np.array([generator.GetFingerprintAsNumPy(chem.MolFromSmiles(text)) for text in texts], np.float32)
        for texts in (train, test)
    )
    if task == "regression":
        script = RandomForestRegressor(500, random_state=0).fit(left, target[:, 0]).predict(right)[:, None]
        script = data.task.own_units(script)
    else:
        script = RandomForestClassifier(500, random_state=0).fit(left, target).predict_proba(right)
    np.testing.assert_array_equal(run_baseline("morgan_forest", data), script)


def cells(data):
    """Columns age, wage (with gaps), trade and town (with gaps) -> the two numbers, and all categories as 0 or 1."""

    def split(part):
        rows = [text.split("\x1f") for text in data.texts[part]]
        numbers = np.array([[float(age), float(wage or "nan")] for age, wage, *_ in rows])
        values = [(2, "baker"), (2, "clerk"), (2, "smith"), (3, "north"), (3, "south"), (3, "")]
        return numbers, np.array([[float(row[at] == value) for at, value in values] for row in rows])

    (first, left), (second, middle), (third, right) = map(split, ("train", "validation", "test"))
    return np.concatenate([first, second]), np.concatenate([left, middle]), third, right


def standardized(numbers, others):
    """Gaps as the mean of their column, and a column that says so, standardized with the training part's numbers."""
    mean = np.nanmean(numbers, axis=0)
    both = [np.column_stack([np.where(np.isnan(x), mean, x), np.isnan(x[:, 1])]) for x in (numbers, others)]
    scaler = StandardScaler().fit(both[0])
    return [scaler.transform(x) for x in both]


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_linear_models_of_tables(task):
    data, _ = table_parts(task)
    numbers, categories, others, more = cells(data)
    left, right = standardized(numbers, others)
    left, right = np.hstack([left, categories]), np.hstack([right, more])
    target = learned_targets(data)
    if task == "regression":
        values = RidgeCV(np.logspace(-3, 4, 15)).fit(left, target[:, 0]).predict(right)[:, None]
        np.testing.assert_allclose(run_baseline("logistic", data), data.task.own_units(values), rtol=1e-9)
        search = GridSearchCV(make_pipeline(StandardScaler(), SVR()), {"svr__C": MARGINS}, cv=FIVE_OF_NUMBERS)
        values = search.fit(left, target[:, 0]).predict(right)[:, None]
        np.testing.assert_allclose(run_baseline("rbf_svm", data), data.task.own_units(values), rtol=1e-9)
        return
    search = GridSearchCV(LogisticRegression(max_iter=2000), {"C": C}, cv=FIVE, scoring="neg_log_loss")
    script = search.fit(left, target).predict_proba(right)
    np.testing.assert_allclose(run_baseline("logistic", data), script, rtol=1e-2, atol=1e-4)
    search = GridSearchCV(make_pipeline(StandardScaler(), SVC()), {"svc__C": MARGINS}, cv=FIVE).fit(left, target)
    values = search.decision_function(right)
    script = softmax(np.stack([-values, values], axis=1), axis=1)
    np.testing.assert_allclose(run_baseline("rbf_svm", data), script, rtol=1e-9)


def ids(hot):
    """Numbers of the trade, and of the town where it is known."""
    return np.column_stack([hot[:, :3].argmax(axis=1), np.where(hot[:, 5] == 1, np.nan, hot[:, 3:5].argmax(axis=1))])


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_trees_on_tables(task):
    data, _ = table_parts(task)
    numbers, categories, others, more = cells(data)
    left, right = np.hstack([numbers, ids(categories)]), np.hstack([others, ids(more)])
    target = learned_targets(data)
    kinds = {
        "classification": (RandomForestClassifier, HistGradientBoostingClassifier),
        "regression": (RandomForestRegressor, HistGradientBoostingRegressor),
    }[task]
    scripts = {
        "random_forest": kinds[0](500, random_state=0),
        "hist_gradient_boosting": kinds[1](
            categorical_features=[2, 3], min_samples_leaf=len(left) // 16, random_state=0
        ),
    }
    for name, script in scripts.items():
        if task == "regression":
            values = data.task.own_units(script.fit(left, target[:, 0]).predict(right)[:, None])
        else:
            values = script.fit(left, target).predict_proba(right)
        np.testing.assert_array_equal(run_baseline(name, data), values)


def margins(values):
    """Decision values of two classes as probabilities."""
    return softmax(np.stack([-values, values], axis=1), axis=1)


def series():
    encoder = SeriesEncoder()
    data, _ = parts(encoder, encoder.example(90, 0))
    whole = series_of(data)
    return data, np.concatenate([whole["train"], whole["validation"]]), whole["test"], learned_targets(data)


def test_minirocket_gives_decision_values():
    convolution = pytest.importorskip("aeon.transformations.collection.convolution_based")
    data, train, test, target = series()
    ridge = RidgeClassifierCV(alphas=np.logspace(-3, 3, 10))
    script = make_pipeline(convolution.MiniRocket(random_state=0), StandardScaler(with_mean=False), ridge)
    values = script.fit(train, target).decision_function(test)
    found = run_baseline("minirocket", data)
    np.testing.assert_allclose(found, margins(values), rtol=1e-9)
    assert len(np.unique(found[:, 1])) > 20, "hard labels"


def test_multirocket_hydra_is_aeons_and_gives_decision_values():
    convolution = pytest.importorskip("aeon.classification.convolution_based")
    data, train, test, target = series()
    script = convolution.MultiRocketHydraClassifier(random_state=0, n_jobs=1).fit(train, target)
    found = run_baseline("multirocket_hydra", data)
    assert found.argmax(axis=1).tolist() == script.predict(test).tolist()
    assert len(np.unique(found[:, 1])) > 20, "hard labels"


def test_the_nearest_neighbor_by_dtw():
    aeon = pytest.importorskip("aeon")
    from aeon.classification.distance_based import KNeighborsTimeSeriesClassifier
    from aeon.distances import dtw_distance

    assert aeon
    data, train, test, target = series()
    found = run_baseline("dtw_1nn", data)
    script = KNeighborsTimeSeriesClassifier(distance="dtw", n_neighbors=1).fit(train, target)
    assert found.argmax(axis=1).tolist() == script.predict(test).tolist()
    apart = np.array([dtw_distance(test[0], row) for row in train])
    nearest = np.array([apart[target == label].min() for label in (0, 1)])
    np.testing.assert_allclose(found[0], (1 / nearest) / (1 / nearest).sum(), rtol=1e-9)


def test_mfccs_of_four_quarters():
    transforms = pytest.importorskip("torchaudio.transforms")
    encoder = AudioEncoder(rate=8000, seconds=0.5)
    encoder.configure(rate=8000)
    data, _ = parts(encoder, encoder.example(90, 0))
    front = transforms.MFCC(8000, 20, melkwargs={"n_fft": 256, "hop_length": 128, "n_mels": 40})

    def features(part):
        rows = []
        for wave in data.sets[part].values[:, 0]:
            mfcc = front(wave)
            delta = mfcc[:, 1:] - mfcc[:, :-1]
            row = []
            for kind in (mfcc, delta):
                for quarter in np.array_split(kind.numpy(), 4, axis=1):
                    row += [quarter.mean(axis=1), quarter.std(axis=1)]
            rows.append(np.concatenate(row))
        return np.array(rows)

    left, right = np.concatenate([features("train"), features("validation")]), features("test")
    script = GridSearchCV(make_pipeline(StandardScaler(), SVC()), {"svc__C": MARGINS}, cv=FIVE)
    values = script.fit(left, learned_targets(data)).decision_function(right)
    np.testing.assert_allclose(run_baseline("mfcc_svm", data), margins(values), rtol=1e-3, atol=1e-4)


def as_rows(images):
    return images.reshape(len(images), -1).astype(np.float32) / 255


def test_histograms_of_oriented_gradients():
    """The numbers are those of scikit-image 0.26: hog(picture, 9, (2, 2), (2, 2)), L2-Hys."""
    picture = (np.arange(64.0).reshape(8, 8) ** 2 % 97)[None, ..., None]
    found = gradients(picture)
    assert found.shape == (1, 324)
    expected = [0.02614568, 0, 0, 0, 0.32343407, 0, 0.32343407, 0, 0]
    np.testing.assert_allclose(found[0, :9], expected, atol=1e-6)


@pytest.mark.parametrize(
    ("name", "numbers", "scaler"), [("hog_svm", gradients, StandardScaler()), ("pixel_svm", as_rows, "passthrough")]
)
def test_support_vector_machines_on_images(name, numbers, scaler):
    data, _ = image_parts("classification")
    left = numbers(np.concatenate([data.sets[part].values for part in ("train", "validation")]))
    script = GridSearchCV(make_pipeline(scaler, SVC()), {"svc__C": MARGINS}, cv=FIVE)
    values = script.fit(left, learned_targets(data)).decision_function(numbers(np.asarray(data.sets["test"].values)))
    values = margins(values) if values.ndim == 1 else softmax(values, axis=1)
    np.testing.assert_allclose(run_baseline(name, data), values, rtol=1e-6)


def fitted(kernel, truth, unseen, strength):
    """scikit-learn's kernel ridge with an intercept: kernel and truth centered by the records that it learns."""
    center = KernelCenterer().fit(kernel)
    mean = truth.mean(axis=0)
    model = KernelRidge(alpha=strength, kernel="precomputed").fit(center.transform(kernel), truth - mean)
    return model.predict(center.transform(unseen)) + mean


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_kernel_ridge_on_letters(task):
    """scikit-learn's KernelRidge, its settings by a loop over records that are left out one at a time."""
    encoder = ProteinEncoder(aligned=True)
    encoder.configure(64)
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 5, size=(70, 4))
    texts = ["MK" + "".join("ACDEF"[code] for code in row) + "G" for row in codes]
    values = codes @ [1.0, 0.5, -0.5, 0.2] + rng.normal(size=70)
    labels = values.astype(str) if task == "regression" else np.where(values > 2, "yes", "no")
    records = Records.of(texts, {"label": labels.tolist()})
    data, _ = baseline_input(encoder, records, task, tiny_source(), FreeEmbedding(), test=20, gap=10)
    train, test = data.texts["train"] + data.texts["validation"], data.texts["test"]
    letters = sorted(set("".join(train)))
    left, right = (
        np.array([[float(text[at] == letter) for at in range(7) for letter in letters] for text in texts])
        for texts in (train, test)
    )
    kept = left.any(axis=0) & ~left.all(axis=0)
    left, right = left[:, kept], right[:, kept]
    target = learned_targets(data)
    truth = target.astype(float) if task == "regression" else np.eye(2)[target] * 2 - 1
    apart = ((left[:, None] - left[None]) ** 2).sum(axis=2)
    middle = np.median(apart[~np.eye(len(apart), dtype=bool)])
    best = np.inf
    for width in (0.25, 0.5, 1, 2):
        kernel = np.exp(-width / middle * apart)
        strengths = np.logspace(-5, 2, 22) * np.trace(KernelCenterer().fit_transform(kernel)) / len(left)
        for strength in strengths:
            others = [
                fitted(kernel[np.ix_(kept, kept)], truth[kept], kernel[at : at + 1, kept], strength)
                for at in range(len(left))
                if (kept := np.delete(np.arange(len(left)), at)).size
            ]
            error = np.mean((np.concatenate(others) - truth) ** 2)
            if error < best - 1e-12:
                best, chosen = error, (width, strength)
    kernel, unseen = (rbf_kernel(x, left, gamma=chosen[0] / middle) for x in (left, right))
    values = fitted(kernel, truth, unseen, chosen[1])
    values = data.task.own_units(values) if task == "regression" else softmax(values, axis=1)
    np.testing.assert_allclose(run_baseline("onehot_kernel", data), values, rtol=1e-5)


def test_blosum_rows():
    from xmr.baselines.kernels import blosum_rows

    left, right = blosum_rows(["AWC", "AWD"], ["AWX", "CW"])
    assert left.shape == (2, 20)  # the third position alone varies
    assert left[0, :3].tolist() == [0, 9, -3]  # C against A, C and D in BLOSUM62
    assert not right.any(), "X, and what is behind the end"


def test_a_protein_language_model(tmp_path, monkeypatch):
    """The mean of transformers' hidden states, without special tokens."""
    import torch
    from transformers import AutoModel

    words = ["<cls>", "<pad>", "<eos>", "<unk>", *"LAGVSERTIDPKQNFYMHWCXBUZO.-", "<null_1>", "<mask>"]
    tiny_model("esm").save_pretrained(tmp_path / "esm")
    (tmp_path / "esm" / "vocab.txt").write_text("\n".join(words))
    (tmp_path / "esm" / "tokenizer_config.json").write_text('{"tokenizer_class": "EsmTokenizer"}')
    monkeypatch.setenv("XMR_PROTEIN_LM", str(tmp_path / "esm"))
    data, _ = protein_parts("classification")
    model = AutoModel.from_pretrained(tmp_path / "esm").eval()

    def features(texts):
        rows = []
        for text in texts:
            ids = torch.tensor([[0, *(words.index(letter) for letter in text), 2]])
            with torch.no_grad():
                rows.append(model(ids).last_hidden_state[0, 1:-1].mean(dim=0).numpy())
        return np.array(rows)

    left, right = features(data.texts["train"] + data.texts["validation"]), features(data.texts["test"])
    chosen = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000))
    search = GridSearchCV(chosen, {"logisticregression__C": C}, cv=FIVE, scoring="neg_log_loss")
    script = search.fit(left, learned_targets(data)).predict_proba(right)
    np.testing.assert_allclose(run_baseline("protein_lm", data), script, rtol=1e-2, atol=1e-3)


def test_dlinear_is_two_linear_maps():
    """The moving average is of 25 steps with the ends repeated; trend and season of a window are learned."""
    import torch

    from xmr.baselines.time_series import DLinear
    from xmr.core.kinds import SignalBatch

    model = DLinear(40, 3)
    window = torch.arange(40.0) ** 2
    padded = torch.cat([window[:1].repeat(12), window, window[-1:].repeat(12)])
    average = torch.stack([padded[at : at + 25].mean() for at in range(40)])
    with torch.no_grad():
        expected = model.trend(average) + model.rest(window - average)
        found = model(SignalBatch(window[None, None], torch.ones(1, 40, dtype=torch.bool), True))
    torch.testing.assert_close(found[0], expected)
