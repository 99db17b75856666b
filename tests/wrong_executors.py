"""Executors, each wrong in one way, by the name of the one check that it must fail."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Any, ClassVar

from harness.contracts.executor import Doing, Executor, Job
from harness.contracts.plugin import NoOptions


class Right(Executor):
    """Does one unit after the other; right in every way."""

    name: ClassVar[str] = "right"

    def run(self, job: Job, units: Sequence[Any], workers: int | None, doing: Doing) -> Generator[Any, None, None]:
        worker = job.worker()
        for unit in self.ordered(units):
            yield from worker.run(unit, doing)

    def ordered(self, units: Sequence[Any]) -> Sequence[Any]:
        return units


class BareOption(Right):
    """An option without a description."""

    class Options(NoOptions):
        """One."""

        bare: int = 1


class LeavesOneOut(Right):
    """Forgets the last unit of several."""

    def ordered(self, units: Sequence[Any]) -> Sequence[Any]:
        return units[:-1] if len(units) > 1 else units


class Backwards(Right):
    """The last unit comes second."""

    def ordered(self, units: Sequence[Any]) -> Sequence[Any]:
        return [*units[:1], *reversed(units[1:])]


class AtLeastOne(Right):
    """Takes it that there is something to do."""

    def run(self, job: Job, units: Sequence[Any], workers: int | None, doing: Doing) -> Generator[Any, None, None]:
        if not units:
            raise IndexError("no units")
        yield from super().run(job, units, workers, doing)


class WorksOnce(Right):
    """Stays stopped."""

    stopped = False

    def run(self, job: Job, units: Sequence[Any], workers: int | None, doing: Doing) -> Generator[Any, None, None]:
        if self.stopped:
            return
        try:
            yield from super().run(job, units, workers, doing)
        except GeneratorExit:
            self.stopped = True
            raise


EXECUTORS: list[tuple[str, type[Executor]]] = [
    ("contract", BareOption), ("results in order", LeavesOneOut), ("results in order", Backwards),
    ("nothing to do", AtLeastOne), ("stopped", WorksOnce),
]  # fmt: skip
