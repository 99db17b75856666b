"""Many GPUs or machines by Ray: workers keep models and methods in memory, and this process keeps the journal.

Images are dealt out to the workers by turns, so that all that is about an image, concept transfer above all, is done
by one of them. Results come back in the order of the plan, however fast each worker is, and are made of the same code
and seeds: the journal is byte for byte the local one, as far as the machines calculate alike. Ray is started on this
machine, or joined where ``RAY_ADDRESS`` names a cluster, whose machines must see the same packages and files.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from harness.contracts.executor import Doing, Executor, Job
from harness.errors import HarnessError, one_line
from harness.hookspecs import hookimpl
from harness.run.journal_reading import differences
from harness.shipped import import_shipped

AHEAD = 4  # units that wait in line at each worker
_TRIES = 2
# Environment variables that the workers get too. Not all of HF_*: Ray shows them to whoever sees its dashboard.
_PASSED_ON = (
    "HARNESS_CACHE", "HF_HOME", "HF_HUB_OFFLINE", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS",
    "NUMEXPR_NUM_THREADS", "TOKENIZERS_PARALLELISM", "TRANSFORMERS_VERBOSITY",
)  # fmt: skip
DIED = f"The worker process died on this sample, {_TRIES} times; its memory may have run out."


class Ray(Executor):
    """Workers of Ray, each with one GPU where there are any; without --workers as many as there are GPUs, at least one.

    Here, or on the cluster that RAY_ADDRESS names; `pip install 'medground-harness[ray]'`. A worker that dies is
    replaced, and what it was at is tried once more; if it dies again, those samples fail.
    """

    name: ClassVar[str] = "ray"

    def run(self, job: Job, units: Sequence[Any], workers: int | None, doing: Doing) -> Generator[Any, None, None]:
        try:
            import ray
        except ImportError as error:
            raise HarnessError("Ray is not installed: pip install 'medground-harness[ray]'.") from error
        if not units:
            return
        joined = ray.is_initialized()
        if not joined:
            doing("starting Ray")
            passed_on = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
            # Ray puts the current folder first on the workers' path, where another `plugins` may lie; the hook is run
            # before that.
            ray.init(
                log_to_driver=False,
                logging_level="error",
                include_dashboard=False,
                runtime_env={"env_vars": passed_on, "worker_process_setup_hook": import_shipped},
            )
        crew: _Crew | None = None
        try:
            count, gpus = _size(workers, int(ray.cluster_resources().get("GPU", 0)))
            doing(f"setting up {count} {'worker' if count == 1 else 'workers'}")
            crew = _Crew(job, count, gpus)
            crew.begin()
            doing(f"{count} {'worker' if count == 1 else 'workers'} at work")
            yield from crew.run(units)
        finally:
            if crew is not None:
                crew.close()
            if not joined:
                ray.shutdown()


def _size(workers: int | None, gpus: int) -> tuple[int, int]:
    """How many workers there are, and how many GPUs each has."""
    if workers is not None and gpus and workers > gpus:
        raise HarnessError(f"There are {gpus} GPUs for {workers} workers; give --workers {gpus} or fewer.")
    return workers or max(gpus, 1), min(gpus, 1)


class _Hand:
    """What runs in a worker's process."""

    def begin(self, job: Job) -> dict[str, Any]:
        """Get ready for units. Returns what the results of this machine depend on."""
        self.worker = job.worker()
        return job.facts()

    def run(self, unit: Any) -> list[Any]:
        """All results of a unit."""
        return list(self.worker.run(unit))


@dataclass
class _Errand:
    """A unit at a worker: its reference is good for the results."""

    unit: Any
    home: int
    reference: Any
    tries: int = 1


class _Crew:
    """The workers, by number, and what each of them is at."""

    def __init__(self, job: Job, count: int, gpus: int) -> None:
        import ray

        # No claim on CPUs: who asks for more workers than cores may have them.
        self._actor = ray.remote(num_cpus=0, num_gpus=gpus)(_Hand)
        self._here, self._job = job, ray.put(job)
        self._hands = [self._actor.remote() for _ in range(count)]
        self._errands: deque[_Errand] = deque()

    def begin(self) -> None:
        """Set all workers up. Raises ``HarnessError`` where one cannot be, or has other libraries, weights or another
        device than this process, which the journal's header tells of: its results could not be told from others."""
        for reference in [hand.begin.remote(self._job) for hand in self._hands]:
            self._check(reference)

    def _check(self, reference: Any) -> None:
        """Raise ``HarnessError`` where a worker that was told to begin cannot, or is not like this process."""
        from ray.exceptions import RayError

        try:
            there = _value(reference)
        except RayError as error:
            raise HarnessError(f"A worker cannot be set up: {one_line(error)}") from error
        changes = differences(self._here.facts(), there)
        if changes:
            raise HarnessError(
                f"A worker's machine is not like this one ({'; '.join(changes)}); "
                "start the harness on one that is like the workers'."
            )

    def run(self, units: Sequence[Any]) -> Generator[Any, None, None]:
        """The results of all units in order."""
        left = iter(zip(units, self._here.homes(units, len(self._hands)), strict=True))
        while True:
            while len(self._errands) < AHEAD * len(self._hands) and (new := next(left, None)) is not None:
                unit, home = new
                self._errands.append(_Errand(unit, home, self._hands[home].run.remote(unit)))
            if not self._errands:
                return
            errand = self._errands[0]
            results = self._results(errand)
            self._errands.popleft()
            yield from self._here.lost(errand.unit, DIED) if results is None else results

    def _results(self, errand: _Errand) -> list[Any] | None:
        """What an errand gives, None where the worker dies each time."""
        from ray.exceptions import RayActorError

        while True:
            try:
                found: list[Any] = _value(errand.reference)
                return found
            except RayActorError:
                last = errand.tries == _TRIES
                self._replace(errand, again=not last)
                if last:
                    return None
                errand.tries += 1

    def _replace(self, errand: _Errand, again: bool) -> None:
        """A new worker for one that died at an errand, and for all errands that waited behind it."""
        hand = self._hands[errand.home] = self._actor.remote()
        self._check(hand.begin.remote(self._job))  # on a cluster it may be on another machine than the first
        for other in self._errands:
            if other.home == errand.home and (again or other is not errand):
                other.reference = hand.run.remote(other.unit)

    def close(self) -> None:
        """Let all workers go."""
        import ray

        for hand in self._hands:
            ray.kill(hand)


def _value(reference: Any) -> Any:
    """What a reference is good for; what the worker raised is raised here as it was there."""
    import ray
    from ray.exceptions import RayTaskError

    try:
        return ray.get(reference)
    except RayTaskError as error:
        cause = error.cause
        raise cause if isinstance(cause, HarnessError) else error from None


@hookimpl
def executors() -> Sequence[type[Executor]]:
    """The executors of this plugin."""
    return [Ray]
