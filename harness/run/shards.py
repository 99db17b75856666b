"""One part of a run, for schedulers that start many processes: all that is about an image stays together."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from harness.errors import HarnessError
from harness.run.select import Plan, Task

PATTERN = "shard-*-of-*"  # of the folders
_SAID = re.compile(r"(\d+)/(\d+)")


@dataclass(frozen=True)
class Shard:
    """The ``index``-th of ``count`` parts, counted from 1.

    The parts of a run can be made anywhere and in any order, and hold the rows that the whole run would.
    """

    index: int
    count: int

    @classmethod
    def parse(cls, text: str) -> Shard:
        """From ``K/N``. Raises ``HarnessError`` for anything else, and for a K that is not in 1..N."""
        said = _SAID.fullmatch(text.strip())
        if said is None or not 1 <= int(said[1]) <= int(said[2]):
            raise HarnessError(f"Bad shard {text!r}: it must be K/N with K from 1 to N, as in 3/16.")
        return cls(int(said[1]), int(said[2]))

    def folder(self, output: Path) -> Path:
        """Its own folder below that of the whole run, so that no two processes write to one journal."""
        return output / f"shard-{self.index:0{len(str(self.count))}d}-of-{self.count}"

    def of(self, plan: Plan) -> Plan:
        """The part of a plan. Its header says which it is, and else what the whole run's says."""
        homes = spread((task for tasks in plan.tasks.values() for task in tasks), self.count)
        tasks = {
            model: [task for task in tasks if homes[image_of(task)] == self.index - 1]
            for model, tasks in plan.tasks.items()
        }
        return replace(plan, tasks=tasks, header=plan.header | {"shard": {"index": self.index, "count": self.count}})


def image_of(task: Task) -> tuple[str, str]:
    """Which image a task is about: source and image name."""
    return task.sample.source, task.sample.image


def spread(tasks: Iterable[Task], count: int) -> dict[tuple[str, str], int]:
    """Which of ``count`` places each image goes to, 0 and up: by turns, in the order of the samples.

    It depends on the tasks alone, not on their order.
    """
    ordered = sorted(tasks, key=lambda task: (task.sample.source, task.sample.index))
    return {image: place % count for place, image in enumerate(dict.fromkeys(map(image_of, ordered)))}
