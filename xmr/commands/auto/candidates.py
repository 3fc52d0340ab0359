"""What `xmr auto` tries: untrained programs with heads solved in closed form, the recipe itself, and baselines."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass

from xmr.baselines.registry import BASELINES
from xmr.commands.new.signals import SIX_VIEWS, VIEWS
from xmr.commands.new.sources import source_text
from xmr.errors import RecipeError
from xmr.recipe.load import dump_recipe, load_recipe
from xmr.recipe.recipe import Recipe, case_of, space_of

AS_GIVEN = "the recipe as given"
FIRST = 3  # programs that are tried before the baselines


@dataclass(frozen=True)
class Candidate:
    """One thing to try. overrides: of the recipe; baseline: its name, for what is no program, and whether it trains a
    network.
    """

    name: str
    overrides: tuple[str, ...] = ()
    baseline: str = ""
    is_network: bool = False


def candidates(recipe: Recipe, name: str, given: list[str]) -> dict[Candidate, Recipe]:
    """What suits a recipe's data and task, cheapest first: candidate -> its recipe, without baselines.

    name, given: the recipe's name or path, and the user's overrides.
    """
    case = case_of(recipe)
    # The test part of a scaffold split depends on the size of the validation part; all others are sampled first.
    same_test = ["data.split.validation=0"] if recipe.data.split.by == "scaffold" else []
    # Heads that choose their own strength need no validation part, except for what comes later in time.
    everything = [] if recipe.data.split.by == "time" else ["data.split.validation=0"]
    plain = load_recipe(name, [*given, *same_test, "baselines=[]"])
    alone = load_recipe(name, [*given, "baselines=[]", "ensemble=1"])  # baselines need no program
    suiting = [baseline for baseline in BASELINES.suiting(case).values() if not baseline.is_control]
    quick, slow = (
        {
            Candidate(f"baseline {each.name}", baseline=each.name, is_network=trains): alone
            for each in suiting
            if each.is_network == trains
        }
        for trains in (False, True)
    )
    untrained: dict[Candidate, Recipe] = {}
    if case.emits == "signal" and recipe.encoder["name"] == "series":
        compositions = _of_series(recipe)
    else:
        listed = COMPOSITIONS.get(case.emits, {})
        compositions = [
            *_own_source(recipe, case.emits),
            *_with_domain_features(case.emits),
            *(Candidate(each, overrides) for each, overrides in listed.items()),
        ]
    for composition in compositions:
        overrides = ["training.epochs=0", "baselines=[]", *everything, *composition.overrides]
        with suppress(RecipeError):  # of another domain, or for another task
            untrained[composition] = load_recipe(name, [*given, *overrides])
    first = dict([*untrained.items()][:FIRST])  # whatever the time, one program is tried
    known = {dump_recipe(each) for each in untrained.values()}
    own = {} if dump_recipe(plain) in known else {Candidate(AS_GIVEN): plain}
    return {**first, **quick, **untrained, **own, **slow}


_LAYERS = "source={name: minilm, feature_layers: 7}"
_FREE = "transform={name: free_embedding, init: random_tokens}"
_TWO_STARTS = "transform={name: free_embedding, init: [random_tokens, property_tokens]}"

# By kind of data: name -> overrides. Those that a domain or task does not allow are skipped.
COMPOSITIONS: dict[str, dict[str, tuple[str, ...]]] = {
    "symbols": {
        "kernel head and descriptors": (
            *(_LAYERS, _FREE, "ensemble=1"),
            "output={name: kernel_ridge, domain_features: [descriptors]}",
        ),
        "kernel head": (_LAYERS, _FREE, "output={name: kernel_ridge}", "ensemble=1"),
        "kernel head, two starts": (_LAYERS, _TWO_STARTS, "output={name: kernel_ridge}", "ensemble=2"),
        "kernel head and k-mers": (
            *(_LAYERS, _FREE, "ensemble=1"),
            "output={name: kernel_ridge, domain_features: [kmers]}",
        ),
        "ridge on all positions and one-hot": (
            *(_LAYERS, _FREE, "ensemble=1"),
            "output={name: ridge, pool: concat, power: 0.5, domain_features: [one_hot]}",
        ),
        "kernel on all positions and one-hot": (
            *(_LAYERS, _FREE, "ensemble=1"),
            "output={name: kernel_ridge, pool: concat, domain_features: [one_hot]}",
        ),
    },
    "table": {
        "tokens, ridge with columns": (
            *(_LAYERS, "transform={name: feature_tokens}", "ensemble=1"),
            "output={name: ridge, pool: statistics, power: 0.5, domain_features: [columns]}",
        ),
        "tokens, kernel head and columns": (
            *(_LAYERS, "transform={name: feature_tokens}", "ensemble=1"),
            "output={name: kernel_ridge, domain_features: [columns]}",
        ),
    },
}


def _own_source(recipe: Recipe, emits: str) -> list[Candidate]:
    """The recipe's own source and transform, untrained, with heads solved in closed form."""
    ridge = Candidate("own source, ridge", ("output={name: ridge, power: 0.5}",))
    kernel = Candidate("own source, kernel head", ("output={name: kernel_ridge}",))
    known = recipe.source["name"] == "minilm" and emits in COMPOSITIONS  # in the list below with all of its layers
    balanced = Candidate("own source, ridge, balanced depths", ("output={name: ridge, balance_depths: true}",))
    return [ridge] if known else [ridge, kernel, *([balanced] if recipe.source.get("feature_layers", 1) != 1 else [])]


def _with_domain_features(emits: str) -> list[Candidate]:
    """The recipe's own source and transform next to features that clips and images have without any source."""
    known = {"signal": ("MFCC", "mfcc"), "image": ("HOG", "hog")}
    if emits not in known:
        return []
    name, features = known[emits]
    return [
        Candidate(
            f"own source and {name}, ridge", (f"output={{name: ridge, power: 0.5, domain_features: [{features}]}}",)
        ),
        Candidate(
            f"own source and {name}, kernel head", (f"output={{name: kernel_ridge, domain_features: [{features}]}}",)
        ),
    ]


def _of_series(recipe: Recipe) -> list[Candidate]:
    """Series as images, tokens and sound, by the best source of each space that is on this machine."""
    pixel, wave = (f"source={source_text(space)}" for space in ("pixel", "wave"))
    images = (pixel, f"transform={json.dumps(SIX_VIEWS)}", "encoder.normalize=train", f"ensemble={len(VIEWS)}")
    named = {
        "six views joined": (*images, "output={name: ridge, power: 0.5, joined: true}"),
        "six views and MiniRocket": (*images, "output={name: ridge, power: 0.5, domain_features: [minirocket]}"),
        "patches as tokens": (
            *(_LAYERS, "transform={name: signal_patches}", "ensemble=1"),
            "output={name: ridge, power: 0.5}",
        ),
        "sound": (
            *(wave, "transform={name: wave_pattern, layout: stretch}", "ensemble=1"),
            "output={name: ridge, power: 0.5}",
        ),
    }
    own = [] if space_of(recipe.source["name"]) == "pixel" else _own_source(recipe, "signal")
    return [*(Candidate(name, overrides) for name, overrides in named.items()), *own]
