"""Each baseline gives, to the last digit, what a user's own script with the same library gives."""

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MaxAbsScaler

from tests.baselines.test_baselines import baseline_input, run_baseline
from tests.tiny import tiny_source
from xmr.data.smiles import smiles_tokens
from xmr.encoders.molecule import MoleculeEncoder
from xmr.transforms.vocabulary import FreeEmbedding


def molecules(task):
    """The input of a baseline, and texts and targets as a user has them."""
    encoder = MoleculeEncoder()
    encoder.configure(64)
    data, _ = baseline_input(
        encoder, encoder.example(160, 0, task), task, tiny_source(), FreeEmbedding(), encoder="molecule"
    )
    return data, data.texts["train"] + data.texts["validation"], data.texts["test"], learned_targets(data)


def learned_targets(data):
    return np.concatenate([data.targets["train"], data.targets["validation"]])


def test_counts_of_tokens():
    data, train, test, target = molecules("classification")
    counts = CountVectorizer(analyzer=lambda text: runs(smiles_tokens(text)))
    script = make_pipeline(counts, MaxAbsScaler(), LogisticRegression(max_iter=2000)).fit(train, target)
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
        script = data.description.own_units(script)
    else:
        script = RandomForestClassifier(500, random_state=0).fit(left, target).predict_proba(right)
    np.testing.assert_array_equal(run_baseline("morgan_forest", data), script)
