"""Checks of an executor, on a small job that needs neither model nor image."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from typing import Any

from harness.contracts.executor import Executor
from harness.testing.check import Breach, CheckResult, Unfit, check_contract, demand, light_import, run_checks

UNITS = 7


class SmallWorker:
    """Makes two results of each unit."""

    def run(self, unit: Any, doing: Callable[[str], None] = lambda what: None) -> Iterator[Any]:
        """The unit with 0 and with 1."""
        doing(f"unit {unit}")
        yield from ((unit, part) for part in (0, 1))

    def close(self) -> None:
        """There is nothing to give back."""


class SmallJob:
    """A job (:class:`harness.contracts.executor.Job`) whose units are numbers."""

    def worker(self) -> SmallWorker:
        """A worker."""
        return SmallWorker()

    def facts(self) -> dict[str, Any]:
        """The same everywhere."""
        return {"job": "small"}

    def homes(self, units: Sequence[Any], count: int) -> list[int]:
        """By turns."""
        return [place % count for place in range(len(units))]

    def lost(self, unit: Any, why: str) -> Iterator[Any]:
        """The unit's results, with the reason."""
        yield from ((unit, part, why) for part in (0, 1))


def check_executor(executor: Executor) -> None:
    """Check an executor against the contract.

    Parameters
    ----------
    executor
        It does a job of a few units three times, with as many workers as it takes where it is told nothing.

    Raises
    ------
    ConformanceError
        An ``AssertionError`` with a line for each check that fails.
    """
    demand(executor, run_executor_checks(executor))


def run_executor_checks(executor: Executor) -> list[CheckResult]:
    """How each check of ``CHECKS`` went, in order."""
    return run_checks(Execution(executor), CHECKS)


class Execution:
    """An executor at work on the small job."""

    def __init__(self, executor: Executor) -> None:
        self.plugin = self.executor = executor

    def results(self, units: Sequence[int], most: int | None = None) -> list[Any]:
        """The results of units, or the first so many of them, after which it is stopped."""
        found: list[Any] = []
        with closing(self.executor.run(SmallJob(), units, None, lambda what: None)) as work:
            for result in work:
                found.append(result)
                if len(found) == most:
                    break
        return found


def contract(execution: Execution) -> None:
    """It has a name, a docstring and described options."""
    check_contract(execution.executor, Executor, "executor")


def results_in_order(execution: Execution) -> None:
    """It gives all the results of all units, in the units' order."""
    found = execution.results(range(UNITS))
    wanted = [(unit, part) for unit in range(UNITS) for part in (0, 1)]
    if sorted(found, key=repr) != wanted:
        raise Unfit(f"It gives {len(found)} results, among them others than the {len(wanted)} that the units have.")
    if found != wanted:
        raise Breach("It gives the results in another order than the units', so that journals would differ.")


def nothing_to_do(execution: Execution) -> None:
    """Without units it gives no results."""
    if execution.results([]):
        raise Breach("It gives results of no units.")


def stopped(execution: Execution) -> None:
    """It can be stopped after the first result, as by Ctrl-C, and work again after that."""
    if execution.results(range(UNITS), most=1) != [(0, 0)] or execution.results([1]) != [(1, 0), (1, 1)]:
        raise Breach("Stopped after the first result, it gives others than the units have the next time.")


CHECKS = (contract, light_import, results_in_order, nothing_to_do, stopped)
