"""`xmr demo`: one small recipe per domain whose data and source come inside pip packages."""

from __future__ import annotations

from dataclasses import dataclass

from xmr.data.public.catalog import dataset
from xmr.data.public.download import Log, download
from xmr.recipe.load import load_recipe
from xmr.recipe.recipe import Recipe


@dataclass(frozen=True)
class Demo:
    """recipe: a packaged recipe. yours: the command that drafts a recipe for the user's own data of this domain."""

    recipe: str
    yours: str


DEMOS = {
    "protein": Demo("protein/amp", "xmr new protein mine.csv"),
    "molecule": Demo("molecule/sulfonamides", "xmr new molecule mine.csv"),
    "series": Demo("series/gunpoint", "xmr new series mine.ts"),
    "audio": Demo("audio/espeak_digits", "xmr new audio my_folder"),
    "image": Demo("image/digits", "xmr new image my_folder"),
    "table": Demo("table/cancer", "xmr new table mine.csv --target NAME"),
    "forecast": Demo("forecast/solar", "xmr new forecast mine.csv"),
}


def load_demo(domain: str, log: Log) -> Recipe:
    """The recipe of a domain's demo; its data set is generated first where it has to be."""
    recipe = load_recipe(DEMOS[domain].recipe, [])
    chosen = dataset(recipe.data.dataset or "")
    if chosen.generated:
        for path in download(chosen, log=log):
            log(f"data: {path}")
    return recipe
