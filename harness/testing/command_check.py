"""``harness plugins check``: does a plugin keep its contract?"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.errors import HarnessError
from harness.flags import add_option_argument, prepare

if TYPE_CHECKING:
    from rich.console import Console

    from harness.contracts.plugin import NoOptions
    from harness.registry import Kind, Registry
    from harness.testing.check import CheckResult


def add_parser(subparsers: Any) -> None:
    """Add ``check``."""
    parser = subparsers.add_parser(
        "check",
        help="whether a plugin keeps its contract",
        description="Check an installed plugin against its contract, by the checks of harness.testing, which its own "
        "tests can call too. An editor edits the first sample of the source of its name, where there is one.",
        allow_abbrev=False,
    )
    parser.add_argument("name", metavar="NAME", help="a plugin's name or alias")
    parser.add_argument("--data-root", type=Path, metavar="DIR", help="folder that holds a source's data set")
    add_option_argument(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Check every plugin of the name, a table each. Returns 1 where a check failed."""
    prepare(None)
    from rich.console import Console

    from harness.options import for_plugins
    from harness.registry import Registry

    registry, console = Registry.discover(), Console()
    found = registry.named(args.name)
    options = for_plugins(args.option, [cls for _, cls in found])
    failed = 0
    for kind, cls in found:
        origin = registry.origin(cls)
        console.print(
            f"{cls.name}, {kind} of {origin.distribution} {origin.version}".rstrip(), markup=False, highlight=False
        )
        with console.status("checking"):
            results = check(registry, kind, cls, options[cls], args.data_root)
        show(results, console)
        failed += sum(not result.passed for result in results)
    return 1 if failed else 0


def check(registry: Registry, kind: Kind, cls: Any, options: NoOptions, data_root: Path | None) -> list[CheckResult]:
    """Set a plugin up and check it. Raises ``HarnessError`` where it cannot be set up."""
    from harness.errors import one_line
    from harness.testing.attributors import run_attributor_checks
    from harness.testing.editors import run_editor_checks
    from harness.testing.executors import run_executor_checks
    from harness.testing.metrics import run_metric_checks
    from harness.testing.models import run_model_checks
    from harness.testing.observers import run_observer_checks
    from harness.testing.sources import run_source_checks

    checks: dict[Kind, Callable[..., list[CheckResult]]] = {
        "attributor": run_attributor_checks, "editor": run_editor_checks, "executor": run_executor_checks,
        "metric": run_metric_checks, "model": run_model_checks, "observer": run_observer_checks,
        "source": run_source_checks,
    }  # fmt: skip
    try:
        plugin = cls(options, data_root) if kind == "source" else cls(options)
        example = _example(registry, cls.name, data_root) if kind == "editor" else ()
        return checks[kind](plugin, *example)
    except HarnessError:
        raise
    except Exception as error:
        raise HarnessError(f"The {kind} {cls.name!r} cannot be set up: {one_line(error)}.") from error


def _example(registry: Registry, name: str, data_root: Path | None) -> tuple[Any, ...]:
    """An image that the editor of this name edits, and its sample: its source's first; nothing where it has none."""
    for cls in registry.all("source"):
        if cls.name == name:
            source = cls(None, data_root)
            for sample in source.samples():
                return source.image(sample), sample
    return ()


def show(results: Sequence[CheckResult], console: Console) -> None:
    """Print a table: each check, how it went, and in one sentence what it claims or what is wrong."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("check", no_wrap=True)
    table.add_column("result", no_wrap=True)
    table.add_column("", overflow="fold")
    for result in results:
        if result.passed:
            table.add_row(Text(result.check), Text("passed", "green"), Text(result.claim, "dim"))
        elif result.ran:
            table.add_row(Text(result.check), Text("failed", "bold red"), Text(result.fault or "", "red"))
        else:
            table.add_row(Text(result.check), Text("not run", "yellow"), Text(result.claim, "dim"))
    console.print(table)
    passed = sum(result.passed for result in results)
    idle = sum(not result.ran for result in results)
    rest = f", {idle} not run: nothing to judge" if idle else ""
    console.print(f"{passed} of {len(results)} checks passed{rest}\n", markup=False, highlight=False)
