"""Runs on Ray: the same table as here, whatever dies in between; and what is wrong is one line."""

import json
import os
import signal
import socket
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from tests.clusters import cluster
from xmr.commands.compare.compare import Settings, compare
from xmr.commands.workers.base import Engine, EngineError, Surroundings
from xmr.core.output_folder import held
from xmr.errors import DataError, InputError, MissingExtraError
from xmr.recipe.load import load_recipe


def train(recipe, folder, resume, comment):
    """Stands in for training: a second of work, resumable, in a folder that is held; counts how often it began."""
    with held(folder):
        done = folder / "metrics.json"
        if done.is_file():
            return json.loads(done.read_text())
        with (folder / "begun").open("a") as handle:
            handle.write(f"{os.getpid()}\n")
        if recipe.source.get("weights") == "random":
            raise DataError("no such thing; expected another")
        time.sleep(float(os.environ.get("XMR_TEST_SECONDS", "0")))
        value = 0.7 + 0.01 * recipe.seed + 0.1 * (recipe.data.split.n_labelled is None)
        found = {"metric": "auroc", "test": {"auroc": value}, "n_test": 10, "trainable_parameters": 7}
        found |= {"program_bytes": 1, "seconds": {"train": 1.0, "test": 0.5}, "baselines": {}, "failed_baselines": {}}
        done.write_text(json.dumps({**found, "peak_memory_mib": 300.0, "threads": os.environ.get("OMP_NUM_THREADS")}))
        return json.loads(done.read_text())


def settings(engine, sizes=("50", "all"), seeds=2):
    return Settings(
        train_sizes=[*sizes], skip=("shuffled positions", "shuffled labels"), seeds=seeds, train=train, engine=engine
    )


def test_ray_and_this_machine_finish_the_same_comparison(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    with cluster(2) as made:
        here = Engine("ray", address=made.address)
        local = compare("protein/amp_random", Path("local"), settings(Engine(), ["all"]))
        compare("protein/amp_random", Path("ray"), settings(Engine(), ["all"], seeds=1))
        assert compare("protein/amp_random", Path("ray"), settings(here, ["all"])) == local
    begun = [path.with_name("begun") for path in Path("ray").rglob("metrics.json")]
    assert len(begun) == 2 * 2  # and the row that fails
    assert all(len(path.read_text().split()) == 1 for path in begun)
    threads = {json.loads(path.read_text())["threads"] for path in Path("ray").rglob("seed-1/metrics.json")}
    assert threads == {"1"}  # as many as the run has processors
    assert compare("protein/amp_random", Path("ray"), settings(Engine(), ["all"])) == local


def test_nodes_that_differ_and_too_large_runs_are_one_line(tmp_path, monkeypatch):
    with cluster(1) as made:
        engine, ray = Engine("ray", address=made.address), pytest.importorskip("ray")
        with monkeypatch.context() as patch:
            patch.setattr("ray._private.utils.compute_version_info", lambda: (ray.__version__, "3.1.4"))
            with pytest.raises(EngineError, match=r"3\.1\.4.*; expected a cluster of the same Ray and Py") as caught:
                engine.workers().__enter__()
            assert "\n" not in str(caught.value)
        ray.init(made.address, log_to_driver=False)  # a connection of one's own is used
        with engine.workers() as workers:
            assert workers.submit(len, "abc")() == 3
            with pytest.raises(ZeroDivisionError):
                workers.submit(divmod, 1, 0)()
            handle = os.open(tmp_path, os.O_RDONLY)
            if (unseen := Path(f"/proc/self/fd/{handle}")).exists():  # where only this process sees a folder
                with pytest.raises(EngineError, match="not see; expected a path that all nodes share"):
                    workers.start(train, load_recipe("protein/amp"), unseen / "run", "")()
            os.close(handle)
        with pytest.raises(InputError, match="--cpus-per-run: found 64; expected at most 1, as a node has"):
            replace(engine, cpus=64).workers().__enter__()
        with pytest.raises(InputError, match="--cpus-per-run: Ray fills its nodes"):
            replace(engine, jobs=2).workers().__enter__().submit(len, "abc")
        monkeypatch.setattr("xmr.commands.workers.on_ray.Surroundings", lambda: Surroundings(version="9.9"))
        with (
            engine.workers() as workers,
            pytest.raises(EngineError, match=r"^node \S+: found xmr \S+; expected xmr 9.9"),
        ):
            workers.submit(len, "abc")()


def test_a_wrong_address_is_one_line(tmp_path, monkeypatch):
    pytest.importorskip("ray", reason="the extra scale is not installed")
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    for wrong in (address, "nowhere.invalid", "auto"):
        with pytest.raises(EngineError, match=r"--address \S+: found an address that does not answer") as caught:
            compare("protein/amp_random", tmp_path / "out", settings(Engine("ray", address=wrong)))
        assert "\n" not in str(caught.value)
    with pytest.raises(InputError, match="with --engine ray alone"):
        Engine(address="auto")


def test_without_ray_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingExtraError, match=r"needs the package ray, .* pip install 'xmr\[scale\]'"):
        Engine("ray").workers()


@pytest.mark.slow
def test_a_comparison_survives_its_nodes_and_processes(tmp_path, monkeypatch):
    """Nodes of one processor; one dies in the middle, and so do processes of the others."""
    pytest.importorskip("ray", reason="the extra scale is not installed")
    local = compare("protein/amp_random", tmp_path / "local", settings(Engine()))
    monkeypatch.setenv("XMR_TEST_SECONDS", "2")
    with cluster(0, 1, 1, 1) as made:
        nodes = [*made.worker_nodes]
        killed = []

        def log(text):
            """Kill after each row: first a node, then a process that runs."""
            if not killed:
                made.remove_node(nodes[0], allow_graceful=False)
                killed.append("node")
                return
            begun = [path for path in tmp_path.rglob("ray/**/begun") if not (path.parent / "metrics.json").exists()]
            for path in begun:
                process = int(path.read_text().split()[-1])
                if Path(f"/proc/{process}").exists():
                    os.kill(process, signal.SIGKILL)
                    killed.append(process)
                    break

        engine = Engine("ray", address=made.address)
        assert compare("protein/amp_random", tmp_path / "ray", settings(engine), log) == local
        assert len(killed) > 1
    begun = [len(path.read_text().split()) for path in (tmp_path / "ray").rglob("begun")]
    assert sum(begun) - len(begun) <= len(killed) + 1  # the node had one run under way
