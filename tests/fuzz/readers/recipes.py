"""Recipes and overrides of them."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from random import Random

from tests.fuzz.damage import NUMBERS, TEXT, TEXTS, Mutator
from tests.fuzz.outcome import SilentError
from tests.fuzz.readers.base import HARMLESS, Case, Reader
from tests.fuzz.readers.files import as_it_is, windows_lines
from xmr.errors import RecipeError
from xmr.recipe.load import dump_recipe, load_recipe, recipes_folder

RECIPES = sorted(recipes_folder().rglob("*.yaml"))
SEEDS = 12  # of the package's recipes, the shortest: reading YAML takes its time
VALUES = (
    *NUMBERS[:-1], *TEXTS, "{}", "[]", "[1, 2]", "{a: 1}", "{name: identity}", "!!set {a, b}", "!!binary aGk=",
    "!!python/name:os.system",
    "!!timestamp 2020-01-01", "2020-01-01", ".nan", ".inf", "~", "yes", "no", "on", "0o17", "0x1F", "1e3", "12:30:45",
    "*a", "&a 1",
    "|\n  text", ">-\n  text", "'", "linear", "protein", "none", "minilm", "classification", "[[[[]]]]", "[" * 300,
    "{a: " * 200,
    "{" + ", ".join(f"k{i}: 1" for i in range(2000)) + "}", "[" + ", ".join(["majority"] * 2000) + "]", "a" * 20_000,
    "'\\x1b[2J'",
    '"\\x1b[2J"', '"a\\nb"', '"\\0"', "{[1]: 2}", "? a", "- a", "<<: {a: 1}", "{<<: {a: 1}}",
)  # fmt: skip
KEYS = (
    "task", "seed", "data", "data.path", "data.split", "data.split.test", "data.split.by", "data.target",
    "data.names", "encoder",
    "encoder.name", "encoder.length", "source", "source.name", "source.width", "transform", "transform.name",
    "output", "output.name",
    "training", "training.epochs", "training.learning_rate", "ensemble", "baselines", "expected", "expected.auroc",
    "nothing",
    "data.nothing", "training.epochs.a", "", ".", "a.", ".a", "data..path", "é", "__class__", "name",
    "encoder.name.name", "<<",
)  # fmt: skip


def value(random: Random, data: bytes) -> bytes:
    """Another value behind a key."""
    found = list(re.finditer(rb"(?<=: )[^,\n{}\[\]]+", data))
    if not found:
        return data
    one = random.choice(found)
    return data[: one.start()] + random.choice(VALUES).encode() + data[one.end() :]


def key(random: Random, data: bytes) -> bytes:
    """Another key, the same key twice, or a key more."""
    found = list(re.finditer(rb"(?<![\w.])[\w.]++(?=:)", data))
    if not found:
        return data
    one = random.choice(found)
    other = random.choice(
        (random.choice(found)[0], random.choice(KEYS).encode(), random.choice(VALUES).encode(), one[0] + b"s")
    )
    if random.random() < 0.3:
        return data + b"\n" + other + b": " + random.choice(VALUES).encode() + b"\n"
    return data[: one.start()] + other + data[one.end() :]


def indent(random: Random, data: bytes) -> bytes:
    """A line moved to the right or to the left; tabs."""
    lines = data.split(b"\n")
    at = random.randrange(len(lines))
    lines[at] = (
        random.choice((b"  ", b" ", b"\t", b"- ", b"    ")) + lines[at] if random.random() < 0.7 else lines[at].lstrip()
    )
    return b"\n".join(lines)


def nested(random: Random, data: bytes) -> bytes:
    """Very deep, very wide, or aliases of aliases."""
    forms = (
        b"x: " + b"[" * random.choice((50, 1200, 20_000)),
        b"x: " + b"{a: " * random.choice((50, 1200)),
        b"\n".join(b" " * i + b"a:" for i in range(random.choice((50, 400)))),
        b"".join(b"k%d: 1\n" % i for i in range(random.choice((100, 20_000)))),
        b"a: &a [1,1]\nb: &b [*a,*a]\nc: &c [*b,*b]\nd: [*c,*c]",
        b"a: &a {task: x}\n<<: *a",
        b"{a: {a: 1}}: x",
        b"---\ntask: x",
        b"%YAML 1.1\n---",
        b"!!set {a}",
    )
    return random.choice(forms) + b"\n" + data if random.random() < 0.5 else data + b"\n" + random.choice(forms) + b"\n"


RECIPE: tuple[Mutator, ...] = (value, value, value, key, key, indent, nested)


def checked(path: Path, overrides: list[str]) -> str:
    """Load a recipe; what a run would write of it must be the same recipe."""
    recipe = load_recipe(path, overrides)
    written = dump_recipe(recipe)
    again = path.with_name("recipe-written.yaml")
    again.write_text(written, encoding="utf-8")
    try:
        same = dump_recipe(load_recipe(again)) == written
    except RecipeError as error:
        raise SilentError("a written recipe is refused", str(error)) from error
    if not same:
        raise SilentError("a written recipe is read as another", written)
    return hashlib.sha256(written.encode()).hexdigest()


class Recipes(Reader):
    """YAML files: those of the package, and one of every notation."""

    name = "recipes"

    def prepare(self, folder: Path) -> None:
        """See `Reader`."""
        texts = {path.stem: path.read_bytes() for path in RECIPES}
        self.texts = {name: texts[name] for name in sorted(texts, key=lambda name: len(texts[name]))[:SEEDS]}
        block = b"task: classification\nseed: 3\ndata:\n  path: x.csv\n  split:\n    by: random\n    test: 0.3\n"
        block += (
            b"encoder:\n  name: protein\n# a remark\nsource:\n  name: identity\ntransform: {name: free_embedding}\n"
        )
        block += b"output: {name: linear}\nbaselines:\n- majority\nexpected: {auroc: 0.5, note: '\xc3\xa9'}\n"
        self.texts["block"] = block
        self.digests = {}
        for name, text in self.texts.items():
            (folder / f"{name}.yaml").write_bytes(text)
            self.digests[name] = checked(folder / f"{name}.yaml", [])

    def damage(self, random: Random, folder: Path) -> Case:
        """One to three mutations of the text."""
        name = random.choice(list(self.texts))
        text, done, harmless = self.texts[name], [], random.random() < HARMLESS
        if harmless:
            chosen: Mutator = random.choice((as_it_is, windows_lines))
            text = chosen(random, text)
            done.append(chosen.__name__)
        for _ in range(0 if harmless else random.choice((1, 1, 2, 3))):
            chosen = random.choice(RECIPE if random.random() < 0.6 else TEXT)
            text = chosen(random, text)
            done.append(chosen.__name__)
        path = folder / f"{name}.yaml"
        path.write_bytes(text)
        return Case(path, (path.name,), self.digests[name] if harmless else None, harmless, (), ", ".join(done))

    def read(self, case: Case) -> str:
        """See `Reader`."""
        return checked(case.path, [])


class Overrides(Recipes):
    """`section.key=value` on the command line."""

    name = "overrides"

    def damage(self, random: Random, folder: Path) -> Case:
        """One to three overrides of a valid recipe."""
        name = random.choice(list(self.texts))
        path = folder / f"{name}.yaml"
        path.write_bytes(self.texts[name])
        overrides = []
        for _ in range(random.choice((1, 1, 2, 3))):
            text = f"{random.choice(KEYS)}={random.choice(VALUES)}"
            if random.random() < 0.3:
                text = random.choice(TEXT)(random, text.encode()).decode("utf-8", "surrogateescape")
            overrides.append(text[:100_000])  # of what a command line holds
        return Case(path, ("override", path.name), None, False, tuple(overrides), repr(overrides)[:300])

    def read(self, case: Case) -> str:
        """See `Reader`."""
        return checked(case.path, list(case.how))
