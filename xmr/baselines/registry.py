"""The baselines by name and case. A third party adds one by the entry-point group `xmr.baselines` or in a plugin:

`BASELINES.add(Baseline("nearest", "the nearest training record", where(emits="graph"), function))`
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from xmr.baselines.base import FUTURE, HIDDEN, PER_POSITION, Baseline, BaselineInput, Case, where
from xmr.core.registry import OpenList
from xmr.errors import RecipeError, one_of

if TYPE_CHECKING:
    import numpy as np


class BaselineRegistry(OpenList[Baseline]):
    """Baselines in the order of their registration; of one name, the first that suits a case is taken."""

    def named(self, name: str) -> list[Baseline]:
        """Every baseline called `name`, whatever it suits."""
        return [baseline for baseline in self if baseline.name == name]

    def is_control(self, name: str) -> bool:
        """Whether a baseline is a question about the source, no alternative to the program."""
        return any(baseline.is_control for baseline in self.named(name))

    def suiting(self, case: Case) -> dict[str, Baseline]:
        """Name -> baseline of all that suit a case."""
        found: dict[str, Baseline] = {}
        for baseline in self:
            if baseline.name not in found and baseline.suits(case):
                found[baseline.name] = baseline
        return found

    def find(self, name: str, case: Case, place: str = "baselines") -> Baseline:
        """The baseline `name` of a case. Raises RecipeError with those there are where none suits it."""
        suiting = self.suiting(case)
        if name not in suiting:
            raise RecipeError(one_of(place, name, suiting))
        return suiting[name]


def run_baseline(name: str, data: BaselineInput) -> np.ndarray:
    """Fit on train and validation, predict test: probabilities or values (n, K).

    Raises RecipeError for a name that does not suit the case and for values of another shape. The number of torch's
    threads stays as it was: numba, behind aeon's classifiers, sets that of OpenMP for the whole process, and a program
    trained after it would differ in its last bits from one trained alone.
    """
    import torch

    baseline, threads = BASELINES.find(name, data.case), torch.get_num_threads()
    try:
        with warnings.catch_warnings():  # scikit-learn's threads can leave Python without its filters
            values = baseline.predict(data)
    finally:
        torch.set_num_threads(threads)
    if values.ndim != 2 or values.shape[1] != data.task.outputs:
        expected = f"(records, {data.task.outputs})"
        raise RecipeError(f"baseline {name}: found values of shape {values.shape}; expected {expected}")
    return values


def _built_in(name: str, run: str, suits: Callable[[Case], bool], summary: str, **facts: Any) -> Baseline:
    return Baseline(name, summary, suits, f"xmr.baselines.{run}", **facts)


_SEQUENCE, _IMAGE = where(emits="symbols"), where(emits="image")
_SIGNAL, _TABLE = where(emits="signal"), where(emits="table")
_AUDIO = where(emits="signal", encoder="audio")
_POSITION, _FUTURE = where(emits="symbols", predicts=PER_POSITION), where(predicts=FUTURE)
_HIDDEN = where(emits="symbols", predicts=HIDDEN)
_PROTEIN = where(emits="symbols", encoder="protein")
_MOLECULE = where(emits="symbols", encoder="molecule")
_TRAINABLE = where(space=("token", "pixel"))
_COMPARED = {"in_compare": True}
_SOURCE = {"uses_source": True, "in_compare": True}
_NETWORK = {"is_network": True}

BASELINES = BaselineRegistry(
    "xmr.baselines",
    [
        _built_in("majority", "estimators:majority", where(), "class frequencies, or the mean"),
        _built_in("majority", "positions:majority", _POSITION, "class frequencies, or the mean"),
        _built_in("majority", "positions:majority", _HIDDEN, "class frequencies, or the mean"),
        _built_in("position_profile", "infilling:position_profile", _HIDDEN, "letters by position in the loop"),
        _built_in("nearest_frame", "infilling:nearest_frame", _HIDDEN, "the loop of the nearest framework"),
        _built_in("length_only", "sequences:length_only", _SEQUENCE, "linear on the length"),
        _built_in(
            "composition_logistic", "sequences:composition_logistic", _SEQUENCE, "linear on letter and pair frequencies"
        ),
        _built_in("kmer_logistic", "sequences:kmer_logistic", _SEQUENCE, "linear on frequencies of 1- to 3-mers"),
        _built_in("kmer_forest", "sequences:kmer_forest", _SEQUENCE, "random forest on frequencies of 1- to 3-mers"),
        _built_in(
            "token_logistic", "sequences:token_logistic", _SEQUENCE, "linear on counts of runs of 1 to 3 symbols"
        ),
        _built_in(
            "morgan_forest",
            "sequences:morgan_forest",
            _MOLECULE,
            "random forest on Morgan fingerprints (RDKit)",
            needs="rdkit:molecule",
        ),
        _built_in("onehot_linear", "sequences:onehot_linear", _SEQUENCE, "linear on the letter at each position"),
        _built_in(
            "onehot_forest", "sequences:onehot_forest", _SEQUENCE, "random forest on the letter at each position"
        ),
        _built_in(
            "onehot_kernel", "kernels:onehot_kernel", _SEQUENCE, "kernel ridge on the letter at each position (RBF)"
        ),
        _built_in(
            "blosum_kernel", "kernels:blosum_kernel", _PROTEIN, "kernel ridge on BLOSUM62 rows at each position (RBF)"
        ),
        _built_in(
            "protein_lm", "protein_lm:protein_lm", _PROTEIN, "linear on ESM-2's mean embedding, or XMR_PROTEIN_LM's"
        ),
        _built_in("window_linear", "positions:window_linear", _POSITION, "linear on a window of 15 positions"),
        _built_in("pixel_logistic", "images:pixel_logistic", _IMAGE, "linear on pixels"),
        _built_in("hog_svm", "hog:hog_svm", _IMAGE, "support vector machine on histograms of oriented gradients"),
        _built_in("pixel_svm", "images:pixel_svm", _IMAGE, "support vector machine on pixels"),
        _built_in("pixel_forest", "images:pixel_forest", _IMAGE, "random forest on pixels"),
        _built_in("logistic", "series:logistic", _SIGNAL, "linear on all samples"),
        _built_in(
            "mfcc_logistic",
            "series:mfcc_logistic",
            _AUDIO,
            "linear on statistics of MFCCs",
            needs="torchaudio:audio",
        ),
        _built_in(
            "minirocket",
            "series:minirocket",
            _SIGNAL,
            "random convolutions and a ridge regression (aeon)",
            needs="aeon:series",
        ),
        _built_in(
            "dtw_1nn",
            "series:dtw_1nn",
            _SIGNAL,
            "nearest neighbor by dynamic time warping (aeon)",
            needs="aeon:series",
            seconds="xmr.baselines.series:dtw_seconds",
        ),
        _built_in(
            "mfcc_svm",
            "series:mfcc_svm",
            _AUDIO,
            "support vector machine on MFCCs of four quarters of a clip",
            needs="torchaudio:audio",
        ),
        _built_in(
            "multirocket_hydra",
            "series:multirocket_hydra",
            _SIGNAL,
            "more random convolutions, and a ridge (aeon)",
            needs="aeon:series",
        ),
        _built_in("logistic", "tables:logistic", _TABLE, "linear on standardized numbers and one-hot categories"),
        _built_in("rbf_svm", "tables:rbf_svm", _TABLE, "support vector machine on the columns of `logistic`"),
        _built_in("hist_gradient_boosting", "tables:hist_gradient_boosting", _TABLE, "gradient-boosted trees"),
        _built_in("random_forest", "tables:random_forest", _TABLE, "random forest on the columns"),
        _built_in("last_value", "time_series:last_value", _FUTURE, "the last value repeated"),
        _built_in("seasonal_naive", "time_series:seasonal_naive", _FUTURE, "the last season repeated"),
        _built_in("linear", "time_series:linear", _FUTURE, "one ridge regression from the window to all steps"),
        _built_in(
            "dlinear", "time_series:dlinear", _FUTURE, "DLinear: linear maps of trend and rest, by gradient", **_NETWORK
        ),
        _built_in("cnn", "cnn:sequence_cnn", _SEQUENCE, "a small network from scratch", **_COMPARED, **_NETWORK),
        _built_in("cnn", "cnn:sequence_cnn", _POSITION, "a small network from scratch", **_COMPARED, **_NETWORK),
        _built_in("cnn", "cnn:sequence_cnn", _HIDDEN, "a small network from scratch", **_COMPARED, **_NETWORK),
        _built_in("cnn", "cnn:image_cnn", _IMAGE, "a small network from scratch", **_COMPARED, **_NETWORK),
        _built_in("cnn", "series:signal_cnn", _SIGNAL, "a small network from scratch", **_COMPARED, **_NETWORK),
        _built_in(
            "descriptors_logistic",
            "sequences:descriptors_logistic",
            _PROTEIN,
            "linear on physicochemical descriptors (modlAMP)",
            needs="modlamp:protein",
            **_COMPARED,
        ),
        _built_in(
            "descriptors_forest",
            "sequences:descriptors_forest",
            _PROTEIN,
            "random forest on physicochemical descriptors (modlAMP)",
            needs="modlamp:protein",
            **_COMPARED,
        ),
        _built_in(
            "linear_probe",
            "linear_probe:image_probe",
            where(emits="image", space="pixel"),
            "logistic regression on the source's features of plain images",
            **_SOURCE,
        ),
        _built_in(
            "linear_probe",
            "linear_probe:ridge_probe",
            where(),
            "ridge regression on the source's features behind the untrained transform",
            **_SOURCE,
        ),
        _built_in(
            "fine_tuning",
            "fine_tuning:fine_tuning",
            _TRAINABLE,
            "train all weights of the source",
            **_SOURCE,
            **_NETWORK,
        ),
        _built_in(
            "lora",
            "fine_tuning:lora",
            _TRAINABLE,
            "train low-rank adapters in the source (peft)",
            needs="peft:compare",
            **_SOURCE,
            **_NETWORK,
        ),
        _built_in(
            "attention_layer",
            "fine_tuning:attention_layer",
            where(space="token"),
            "one attention layer in place of the source",
            is_control=True,
            **_SOURCE,
            **_NETWORK,
        ),
    ],
)
