"""Markdown tables of docs/results.md from run folders: python docs/make_results.py runs/amp runs/amp_200 ..."""

from __future__ import annotations

import json
import statistics
import sys
from pathlib import Path

SHOWN = ("auroc", "accuracy", "mcc", "spearman", "rmse", "balanced_accuracy", "f1")


def comparison(folder: Path) -> str:
    """A folder of `xmr compare` (compare.json): a column a size, the program first, then by the last column."""
    found = json.loads((folder / "compare.json").read_text(encoding="utf-8"))
    values = {(cell["row"], cell["train_size"]): cell["values"] for cell in found["cells"]}
    kinds = {cell["row"]: cell["kind"] for cell in found["cells"]}
    sizes = list(dict.fromkeys(cell["train_size"] for cell in found["cells"]))
    rank = {"program": 0, "baseline": 1, "control": 2}
    rows = sorted(kinds, key=lambda row: (rank[kinds[row]], -statistics.mean(values[row, sizes[-1]])))
    lines = [f"| {found['metric']} | {' | '.join(sizes)} |", "|---" * (len(sizes) + 1) + "|"]
    for row in rows:
        cells = [values.get((row, size)) for size in sizes]
        shown = [f"{statistics.mean(cell):.3f} ± {statistics.stdev(cell):.3f}" if cell else "-" for cell in cells]
        lines.append(f"| {row}{' (control)' if kinds[row] == 'control' else ''} | {' | '.join(shown)} |")
    verdicts = "\n".join(f"- {verdict}" for verdict in found["verdicts"])
    return "\n".join(lines) + f"\n\n{verdicts}\n"


def table(folder: Path) -> str:
    """One folder of `xmr run --seeds n` (summary.json), of `xmr compare`, or of a single run (metrics.json)."""
    if (folder / "compare.json").is_file():
        return comparison(folder)
    if (folder / "summary.json").is_file():
        summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
        rows = {
            name: {metric: f"{v['mean']:.3f} ± {v['sd']:.3f}" for metric, v in values.items()}
            for name, values in summary["rows"].items()
        }
        head = f"{len(summary['seeds'])} seeds, {summary['seconds']['mean']:.0f} s each"
        paired = summary["paired"]
    else:
        metrics = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
        interval = metrics["test_interval"]
        rows = {
            "program": {
                m: f"{v:.3f} ({interval[m][0]:.3f} to {interval[m][1]:.3f})"
                for m, v in metrics["test"].items()
                if v is not None and m in interval
            }
        }
        rows |= {
            n: {m: f"{v:.3f}" for m, v in found.items() if v is not None} for n, found in metrics["baselines"].items()
        }
        head, paired = f"one seed, 95 % bootstrap interval, {sum(metrics['seconds'].values()):.0f} s", {}
    shown = [metric for metric in SHOWN if metric in rows["program"]][:3]
    first = shown[0]
    lines = [
        f"`{folder.name}` ({head})",
        "",
        f"| | {' | '.join(shown)} | paired p ({first}) |",
        "|---" * (len(shown) + 2) + "|",
    ]
    for name, values in rows.items():
        p = paired.get(name, {}).get(first)
        cells = [values.get(metric, "-") for metric in shown]
        lines.append(f"| {name} | {' | '.join(cells)} | {'' if p is None else f'{p:.2g}'} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print("\n".join(table(Path(folder)) for folder in sys.argv[1:]))
