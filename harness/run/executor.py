"""How the work of an evaluation is carried out: here and one thing after the other, or elsewhere and by many."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Sequence

from harness.contracts.attributor import Attributor
from harness.errors import HarnessError
from harness.run.select import Plan
from harness.run.worker import Outcome, Unit, Worker
from leaderboard.render.gallery_observer import Camera

NAMES = ("local", "ray")


class Executor(ABC):
    """Gives the outcomes of units in the units' order, whoever does them, so that every executor's journal is the same
    bytes. The journal is the caller's."""

    @abstractmethod
    def run(
        self,
        units: Sequence[Unit],
        plan: Plan,
        methods: Sequence[Attributor],
        seed: int,
        camera: Camera,
        doing: Callable[[str], None],
    ) -> Generator[Outcome, None, None]:
        """The outcomes of all units in order. The other parameters are a :class:`harness.run.worker.Worker`'s."""


def make_executor(name: str, workers: int | None = None) -> Executor:
    """The executor of one of the :data:`NAMES`. ``workers``: how many processes; None leaves it to the executor.

    Raises ``HarnessError`` where it is not installed, or has no such number.
    """
    if name == "ray":
        from plugins.executors.ray import Ray

        return Ray(workers)
    if workers not in (None, 1):
        raise HarnessError("The local executor is one worker; give --executor ray for more.")
    return Local()


class Local(Executor):
    """This process; each outcome is there as soon as it is made."""

    def run(
        self,
        units: Sequence[Unit],
        plan: Plan,
        methods: Sequence[Attributor],
        seed: int,
        camera: Camera,
        doing: Callable[[str], None],
    ) -> Generator[Outcome, None, None]:
        """See :meth:`Executor.run`."""
        worker = Worker(plan, methods, seed, camera)
        try:
            for unit in units:
                yield from worker.run(unit, doing)
        finally:
            worker.close()
