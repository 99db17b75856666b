"""Break a run in every way that a machine can, go on with it, and count what was lost.

``python -m scripts.faults --trials 1000`` prints a table, which docs/reliability.md shows. Each trial breaks one run
of the test suite's toys at a random moment or byte, and has the same command finish it:

* *killed*, *terminated*, *interrupted*: SIGKILL, SIGTERM or SIGINT at a random moment;
* *disk full*: the file system takes no more after a random number of bytes;
* *torn*: the journal ends at a random byte, as after a power cut;
* *flipped*: up to three random bits of the journal are not what they were;
* *overwritten*: a random stretch of the journal holds zeros or noise.

A row is lost where it was finished, its own bytes were not damaged, and it was computed again all the same.
"""

from __future__ import annotations

import argparse
import io
import os
import random
import resource
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import toys
from rich.console import Console

from harness.errors import HarnessError
from harness.evaluating.loop import run
from harness.run.journal_lines import lines_of
from harness.run.settings import RunSettings
from harness.run.shards import JOURNAL

COUNTED = ("harmed runs", "finished rows", "damaged rows", "lost rows", "not resumable", "wrong bytes")


class Trials:
    """A run of the toys to break, and what came of that, by kind of fault."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder, self.dice = folder, random.Random(seed)
        self.found: dict[str, Counter[str]] = {}
        toys.bench(folder / "bench", indices=range(toys.COUNT))
        start = time.monotonic()
        self._evaluate("whole")
        self.seconds = time.monotonic() - start
        self.whole = (folder / "whole" / JOURNAL).read_bytes()
        self.lines = set(self.whole.splitlines(keepends=True))

    def _evaluate(self, output: str, finished: list[str] | None = None) -> None:
        settings = RunSettings(
            attributors=["good", "map"], bench=self.folder / "bench", output=self.folder / output, limit=0
        )
        registry = toys.registry()
        if finished is not None:
            tell = registry.sample_scored
            registry.sample_scored = lambda *a: (finished.append(""), tell(*a))[1]  # type: ignore[method-assign]
        run(registry, settings, Console(file=io.StringIO()))

    def trial(self, kind: str) -> None:
        """Break a run so, go on with it, and look."""
        shutil.rmtree(self.folder / "out", ignore_errors=True)
        path, count = self.folder / "out" / JOURNAL, self.found.setdefault(kind, Counter())
        count["trials"] += 1
        _FAULTS[kind](self)
        before = path.read_bytes() if path.exists() else b""
        good = {line.data for line in lines_of(io.BytesIO(before)) if line.row is not None}
        count["wrong bytes"] += not good <= self.lines
        done = list[str]()
        try:
            self._evaluate("out", done)
        except HarnessError:
            count["not resumable"] += 1
            return
        after = path.read_bytes().splitlines(keepends=True)
        same = b"".join(after) == self.whole if kind in _IN_ORDER else sorted(after) == sorted(self.lines)
        count["wrong bytes"] += not same
        finished = max(0, before.count(b"\n") - 1) if kind in _IN_ORDER else len(self.lines) - 1
        undamaged = max(0, len(good) - 1)
        count["harmed runs"] += undamaged < len(self.lines) - 1
        count["finished rows"] += finished
        count["damaged rows"] += finished - undamaged
        count["lost rows"] += max(0, len(done) - (len(self.lines) - 1 - undamaged))

    # -- faults -----------------------------------------------------------------------------------------------------
    def stop(self, how: int) -> None:
        """A signal some moments after a random row is on the disk."""
        row, path = self.dice.randrange(len(self.lines)), self.folder / "out" / JOURNAL
        child = self._fork(lambda: None)
        while not os.waitpid(child, os.WNOHANG)[0]:
            if not row or (path.exists() and path.read_bytes().count(b"\n") >= row):
                time.sleep(self.dice.uniform(0, 2) * self.seconds / len(self.lines))
                os.kill(child, how)
                os.waitpid(child, 0)
                return
            time.sleep(0.0005)

    def fill(self) -> None:
        """No more than so many bytes in a file."""
        limit = self.dice.randrange(len(self.whole))
        os.waitpid(self._fork(lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))), 0)

    def _fork(self, prepare: Callable[[], None]) -> int:
        child = os.fork()
        if not child:
            try:
                signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
                signal.signal(signal.SIGINT, signal.default_int_handler)  # which a shell's "&" has switched off
                prepare()
                self._evaluate("out")
            except BaseException:
                os._exit(1)
            os._exit(0)
        return child

    def change(self, make: Callable[[bytearray], None]) -> None:
        """The whole journal, with some of its bytes changed."""
        data = bytearray(self.whole)
        make(data)
        shutil.copytree(self.folder / "whole", self.folder / "out")
        (self.folder / "out" / JOURNAL).write_bytes(data)

    def tear(self, data: bytearray) -> None:
        """The end is not there."""
        del data[self.dice.randrange(len(data)) :]

    def flip(self, data: bytearray) -> None:
        """Some bits are not what they were."""
        for _ in range(self.dice.randint(1, 3)):
            data[self.dice.randrange(len(data))] ^= 1 << self.dice.randrange(8)

    def overwrite(self, data: bytearray) -> None:
        """A stretch is zeros, or noise."""
        at, length = self.dice.randrange(len(data)), self.dice.randint(1, 4096)
        end = min(len(data), at + length)
        data[at:end] = bytes(end - at) if self.dice.random() < 0.5 else self.dice.randbytes(end - at)


_FAULTS: dict[str, Callable[[Trials], None]] = {
    "killed": lambda trials: trials.stop(signal.SIGKILL),
    "terminated": lambda trials: trials.stop(signal.SIGTERM),
    "interrupted": lambda trials: trials.stop(signal.SIGINT),
    "disk full": Trials.fill,
    "torn": lambda trials: trials.change(trials.tear),
    "flipped": lambda trials: trials.change(trials.flip),
    "overwritten": lambda trials: trials.change(trials.overwrite),
}
_IN_ORDER = ("killed", "terminated", "interrupted", "disk full", "torn")


def inject(folder: Path, trials: int, seed: int = 0) -> dict[str, Counter[str]]:
    """So many trials of each kind, in a folder. Returns what came of them, by kind."""
    all_of_them = Trials(folder, seed)
    for _ in range(trials):
        for kind in _FAULTS:
            all_of_them.trial(kind)
    return all_of_them.found


def table(found: dict[str, Counter[str]]) -> str:
    """What came of the trials, as Markdown."""
    columns = ("trials", *COUNTED)
    lines = ["| fault | " + " | ".join(columns) + " |", "| --- |" + " ---: |" * len(columns)]
    total = sum(found.values(), Counter[str]())
    for kind, count in [*found.items(), ("all", total)]:
        lines.append(f"| {kind} | " + " | ".join(f"{count[name]:,}" for name in columns) + " |")
    return "\n".join(lines)


def main() -> None:
    """Break, mend, count and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--trials", type=int, default=1000, help="of each kind")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="harness-faults-") as folder:
        found = inject(Path(folder), args.trials, args.seed)
    print(table(found))
    if any(count[name] for count in found.values() for name in COUNTED[3:]):
        sys.exit("Something was lost.")


if __name__ == "__main__":
    main()
