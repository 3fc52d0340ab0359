"""Programs behind the interfaces of scikit-learn (here) and aeon (`xmr.estimators.series`)."""

from xmr.estimators.auto import AutoClassifier, AutoRegressor
from xmr.estimators.features import ProgramFeatures
from xmr.estimators.programs import ProgramClassifier, ProgramRegressor

__all__ = ["AutoClassifier", "AutoRegressor", "ProgramClassifier", "ProgramFeatures", "ProgramRegressor"]
