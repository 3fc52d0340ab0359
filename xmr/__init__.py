"""xmr: model reprogramming across modalities.

record --Encoder--> Encoded --InputTransform--> SourceInput --Source (frozen)--> SourceOutput --Output--> Prediction

Start reading at `xmr/program.py`. Survey: arXiv 2202.10629; taxonomy of names: arXiv 2506.04650.
"""

from typing import Any

__version__ = "0.3.0"

# Public names, imported on first use so that `import xmr` and `xmr --help` need no torch.
_LAZY = {
    "AutoClassifier": "xmr.estimators",
    "AutoRegressor": "xmr.estimators",
    "Program": "xmr.program",
    "Prediction": "xmr.core.prediction",
    "Run": "xmr.commands.fit",
    "fit": "xmr.commands.fit",
    "load_recipe": "xmr.recipe.load",
    "run": "xmr.commands.run",
}
__all__ = [
    "AutoClassifier",
    "AutoRegressor",
    "Prediction",
    "Program",
    "Run",
    "__version__",
    "fit",
    "load_recipe",
    "run",
]


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        from importlib import import_module

        return getattr(import_module(_LAZY[name]), name)
    raise AttributeError(f"module 'xmr' has no attribute {name!r}")
