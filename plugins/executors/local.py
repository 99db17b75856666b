"""This process does the work, one thing after the other."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Any, ClassVar

from harness.contracts.executor import Doing, Executor, Job
from harness.errors import HarnessError
from harness.hookspecs import hookimpl


class Local(Executor):
    """This process; each result is there as soon as it is made."""

    name: ClassVar[str] = "local"
    default: ClassVar[bool] = True

    def run(self, job: Job, units: Sequence[Any], workers: int | None, doing: Doing) -> Generator[Any, None, None]:
        if workers not in (None, 1):
            raise HarnessError("The local executor is one worker; give another by --executor NAME for more.")
        worker = job.worker()
        try:
            for unit in units:
                yield from worker.run(unit, doing)
        finally:
            worker.close()


@hookimpl
def executors() -> Sequence[type[Executor]]:
    """The executors of this plugin."""
    return [Local]
