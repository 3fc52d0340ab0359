"""Recipes are plain data: whatever else YAML can say is one line with file and line, at once and at any size."""

import math
import os
import time

import pytest

from xmr.errors import RecipeError
from xmr.recipe.load import dump_recipe, load_recipe
from xmr.recipe.plain_yaml import MAX_VALUES, read_text

GOOD = """task: classification
seed: 0
data: {dataset: amp_vs_uniprot}
encoder: protein
source: {name: minilm, layers: 1}
transform: free_embedding
output: linear
"""
MANY = "".join(f"k{i}: {i}\n" for i in range(60_000))
UNKNOWN = "".join(f"k{i}: 1\n" for i in range(5_000))
# content, the line it is refused on (None: of the whole file), what is said
BAD = [
    ("{a: {a: 1}}: x\n", 1, "a key that is not plain text"),
    ("seed: 1\n? [a, b]\n: x\n", 2, "a key that is not plain text"),
    ("a: &a {task: x}\nb:\n  <<: *a\n", 3, "a YAML merge (<<)"),
    ("a: &a {task: x}\n<<: {b: 1}\n", 2, "a YAML merge (<<)"),
    ("a: &a {task: x}\nb: *a\n", 2, "a YAML alias"),
    ("a: &a\n  b: *a\n", 2, "a YAML alias"),
    ("a: *a\n", 1, "a YAML alias"),
    ("a: !!set {b}\n", 1, "the YAML tag tag:yaml.org,2002:set"),
    ("a: 1\nb: !!python/object/apply:os.system [ls]\n", 2, "the YAML tag"),
    ("!!binary a: 1\n", 1, "a key that is not plain text"),
    ("a: 1\na: 2\n", 2, "the key 'a' again"),
    ("1: 1\n'1': 2\n", 2, "the key '1' again"),
    ("".join(f"{' ' * i}a:\n" for i in range(1200)), 21, "more than 20 levels"),
    ("a: " + "[" * 1200 + "]" * 1200, 1, "nesting too deep"),
    ("\na: " + "[" * 20_000, 2, "nesting too deep"),
    ("a: " + "[a," * 20_000, 1, "more than 20 levels"),
    ("a: " + "{a: " * 20_000, 1, "more than 20 levels"),
    ("- " * 20_000, 1, "more than 20 levels"),
    (f"seed: {'1' * 5000}\n", 1, "a number of 5,000 characters"),
    (f"seed: -0x{'f' * 5000}\n", 1, "a number of"),
    (f"seed: {'1' * 301}\n", 1, "a number of 301 characters"),
    (MANY, MAX_VALUES // 2, "more than 20,000 keys and values"),
    (UNKNOWN, 1, "the unknown key 'k0'"),
    (f"baselines: [{'a, ' * 15_000}]\n" + GOOD, 1, "found 'a'"),
    ("a: 1\n---\nb: 2\n", 2, "a second document"),
    ("%YAML 1.1\n---\na: 1\n", 2, "a YAML directive"),
    ("%TAG ! tag:evil,2000:\n---\na: 1\n", 2, "a YAML directive"),
    ("a: 1\n\tb: 2\n", 2, ""),
    ("\ta: 1\n", 1, ""),
    ("a: 'x\n", 2, ""),
    ("a: [1\n", 2, ""),
    ("a: 1\nb: x\0y\n", 2, "the control character '\\x00'"),
    ("a: 1\nb: \x1b[31m\n", 2, "the control character '\\x1b'"),
    (b"\x7fELF\x02\x01\x01\x00" + bytes(range(256)) * 100, 2, "not UTF-8"),
    (b"a: 1\nb: \xff\n", 2, "not UTF-8"),
    (GOOD.encode("utf-16"), 1, "UTF-16"),
    (GOOD.encode("utf-16-be"), 1, "the control character"),
    ("", 1, "no sections"),
    ("# nothing\n", 1, "no sections"),
    ("- a\n- b\n", 1, "['a', 'b']"),
    ("just text\n", 1, "'just text'"),
    ("a" * 300_000 + ": 1\n", 1, ""),
    (f"task: {'a' * 300_000}\n", 1, "'aaa"),
    ("a: 1\n" * 300_000, None, "a larger file"),
    (f"encoder: {{name: [{'a, ' * 3000}]}}\n", 1, "expected one of audio, dna"),
    ("source: {name: {a: b}}\n", 1, "expected one of a"),
    ("source: [1, 2]\n", 1, "a section with a name"),
]


def said_of(load):
    start = time.process_time()
    with pytest.raises(RecipeError) as error:
        load()
    assert time.process_time() - start < 2  # one second on a machine that does nothing else
    lines = str(error.value).splitlines()
    assert len(lines) <= 11
    assert all(line.isprintable() and len(line) < 1500 for line in lines)
    return lines


@pytest.mark.parametrize(("content", "line", "found"), BAD, ids=range(len(BAD)))
def test_what_is_not_plain_data(tmp_path, content, line, found):
    path = tmp_path / "r.yaml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    lines = said_of(lambda: load_recipe(path))
    assert lines[0].startswith(f"{path}: " if line is None else f"{path}:{line}: "), lines[0]
    assert any(found in each for each in lines)
    assert all("; expected " in each or each.startswith("and ") for each in lines)


@pytest.mark.parametrize(
    ("override", "found"),
    [
        ("expected=!!set {a}", "the YAML tag"),
        ("expected=!!binary aGk=", "the YAML tag"),
        ("expected={a: &a {b: 1}, c: *a}", "a YAML alias"),
        ("expected={<<: {a: 1}}", "a YAML merge"),
        ("expected={a: 1, a: 2}", "again; expected each key once"),
        ("expected={[a]: 1}", "a key that is not plain text"),
        ("seed=" + "1" * 5000, "a number of 5,000 characters"),
        ("seed=" + "[" * 5000, "nesting too deep"),
        ("seed=" + "[a, " * 5000, "levels"),
        ("seed=1" + "0" * 200_000, "200,006 characters; expected at most 100,000"),
        ("a." * 40_000 + "b=1", "section.key=value"),
        ("training." * 25 + "b=1", "section.key=value"),
        ("k" * 50_000 + "=1", "the unknown key"),
        ("seed=--- 1\n--- 2", "a second document"),
        ("seed=a\x1b]0;x", "the control character"),
        ("seed=\udce9", "YAML 1.2"),
        ("seed=[1", "YAML 1.2"),
    ],
)
def test_overrides_refuse_what_files_refuse(tmp_path, override, found):
    (tmp_path / "r.yaml").write_text(GOOD)
    lines = said_of(lambda: load_recipe(tmp_path / "r.yaml", [override]))
    assert len(lines) == 1
    assert lines[0].startswith("override ")
    assert found in lines[0]


def test_many_overrides(tmp_path):
    (tmp_path / "r.yaml").write_text(GOOD)
    said_of(lambda: load_recipe(tmp_path / "r.yaml", [f"k{i}=1" for i in range(1000)]))


def test_values_are_those_of_yaml_1_2():
    text = (
        "{a: 1, b: 1.5, c: 3e-3, d: true, e: yes, f: null, g: ~, h: '1', i: 2020-01-31, j: .inf, k: '', l: 1_000, m: =}"
    )
    got, lines = read_text(text, str)
    assert got == {
        "a": 1,
        "b": 1.5,
        "c": 0.003,
        "d": True,
        "e": "yes",
        "f": None,
        "g": None,
        "h": "1",
        "i": "2020-01-31",
        "j": math.inf,
        "k": "",
        "l": 1000,
        "m": "=",
    }
    assert set(lines.values()) == {1}
    assert math.isnan(read_text(".nan", str)[0])
    assert read_text(" ", str)[0] is None
    assert read_text("0b", str)[0] in ("0b", 0)


def test_keys_are_texts_as_written():
    assert read_text("{1: a, 012: b, true: c, ~: d, 1.50: e}", str)[0] == {
        "1": "a",
        "012": "b",
        "true": "c",
        "~": "d",
        "1.50": "e",
    }


def test_a_byte_order_mark_is_passed_over(tmp_path):
    (tmp_path / "r.yaml").write_bytes(b"\xef\xbb\xbf" + GOOD.encode())
    assert load_recipe(tmp_path / "r.yaml").task == "classification"


@pytest.mark.parametrize("value", [".nan", ".inf", "-.inf", "2020-01-31", "2020-01-31 10:00", "[.nan, {b: .nan}]", "~"])
def test_a_written_recipe_is_the_same_recipe(tmp_path, value):
    """What `--resume` compares."""
    (tmp_path / "r.yaml").write_text(GOOD + f"expected: {{a: {value}}}\n")
    recipe = load_recipe(tmp_path / "r.yaml")
    (tmp_path / "again.yaml").write_text(dump_recipe(recipe))
    assert dump_recipe(load_recipe(tmp_path / "again.yaml")) == dump_recipe(recipe)
    same = load_recipe(tmp_path / "r.yaml", [f"expected={{a: {value}}}"])
    assert dump_recipe(same) == dump_recipe(recipe)


@pytest.mark.parametrize("comment", ["a\nb: 1", "x\x1b[2J", "caf\udce9.yaml", "a\x85b\u2028c", "\0"])
def test_the_comment_of_a_written_recipe_is_one_line(tmp_path, comment):
    (tmp_path / "r.yaml").write_text(GOOD)
    recipe = load_recipe(tmp_path / "r.yaml")
    text = dump_recipe(recipe, comment)
    (tmp_path / "again.yaml").write_text(text, encoding="utf-8")
    assert text.splitlines()[0].isprintable()
    assert text.count("#") == 1
    assert dump_recipe(load_recipe(tmp_path / "again.yaml")) == dump_recipe(recipe)


@pytest.mark.parametrize("name", [b"caf\xe9.yaml", b"\x1b[31m.yaml", b"a\nb.yaml"])
def test_names_that_are_not_printable(tmp_path, name):
    path = os.path.join(os.fsencode(tmp_path), name)
    with open(path, "w") as handle:
        handle.write(GOOD.replace("dataset: amp_vs_uniprot", "path: x.csv"))
    with open(os.path.join(os.fsencode(tmp_path), name + b".csv"), "w") as handle:
        handle.write("sequence,label\n")
    recipe = load_recipe(os.fsdecode(path))
    (tmp_path / "again.yaml").write_text(dump_recipe(recipe, os.fsdecode(path)), encoding="utf-8")
    assert dump_recipe(load_recipe(tmp_path / "again.yaml")) == dump_recipe(recipe)
    recipe.data.path = os.fsdecode(path)  # beside a recipe whose folder is named like this
    (tmp_path / "again.yaml").write_text(dump_recipe(recipe), encoding="utf-8")
    assert load_recipe(tmp_path / "again.yaml").data.path == os.fsdecode(path)
    with pytest.raises(RecipeError) as error:
        load_recipe(os.fsdecode(path), ["sed=1"])
    assert str(error.value).isprintable()


def test_what_is_no_recipe_file(tmp_path):
    os.mkfifo(tmp_path / "fifo.yaml")
    (tmp_path / "folder.yaml").mkdir()
    (tmp_path / "zero.yaml").symlink_to("/dev/zero")
    for name in ("fifo.yaml", "folder.yaml", "zero.yaml"):
        with pytest.raises(RecipeError, match="found a folder or a device; expected a recipe file"):
            load_recipe(tmp_path / name)
    for name in ("a" * 5000 + ".yaml", "a\0.yaml", "a" * 5000, "", "\udce9", "a\0"):
        with pytest.raises(RecipeError, match=r"no such (file|recipe)"):
            load_recipe(name)
