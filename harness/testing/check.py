"""Checks of a plugin, and their outcomes. A check is a function that raises :class:`Fault` for what is wrong.

Its name says what it is called and the first line of its docstring what it claims, so that a suite of checks is a tuple
of plain functions.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from harness.contracts.plugin import NoOptions, Plugin
from harness.errors import HarnessError, one_line
from harness.registry import check_class

Subject = TypeVar("Subject")


class Fault(Exception):
    """What a plugin does wrong, in one sentence."""


class Unfit(Fault):
    """A fault after which no further check makes sense."""


class Moot(Exception):
    """Nothing to judge by this check: for a fault that is another check's to tell, or for what is not declared."""


class ConformanceError(AssertionError):
    """The faults of a plugin, a line each."""


@dataclass(frozen=True)
class Outcome:
    """How a check went. ``fault``: one sentence, None for none. ``ran``: False where there was nothing to judge."""

    check: str
    claim: str
    fault: str | None = None
    ran: bool = True

    @property
    def passed(self) -> bool:
        """Whether the check ran and found no fault."""
        return self.ran and self.fault is None


def run_checks(subject: Subject, checks: Sequence[Callable[[Subject], None]]) -> list[Outcome]:
    """The outcome of every check, in order. Whatever a plugin raises counts against the check that it raised it in.

    ``HarnessError`` of a check passes for a fault too; only loading the plugin, before, may refuse by one.
    """
    outcomes: list[Outcome] = []
    unfit = False
    for check in checks:
        name = check.__name__.strip("_").replace("_", " ")
        claim = inspect.getdoc(check) or ""
        claim = claim.partition("\n")[0]
        if unfit:
            outcomes.append(Outcome(name, claim, ran=False))
            continue
        fault = raised_by(lambda check=check: check(subject))  # type: ignore[misc]
        if isinstance(fault, Moot):
            outcomes.append(Outcome(name, claim, ran=False))
            continue
        unfit = isinstance(fault, Unfit)
        outcomes.append(Outcome(name, claim, None if fault is None else sentence(fault)))
    return outcomes


def demand(plugin: Plugin, outcomes: Iterable[Outcome]) -> None:
    """Raise :class:`ConformanceError` where a check failed."""
    outcomes = list(outcomes)
    failed = [outcome for outcome in outcomes if outcome.fault is not None]
    if failed:
        lines = [f"{plugin.name} fails {len(failed)} of {len(outcomes)} checks:"]
        lines += [f"- {outcome.check}: {outcome.fault}" for outcome in failed]
        raise ConformanceError("\n".join(lines))


def raised_by(call: Callable[[], Any]) -> BaseException | None:
    """What a call of plugin code raises, ``SystemExit`` included; None where it returns."""
    try:
        call()
    except (Exception, SystemExit) as error:
        return error
    return None


def sentence(error: BaseException) -> str:
    """An error as one line that reads as a sentence."""
    if isinstance(error, Fault):
        return " ".join(str(error).split())
    text = one_line(error)
    text = text if isinstance(error, HarnessError) else f"It raises {text}"
    return text if text.endswith(".") else f"{text}."


def load(plugin: Plugin) -> None:
    """Call the plugin's ``load``, where it has one; its ``HarnessError`` says what the user must give."""
    loading = getattr(plugin, "load", None)
    if loading is not None:
        loading()


def check_contract(plugin: Plugin, base: type[Plugin], kind: str) -> None:
    """Raise :class:`Unfit` where the registry would refuse the class, :class:`Fault` where users would miss a thing."""
    cls = type(plugin)
    try:
        check_class(base, cls, f"{kind}s")
    except TypeError as error:
        raise Unfit(f"{str(error).rstrip('.')}.") from error
    if not cls.summary():
        raise Fault(f"{cls.__name__} has no docstring; its first line is what `harness plugins` shows.")
    bare = [field for field, info in cls.Options.model_fields.items() if not info.description]
    if bare:
        raise Fault(f"The option {bare[0]!r} has no description; write Field(default=..., description='...').")
    if not isinstance(getattr(plugin, "options", None), NoOptions):
        raise Fault("It has no options; its __init__ must take `options` and call super().__init__(options).")
