"""What a run's figures say about its headline: better baselines, chance within its interval, classes of few records."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from xmr.baselines.registry import BASELINES
from xmr.commands.controls import SHUFFLED_LABELS
from xmr.metrics.base import headline, is_defined
from xmr.metrics.registry import higher_is_better

FEW = 10  # test records of a class below which its figures say little
CONTROL = "control: "  # before the names of controls among the rows of a summary
LISTED = 12  # classes that are counted one by one


def headline_scores(result: dict[str, Any]) -> tuple[str, dict[str, float]]:
    """The headline metric of a run, and its values on test: of the program, and of each baseline that has one."""
    metric = headline(result["metric"], result["test"])
    rows = {"program": result["test"], **result["baselines"]}
    return metric, {name: row[metric] for name, row in rows.items() if name == "program" or is_defined(row.get(metric))}


def control_scores(metric: str, result: dict[str, Any]) -> dict[str, float]:
    """The headline metric of each control of a run that has one."""
    return {name: row[metric] for name, row in result.get("controls", {}).items() if is_defined(row.get(metric))}


def counted(counts: dict[str, int]) -> str:
    """Test records by class, in words; empty where there are no classes."""
    if not counts:
        return ""
    if len(counts) > LISTED:
        return f"{len(counts)} classes of {min(counts.values()):,} to {max(counts.values()):,} test records"
    return "test records: " + ", ".join(f"{number:,} of {name}" for name, number in counts.items())


def verdict(result: dict[str, Any]) -> list[str]:
    """What the user should know before believing the headline, a sentence each; empty where nothing speaks against it.

    result: metrics.json. Baselines and intervals are of one split; `xmr compare` tests the differences over seeds.
    """
    metric, scores = headline_scores(result)
    leaked = (result.get("leaks") or {}).get("alarms", [])
    return [
        *leaked,
        *_beaten(metric, scores, (result.get("chance") or {}).get(metric)),
        *_controls(metric, result),
        *_chance(metric, result),
        *_few(result.get("test_counts") or {}),
    ]


def verdict_of_means(results: list[dict[str, Any]], summary: dict[str, Any]) -> list[str]:
    """The verdict of several runs, from their means. results: metrics.json of each; summary: of `summarize`."""
    means = {name: {m: row["mean"] for m, row in rows.items()} for name, rows in summary["rows"].items()}
    controls = {name.removeprefix(CONTROL): means.pop(name) for name in [*means] if name.startswith(CONTROL)}
    whole = {
        "metric": results[0]["metric"],
        "test": means.pop("program"),
        "baselines": means,
        "controls": controls,
        "test_interval": {},
        **common(results),
    }
    return verdict(whole)


def common(results: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Mean chance and all leak alarms of several runs."""
    chances = [result.get("chance") or {} for result in results]
    names = set.intersection(*map(set, chances))
    alarms = dict.fromkeys(text for result in results for text in (result.get("leaks") or {}).get("alarms", []))
    chance = {name: sum(each[name] for each in chances) / len(chances) for name in names}
    return {"chance": chance, "leaks": {"alarms": [*alarms]}}


def _beaten(metric: str, scores: dict[str, float], chance: float | None) -> list[str]:
    """Baselines that are better than the program and than chance, the best one first."""
    sign = 1 if higher_is_better(metric) else -1
    mine = scores["program"]
    bar = mine if chance is None else sign * max(sign * mine, sign * chance)
    better = [
        name
        for name, value in scores.items()
        if name != "program" and not BASELINES.is_control(name) and sign * (value - bar) > 0
    ]
    if not better:
        return []
    best = max(better, key=lambda name: sign * scores[name])
    own = f"; so does the source's own linear probe ({scores['linear_probe']:.3f})" if "linear_probe" in better else ""
    name = "the linear probe of the same source" if best == "linear_probe" else best
    return [
        f"{name} beats the program ({metric} {scores[best]:.3f} against {mine:.3f}){own if name == best else ''}: "
        "use it, or let `xmr compare` test the difference"
    ]


def _controls(metric: str, result: dict[str, Any]) -> list[str]:
    """Controls that do as well as the program, and shuffled labels that leave chance."""
    sign, mine = 1 if higher_is_better(metric) else -1, result["test"][metric]
    interval, chance = result["test_interval"].get(metric), (result.get("chance") or {}).get(metric)
    found = []
    for name, value in control_scores(metric, result).items():
        scores = f"{metric} {value:.3f} against {mine:.3f}"
        if name == SHUFFLED_LABELS:
            low, high = result["controls"][name].get("interval", {}).get(metric, (value, value))
            if chance is None or low <= chance <= high or abs(value - chance) < abs(mine - chance) / 2:
                continue
            found.append(
                f"trained on shuffled labels, the program is far from chance ({metric} {value:.3f}, not {chance:.3f}): "
                "something other than the labels decides; look for duplicates and leaks"
            )
        elif sign * (value - mine) >= 0:
            found.append(
                f"the control with {name} does as well as the program ({scores}): the source adds nothing here"
            )
        elif interval is not None and interval[0] <= value <= interval[1]:
            found.append(
                f"the control with {name} lies within the interval of the program ({scores}): what the source adds is "
                "not shown by this test set"
            )
    return found


def _chance(metric: str, result: dict[str, Any]) -> list[str]:
    """Whether the interval of the headline includes, or lies behind, what guessing gives."""
    chance, interval = (result.get("chance") or {}).get(metric), result["test_interval"].get(metric)
    if chance is None or interval is None:
        return []
    low, high = interval
    if low <= chance <= high:
        return [
            f"the 95 % interval of {metric} ({low:.3f} to {high:.3f}) includes chance ({chance:.3f}): "
            "this test set does not show that the program learned anything"
        ]
    worse = high < chance if higher_is_better(metric) else low > chance
    found = f"{metric} {result['test'][metric]:.3f} against {chance:.3f}"
    return [f"the program is worse than guessing ({found})"] if worse else []


def _few(counts: dict[str, int]) -> list[str]:
    """Classes with too few test records to say anything of them."""
    few = {name: number for name, number in counts.items() if number < FEW}
    if not few:
        return []
    listed = ", ".join(f"{number} of {name}" for name, number in [*few.items()][:LISTED])
    more = f" and {len(few) - LISTED} more classes" if len(few) > LISTED else ""
    return [f"too few test records to measure every class: {listed}{more}"]
