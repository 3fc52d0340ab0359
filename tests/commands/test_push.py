"""Programs on a hub: pushed with a card, pulled bit by bit the same, and nothing else read."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.core.loopback_hub import LoopbackHub
from xmr.commands.push import described
from xmr.commands.run import run
from xmr.errors import ProgramError
from xmr.program_folder import FILES, folder_of, read_facts
from xmr.recipe.load import load_recipe

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "peptides.fasta"


@pytest.fixture
def hub() -> Iterator[LoopbackHub]:
    made = LoopbackHub(token="hf_secret")
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small run on a file of one's own."""
    place = tmp_path_factory.mktemp("secret-folder")
    sequences = [line for line in EXAMPLE.read_text().splitlines() if line and not line.startswith(">")]
    (place / "mine.csv").write_text("sequence,label\n" + "".join(f"{s},{i % 2}\n" for i, s in enumerate(sequences)))
    small = ["source={name: identity, width: 16}", "training.epochs=1", "ensemble=1", "output={name: linear}"]
    data = [f"data.path={place / 'mine.csv'}", "data.input=sequence", "data.target=label", "training.metric=null"]
    split = ["data.split={by: random, test: 0.4, validation: 0}", "baselines=[majority]"]
    run(
        load_recipe("protein/custom", [*small, *data, *split]),
        place / "run",
        device="cpu",
        comment=f"{place}/mine.yaml",
    )
    return place / "run"


def command(hub: LoopbackHub, tmp_path: Path, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ, "HF_ENDPOINT": hub.endpoint, "HF_HOME": str(tmp_path / "hf"),
        "XMR_CACHE": str(tmp_path / "cache"), "HF_HUB_OFFLINE": "0", "HF_TOKEN": "hf_secret",
        "HF_HUB_DISABLE_XET": "1", **more,
    }  # fmt: skip
    for proxy in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        environment.pop(proxy, None)
    return subprocess.run([sys.executable, "-m", "xmr", *arguments], env=environment, capture_output=True, text=True)


def test_what_is_shared_names_no_path_of_this_machine(finished: Path) -> None:
    shared = described(finished, read_facts(finished)[1], "ada/peptides")
    assert {*shared} == {"README.md", "recipe.yaml", "metrics.json"}
    for name, text in shared.items():
        assert "secret-folder" not in text, name
    assert "mine.csv" in shared["recipe.yaml"]
    assert json.loads(shared["metrics.json"])["n_test"]
    text = shared["README.md"]
    assert text.startswith("---\nlibrary_name: xmr\n")
    for part in (
        "xmr predict hub:ada/peptides",
        "**this program**",
        "majority",
        "the author's own records",
        "identity",
    ):
        assert part in text
    assert described(finished / "program", read_facts(finished)[1], "a/b") == {}


def test_a_card_shows_no_markup_of_others(finished: Path) -> None:
    from xmr.report.card import card

    _, facts, _ = read_facts(finished)
    result = json.loads((finished / "metrics.json").read_text())
    result["verdict"] = ["<script>alert(1)</script>\n# heading | cell"]
    text = card(facts, {"encoder": {"name": "protein"}}, result, "the author's own records", "a/b")
    assert "<script>" not in text
    assert "\n# heading" not in text


@pytest.mark.parametrize("name", ["hub:", "hub:a/b/c", "hub:a b", "hub:../x"])
def test_names_that_are_none(name: str) -> None:
    with pytest.raises(ProgramError, match=r"no name of a repository"):
        folder_of(name)


@pytest.mark.slow
def test_a_round_trip(hub: LoopbackHub, finished: Path, tmp_path: Path) -> None:
    """Pushed, pulled by another machine, the same bits and the same predictions; later from the cache alone."""
    done = command(hub, tmp_path / "author", "push", str(finished), "ada/peptides")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"{hub.endpoint}/ada/peptides/commit/")
    commit = hub.repositories["ada/peptides"][-1]
    assert {*commit} == {*FILES, "README.md", "recipe.yaml", "metrics.json"}
    for name in FILES:
        assert commit[name] == (finished / "program" / name).read_bytes()
    commit["evil.py"], commit["model.pkl"] = b"raise SystemExit(9)", b"\x80\x04"
    reader = tmp_path / "reader"
    here, there = tmp_path / "here.csv", tmp_path / "there.csv"
    for place, target in ((str(finished), here), ("hub:ada/peptides", there)):
        done = command(hub, reader, "predict", place, str(EXAMPLE), "-o", str(target))
        assert done.returncode == 0, done.stderr
    assert here.read_bytes() == there.read_bytes()
    assert not any("evil" in path or ".pkl" in path for path in hub.asked)
    hub.server.shutdown()
    hub.server.server_close()
    again = command(hub, reader, "predict", "hub:ada/peptides", str(EXAMPLE), "-o", str(tmp_path / "later.csv"))
    assert again.returncode == 0, again.stderr
    assert (tmp_path / "later.csv").read_bytes() == here.read_bytes()
    other = command(hub, reader, "predict", "hub:ada/other", str(EXAMPLE), "-o", str(tmp_path / "x.csv"))
    assert other.returncode == 2
    assert len(other.stderr.splitlines()) == 1
    assert "no copy on this machine" in other.stderr


@pytest.mark.slow
def test_refusals_are_one_line(hub: LoopbackHub, finished: Path, tmp_path: Path) -> None:
    wrong = command(hub, tmp_path, "push", str(finished), "ada/peptides", HF_TOKEN="hf_wrong")
    assert wrong.returncode == 2
    assert len(wrong.stderr.splitlines()) == 1
    assert "hf_wrong" not in wrong.stderr
    missing = command(hub, tmp_path, "predict", "hub:ada/nothing", str(EXAMPLE), "-o", str(tmp_path / "x.csv"))
    assert missing.returncode == 2
    assert "no such repository, or no access to it" in missing.stderr
    hub.repositories["ada/empty"] = [{"README.md": b"nothing"}]
    empty = command(hub, tmp_path, "predict", "hub:ada/empty", str(EXAMPLE), "-o", str(tmp_path / "x.csv"))
    assert empty.returncode == 2
    assert "a repository without program.safetensors" in empty.stderr
