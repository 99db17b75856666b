"""The contract of an executor: who does the work of a run, here or elsewhere."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Generator, Iterator, Sequence
from typing import Any, Protocol

from harness.contracts.plugin import Plugin

Doing = Callable[[str], None]


class Worker(Protocol):
    """Does units, one model in memory at a time."""

    def run(self, unit: Any, doing: Doing = ...) -> Iterator[Any]:
        """The results of a unit in its order, each as soon as it is there. ``doing`` hears what runs now."""

    def close(self) -> None:
        """Give the model's memory back."""


class Job(Protocol):
    """What a run has to do, as much of it as an executor needs. It can be pickled.

    A unit is all that is to be done about one image with one model; executors only pass units on.
    """

    def worker(self) -> Worker:
        """A worker, with methods of its own, in this process. Raises ``HarnessError`` where one does not load."""

    def facts(self) -> dict[str, Any]:
        """What results depend on that may differ between machines, as JSON: versions, device, hashes of weights."""

    def homes(self, units: Sequence[Any], count: int) -> list[int]:
        """Which of ``count`` workers each unit goes to: all that is about one image to one of them."""

    def lost(self, unit: Any, why: str) -> Iterator[Any]:
        """The results of a unit that could not be done, failed for one reason."""


class Executor(Plugin):
    """An executor gives results in the units' order, whoever makes them, so that all executors write the same journal.

    ``default``: whether a run that names none uses it.
    """

    @abstractmethod
    def run(self, job: Job, units: Sequence[Any], workers: int | None, doing: Doing) -> Generator[Any, None, None]:
        """The results of all units, in order.

        Parameters
        ----------
        job
            Makes workers.
        units
            What is to be done.
        workers
            How many processes the user wants; None leaves it to the executor.
        doing
            Hears what runs now.

        Raises
        ------
        HarnessError
            Where it has no such number of workers, or a machine of theirs differs in what results depend on.
        """
