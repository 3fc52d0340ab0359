"""What `test_download_kills` runs, in a process of its own: one without torch forks ten times as fast."""

import io
import os
import shutil
import sys
import tempfile
from functools import partial
from pathlib import Path

from tests.data.public.archived import From, everything, kinds_of_sound, spoken, tree
from xmr.data.public.catalog import dataset
from xmr.data.public.download import download
from xmr.data.public.location import locate
from xmr.errors import DataUnavailableError

KILLED = 137


class Steps:
    """Counts the steps that change the file system in this process, and ends it, as `kill -9` would, at the n-th."""

    def __init__(self, at):
        self.at, self.taken = at, 0
        for name in ("replace", "rename", "mkdir", "rmdir", "unlink", "remove", "chmod", "open"):
            setattr(os, name, self.counting(getattr(os, name)))
        io.open = self.opening(io.open)  # what pathlib, zipfile and the rest open files with

    def step(self):
        self.taken += 1
        if self.taken == self.at:
            os._exit(KILLED)

    def counting(self, function):
        def counted(*arguments, **options):
            self.step()
            return function(*arguments, **options)

        return counted

    def opening(self, function):
        def opened(file, mode="r", *arguments, **options):
            if not set(mode) & set("wxa+"):
                return function(file, mode, *arguments, **options)
            self.step()
            return Written(function(file, mode, *arguments, **options), self)

        return opened


class Written:
    """A file whose every write is two steps: killed between them, half is on the disk."""

    def __init__(self, file, steps):
        self.file, self.steps = file, steps

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()

    def __getattr__(self, name):
        return getattr(self.file, name)

    def write(self, content):
        half = len(content) // 2
        self.file.write(content[:half])
        self.file.flush()
        self.steps.step()
        self.file.write(content[half:])
        self.file.flush()
        return len(content)


def killed(at, action):
    """Whether the action, in a process of its own, was killed at step `at` (it has fewer steps otherwise)."""
    child = os.fork()
    if child == 0:
        try:
            Steps(at)
            action()
            os._exit(0)
        except BaseException as error:
            os.write(2, f"{type(error).__name__}: {error}\n".encode())
            os._exit(1)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert code in (0, KILLED)
    return code == KILLED


def promoters(folder):
    """A set of one file."""
    (folder / "promoters.data").write_bytes(b"+,S10,\tacgt\n-,S11,\tttga\n")
    return dataset("promoters")


def at_every_step(make, force):
    """Kill at every step of a preparation -> how many there are."""
    cache, origin = Path("cache").absolute(), Path("origin").absolute()
    chosen, fetcher = make(origin), From(origin)
    download(chosen, None, fetcher)
    whole, all_files = tree(cache), everything(cache)
    own = {name: content for name, content in whole.items() if name.startswith(chosen.folder)}
    at = 0
    while True:
        at += 1
        if not force:  # else the set is here, and is made anew
            shutil.rmtree(cache)
        if not killed(at, lambda: download(chosen, None, fetcher, force=force)):
            return at - 1
        try:
            found = locate(chosen)
        except DataUnavailableError:
            pass
        else:
            assert found == cache / chosen.main
            assert own.items() <= tree(cache).items(), f"a part was taken for the whole after step {at}"
        download(chosen, None, fetcher)
        assert tree(cache) == whole, f"step {at}"
        assert everything(cache) == all_files, f"step {at}"


def while_it_recovers(make, force):
    """Kill, and kill what mends it -> how many pairs."""
    cache, origin = Path("cache").absolute(), Path("origin").absolute()
    chosen, fetcher = make(origin), From(origin)
    download(chosen, None, fetcher)
    whole, all_files, pairs = tree(cache), everything(cache), 0
    for first in range(3, 45, 7):
        if not force:
            shutil.rmtree(cache)
        killed(first, lambda: download(chosen, None, fetcher, force=force))
        for second in range(1, 40, 8):
            pairs += killed(second, lambda: download(chosen, None, fetcher))
        download(chosen, None, fetcher)
        assert tree(cache) == whole
        assert everything(cache) == all_files
    return pairs


if __name__ == "__main__":
    os.environ.pop("XMR_DATA", None)
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        os.environ["XMR_CACHE"] = f"{folder}/cache"
        os.mkdir("origin")
        scenario = {"every": at_every_step, "recovers": while_it_recovers}[sys.argv[1]]
        made = {"spoken": partial(spoken, recordings=2), "sounds": kinds_of_sound, "promoters": promoters}[sys.argv[2]]
        print(scenario(made, sys.argv[3] == "force"))
        os.chdir("/")
