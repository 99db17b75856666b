"""Checks of a plugin, and how they went. A check is a function that raises :class:`Breach` for what is wrong.

Its name says what it is called and the first line of its docstring what it claims, so that the checks of a kind are a
tuple of plain functions.
"""

from __future__ import annotations

import inspect
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Protocol

from harness.contracts.plugin import NoOptions, Plugin
from harness.errors import HarnessError, one_line
from harness.registry import check_class

# Libraries that take seconds to import, or that not everybody has, by the names under which they are imported.
HEAVY = {
    "torch": "torch", "transformers": "transformers", "datasets": "datasets", "matplotlib": "matplotlib", "ot": "POT",
    "segment_anything": "segment-anything",
}  # fmt: skip


class OfPlugin(Protocol):
    """What a check of any kind of plugin looks at."""

    @property
    def plugin(self) -> Plugin:
        """The plugin that is checked."""
        ...


class Breach(Exception):
    """What a plugin does wrong, in one sentence."""


class Unfit(Breach):
    """A fault after which no further check makes sense."""


class Moot(Exception):
    """Nothing to judge by this check: for a fault that is another check's to tell, or for what is not declared."""


class ConformanceError(AssertionError):
    """The faults of a plugin, a line each."""


@dataclass(frozen=True)
class CheckResult:
    """How a check went. ``fault``: one sentence, None for none. ``ran``: False where there was nothing to judge."""

    check: str
    claim: str
    fault: str | None = None
    ran: bool = True

    @property
    def passed(self) -> bool:
        """Whether the check ran and found no fault."""
        return self.ran and self.fault is None


def run_checks(subject: OfPlugin, checks: Sequence[Callable[[Any], None]]) -> list[CheckResult]:
    """The result of every check, in order. Whatever a plugin raises counts against the check that it raised it in.

    ``HarnessError`` of a check passes for a fault too; only loading the plugin, before, may refuse by one.
    """
    results: list[CheckResult] = []
    unfit = False
    for check in checks:
        name = check.__name__.strip("_").replace("_", " ")
        claim = inspect.getdoc(check) or ""
        claim = claim.partition("\n")[0]
        if unfit:
            results.append(CheckResult(name, claim, ran=False))
            continue
        fault = raised_by(lambda check=check: check(subject))  # type: ignore[misc]
        if isinstance(fault, Moot):
            results.append(CheckResult(name, claim, ran=False))
            continue
        unfit = isinstance(fault, Unfit)
        results.append(CheckResult(name, claim, None if fault is None else sentence(fault)))
    return results


def demand(plugin: Plugin, results: Iterable[CheckResult]) -> None:
    """Raise :class:`ConformanceError` where a check failed."""
    results = list(results)
    failed = [result for result in results if result.fault is not None]
    if failed:
        lines = [f"{plugin.name} fails {len(failed)} of {len(results)} checks:"]
        lines += [f"- {result.check}: {result.fault}" for result in failed]
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
    if isinstance(error, Breach):
        return " ".join(str(error).split())
    text = one_line(error)
    text = text if isinstance(error, HarnessError) else f"It raises {text}"
    return text if text.endswith(".") else f"{text}."


def load_plugin(plugin: Plugin) -> None:
    """Call the plugin's ``load``, where it has one; its ``HarnessError`` says what the user must give."""
    loading = getattr(plugin, "load", None)
    if loading is not None:
        loading()


def check_contract(plugin: Plugin, base: type[Plugin], kind: str) -> None:
    """Raise :class:`Unfit` where the registry would refuse the class, :class:`Breach` for what users would miss."""
    cls = type(plugin)
    try:
        check_class(base, cls, f"{kind}s")
    except TypeError as error:
        raise Unfit(f"{str(error).rstrip('.')}.") from error
    if not cls.summary():
        raise Breach(f"{cls.__name__} has no docstring; its first line is what `harness plugins` shows.")
    bare = [field for field, info in cls.Options.model_fields.items() if not info.description]
    if bare:
        raise Breach(f"The option {bare[0]!r} has no description; write Field(default=..., description='...').")
    if not isinstance(getattr(plugin, "options", None), NoOptions):
        raise Breach("It has no options; its __init__ must take `options` and call super().__init__(options).")


def light_import(subject: OfPlugin) -> None:
    """Its module is imported without torch, transformers, datasets, matplotlib, POT and segment-anything."""
    module = type(subject.plugin).__module__
    found = _imports(module)
    if found is None:
        raise Moot  # a class of a notebook, or of a test
    heavy = [HEAVY[name] for name in found]
    if heavy:
        raise Breach(
            f"The module {module} imports {' and '.join(heavy)} when it is imported: that makes `harness plugins` "
            "slow, and the plugin broken where it is not installed; import it in the methods that need it."
        )


@cache
def _imports(module: str) -> list[str] | None:
    """Which of ``HEAVY`` a fresh process has imported once it has imported a module; None where it cannot."""
    # The path is this process's: `-c` would put the current folder before it, which may hold another module so named.
    code = (
        "import sys; sys.path[:] = sys.argv[2:]; import importlib; importlib.import_module(sys.argv[1]); "
        f"print(*({set(HEAVY)!r} & set(sys.modules)))"
    )
    try:
        done = subprocess.run(
            [sys.executable, "-c", code, module, *sys.path], capture_output=True, text=True, timeout=120,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return None
    if done.returncode or module == "__main__":
        return None
    printed = done.stdout.splitlines()  # the module may print too
    return sorted(printed[-1].split()) if printed else []
