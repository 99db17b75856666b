"""``harness sanity``: shuffle the model's weights, and see whose maps do not notice.

Imports nothing heavy before it runs.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from harness.errors import HarnessError
from harness.flags import add_settings, prepare, read_settings
from harness.text import beside, say

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from harness.participants import Participant
    from harness.sanity.report import Compared, Report
    from harness.sanity.settings import SanitySettings

NOTHING = "–"
_STEPS_SHOWN = 8


def add_parser(subparsers: Any) -> None:
    """Add ``sanity``."""
    from harness.sanity.settings import SanitySettings

    parser = subparsers.add_parser(
        "sanity",
        help="check that a method's maps depend on what the model has learnt",
        description="Explain the same answers by the model and by the model with its weights shuffled, part by part "
        "from the output down until none is left, and print how alike the maps are: their rank correlation, the mean "
        "over records. A method that explains the model comes out near 0, one that does not read it at 1.",
        allow_abbrev=False,
    )
    add_settings(parser, SanitySettings)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> None:
    """Check, write the figures, and print them. What can be refused early is refused before a model is loaded."""
    from harness.sanity.settings import SanitySettings

    settings = read_settings(args, SanitySettings)
    if settings is None:
        return
    if settings.output.suffix.lower() != ".json" or settings.output.is_dir():
        raise HarnessError(f"The figures are JSON; give --output a name that ends in .json, not {settings.output}.")
    if not settings.output.parent.is_dir():
        raise HarnessError(f"The folder {settings.output.parent} does not exist; give another --output.")
    prepare(settings.threads, settings.cache)
    from rich.console import Console

    from harness.sanity.report import write_report

    with Console(stderr=True).status("Reading the records …") as status:
        report = _check(settings, status.update)
    write_report(report, settings.output)
    console = Console()
    _show(report, console)
    say(beside(console), f"Written to {settings.output}")


def _check(settings: SanitySettings, doing: Any) -> Report:
    from harness.registry import Registry
    from harness.run.provenance import describe, environment
    from harness.run.select import select
    from harness.sanity.randomisation import randomise
    from harness.sanity.report import PASS_MARK, Report

    registry, as_run = Registry.discover(), settings.as_run
    selection = select(registry, as_run)
    found = randomise(selection, settings.seed, settings.upsampling, settings.at_once, doing)
    kinds: dict[str, list[Participant[Any]]] = {"attributor": selection.attributors, "model": selection.models}
    about = environment()
    return Report.read(
        {
            "format": 1,
            **{name: about[name] for name in ("harness", "torch", "transformers", "device")},
            "seed": settings.seed,
            "limit": as_run.at_most,
            "upsampling": settings.upsampling,
            "pass_mark": PASS_MARK,
            "plugins": {kind: {one.label: describe(registry, one) for one in some} for kind, some in kinds.items()},
            "compared": [one.line() for one in found],
        }
    )


def _show(report: Report, console: Console) -> None:
    """The correlations of all weights at once, and how each model's maps lost theirs."""
    from harness.sanity.report import PASSED

    by_method: dict[str, list[Compared]] = {}
    for one in report.compared:
        by_method.setdefault(one.attributor, []).append(one)
    models = list(dict.fromkeys(one.model for one in report.compared))
    console.print(_at_once(by_method, models))
    console.print()
    for model in models:
        parts: list[str] = []
        for one in report.compared:
            parts += [part for part in one.cascade if one.model == model and part not in parts]
        if parts:
            shown = {1 + place * (len(parts) - 1) // (_STEPS_SHOWN - 1) for place in range(_STEPS_SHOWN)}
            steps = {number: part for number, part in enumerate(parts, 1) if number in shown}
            console.print(_cascade(by_method, model, steps))
            console.print()
            for number, part in steps.items():
                say(console, f"{number:>2}  {part}")
            console.print()
    for label in report.plugins["attributor"]:
        some = by_method.get(label, [])
        missing, why = sum(one.missing for one in some), next((one.why for one in some if one.why), None)
        if not some:
            say(beside(console), f"{label} needs what none of the models offers.")
        elif missing:
            say(beside(console), f"{label} gave no map of {missing} records, before or after: {why}")
    say(console, f"Passed ({PASSED}): on each model the mean lies between {-report.pass_mark} and {report.pass_mark}.")


def _at_once(by_method: dict[str, list[Compared]], models: list[str]) -> Table:
    from harness.sanity.report import NOT_PASSED, PASSED, mean, passes

    table = _table("All weights shuffled: rank correlation with the map before", ["Records", *models, "Passed"])
    order = sorted(by_method.items(), key=lambda item: abs(mean(item[1]) or 0))
    for label, some in order:
        records = sum(len(one.correlations) for one in some)
        cells = [_number(mean([one for one in some if one.model == model])) for model in models]
        mark = NOTHING if not records else PASSED if passes(some) else NOT_PASSED
        table.add_row(label, str(records), *cells, mark)
    return table


def _cascade(by_method: dict[str, list[Compared]], model: str, steps: dict[int, str]) -> Table:
    table = _table(f"{model}: shuffled from the output down to part", [str(number) for number in steps])
    for label, some in by_method.items():
        mine = [one for one in some if one.model == model and one.correlations]
        counts = [len(one.correlations) for one in mine]
        means = [
            sum(count * one.cascade[part] for count, one in zip(counts, mine, strict=True)) / sum(counts)
            if all(part in one.cascade for one in mine) and mine
            else None
            for part in steps.values()
        ]
        table.add_row(label, *map(_number, means))
    return table


def _table(title: str, headings: list[str]) -> Table:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False, title=Text(title, style="bold"))
    table.title_justify = "left"
    table.add_column("Attributor", no_wrap=True)
    for heading in headings:
        table.add_column(Text(heading), justify="right")
    return table


def _number(value: float | None) -> str:
    return NOTHING if value is None else f"{value + 0.0:.2f}"
