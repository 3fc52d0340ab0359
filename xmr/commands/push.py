"""`xmr push`: a run's program on the Hugging Face hub, with its card, recipe and metrics."""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

from xmr.commands.repeated import WHOLE, of_summary
from xmr.commands.run_folder import metrics_of
from xmr.core.files import finite
from xmr.core.hub import plain_errors
from xmr.data.public.catalog import dataset
from xmr.program_folder import FILES, read_facts
from xmr.recipe.load import dump_recipe, load_recipe
from xmr.recipe.plain_yaml import read_text
from xmr.report.card import NAME, card

PATHS = ("path", "test_path", "labels_path", "mask_path", "wild_type")  # of the author's machine
PRIVATE = ("recipe",)  # entries of metrics.json that name such paths


def push(folder: Path, name: str, private: bool = False, revision: str | None = None) -> str:
    """Push a run, or a program folder, to USER/NAME -> the address of the commit.

    What goes: the three files of the program, and of a run its recipe and metrics without paths of this machine, and
    the card. Raises ProgramError for what is no program, OutputError where the hub refuses.
    """
    from huggingface_hub import HfApi

    program, facts, _ = read_facts(folder)
    with tempfile.TemporaryDirectory() as place, plain_errors(name):
        for file in FILES:
            shutil.copyfile(program / file, Path(place) / file)
        for file, text in described(program.parent, facts, name).items():
            (Path(place) / file).write_text(text, encoding="utf-8")
        hub = HfApi(library_name="xmr")
        hub.create_repo(name, private=private, exist_ok=True)
        done = hub.upload_folder(repo_id=name, folder_path=place, revision=revision, commit_message="A program of xmr")
    return str(done.commit_url)


def described(run: Path, facts: dict[str, Any], name: str = NAME) -> dict[str, str]:
    """README.md, recipe.yaml and metrics.json of a run's folder, as they are shared; nothing where it is none.

    Of the program of all records behind a cross-validation, the recipe and the figures are those of its folds.
    """
    if not all((run / name).is_file() for name in ("metrics.json", "recipe.yaml")):
        return {}
    folds = metrics_of(run.parent, "summary.json") if run.name == WHOLE else {}
    recipe = load_recipe((run.parent if folds else run) / "recipe.yaml")
    for field in PATHS:
        stated = getattr(recipe.data, field)
        if stated is not None:
            several = isinstance(stated, list)
            names = [Path(one).name for one in (stated if several else [stated])]
            setattr(recipe.data, field, names if several else names[0])
    text = dump_recipe(recipe)
    metrics = json.loads((run / "metrics.json").read_text(encoding="utf-8"))
    metrics |= of_summary(folds, metrics) if folds else {}
    shared = {key: value for key, value in metrics.items() if key not in PRIVATE}
    body: Any = read_text(text, lambda _: "recipe.yaml")[0]
    return {
        "recipe.yaml": text,
        "metrics.json": json.dumps(finite(shared), indent=2) + "\n",
        "README.md": card(facts, body, metrics, _data(body["data"]), name),
    }


def _data(data: dict[str, Any]) -> str:
    """What the program was trained on; of a user's file, that it was one."""
    if data.get("dataset"):
        return f"`{data['dataset']}` (licence: {dataset(data['dataset']).licence})"
    return "the author's own records"
