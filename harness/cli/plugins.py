"""``harness plugins``: what is installed, what it takes, and what is broken; ``check`` and ``new`` are beside it."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any

from harness.testing import command_check as plugin_check
from harness.testing import command_new as plugin_new

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from harness.contracts.plugin import Plugin
    from harness.registry import Kind, Origin, Registry


def add_parser(subparsers: Any, broken_commands: Sequence[tuple[str, str, str]] = ()) -> None:
    """Add ``plugins`` and what it has below it. ``broken_commands``: entry, distribution and error of each."""
    parser = subparsers.add_parser(
        "plugins",
        help="list the installed plugins; show, check or begin one",
        description="List the installed models, attributors, editors, sources, metrics, observers and executors, and "
        "what is broken.",
        allow_abbrev=False,
    )
    parser.set_defaults(run=lambda args: list_plugins(broken_commands))
    below = parser.add_subparsers(title="about one plugin", metavar="[show | check | new]")
    show = below.add_parser(
        "show",
        help="one plugin's needs and options",
        description="Show what one plugin is, what it needs and which options it takes.",
        allow_abbrev=False,
    )
    show.add_argument("name", metavar="NAME", help="a plugin's name or alias")
    show.set_defaults(run=lambda args: show_plugin(args.name))
    plugin_check.add_parser(below)
    plugin_new.add_parser(below)


def list_plugins(broken_commands: Sequence[tuple[str, str, str]] = ()) -> None:
    """Print a table a kind, then what failed to load."""
    from rich.console import Console
    from rich.text import Text

    from harness.registry import KINDS, Registry

    registry, console = Registry.discover(), Console()
    classes = {kind: registry.all(kind) for kind in KINDS}
    every = list(chain.from_iterable(classes.values()))
    # The same widths in all tables, so that their columns stand below each other.
    names = max([10, *(len(name) for cls in every for name in (cls.name, *cls.aliases))])
    origins = max([10, *(len(_origin(registry.origin(cls))) for cls in every)])
    for kind, found in classes.items():
        table = _table(f"{kind.capitalize()}s")
        table.add_column("name", min_width=min(names, 30), max_width=30, overflow="fold")
        table.add_column("what it is", ratio=1)
        table.add_column("from", min_width=min(origins, 24), max_width=24, overflow="fold", style="dim")
        for cls in found:
            label = Text(cls.name, style="bold cyan")
            for word in (*cls.aliases, *(["(default)"] if cls.default else [])):
                label.append(f"\n{word}", style="not bold dim")
            about = Text(cls.summary())
            if kind == "metric":
                about.append(f"\n{cls.title}: {_better(cls)}; needs {', '.join(sorted(cls.needs))}", style="dim")
            table.add_row(label, about, Text(_origin(registry.origin(cls))))
        if not found:
            table.add_row(Text("none", style="dim"), "", "")
        console.print(table)
        console.print()
    broken = [(item.entry, item.distribution, item.error) for item in registry.broken]
    if broken := [*broken, *broken_commands]:
        table = _table("Broken", style="bold red")
        table.add_column("entry", min_width=min(names, 30), max_width=30, overflow="fold")
        table.add_column("why", ratio=1, overflow="fold")
        table.add_column("from", min_width=min(origins, 24), max_width=24, overflow="fold", style="dim")
        for entry, distribution, error in broken:
            table.add_row(Text(entry), Text(error), Text(distribution))
        console.print(table)


def show_plugin(name: str) -> None:
    """Print everything about each plugin that has this name, of whatever kind."""
    from rich.console import Console

    from harness.registry import Registry

    registry, console = Registry.discover(), Console()
    for kind, cls in registry.named(name):
        _show(console, kind, cls, registry)


def _show(console: Console, kind: Kind, cls: type[Plugin], registry: Registry) -> None:
    from rich.text import Text

    from harness.cli.option_list import describe_options

    origin = registry.origin(cls)
    console.print(Text.assemble((cls.name, "bold cyan"), f"  {kind}"))
    summary, _, rest = inspect.cleandoc(cls.__doc__ or "").partition("\n")
    console.print(Text(summary))
    if rest.strip():
        console.print(Text(f"\n{rest.strip()}", style="dim"))
    console.print()
    facts = _table(None)
    facts.show_header = False
    facts.add_column("fact", style="dim", no_wrap=True)
    facts.add_column("value", ratio=1, overflow="fold")
    for label, value in _facts(kind, cls, origin, registry):
        facts.add_row(Text(label), Text(value))
    console.print(facts)
    console.print()
    options = describe_options(cls)
    if not options:
        console.print(Text("It takes no options."))
        return
    table = _table("Options")
    table.show_header = False
    table.add_column("field", style="bold", overflow="fold")
    table.add_column("what it is", ratio=1, overflow="fold")
    for field, takes, default, description in options:
        table.add_row(
            Text(field),
            Text.assemble((takes, "cyan"), ("; default ", "dim"), _short(default), f"\n{description}"),
        )
    console.print(table)
    console.print()
    console.print(Text.assemble("For example  ", (_example(cls.name, options), "bold")))


def _facts(kind: Kind, cls: Any, origin: Origin, registry: Registry) -> list[tuple[str, str]]:
    """What a plugin asks for or offers, and where it is from."""
    from harness.contracts.attributor import missing

    rows = []
    if cls.aliases:
        rows.append(("also called", ", ".join(cls.aliases)))
    if kind == "attributor":
        rows.extend([("the same as", cls.same_as)] if cls.same_as else [])
        models = [model.name for model in registry.all("model") if not missing(cls, model)]
        rows.append(("needs", ", ".join([*sorted(cls.needs), *(["grounding"] if cls.grounding else [])]) or "nothing"))
        rows.append(("captures", ", ".join(sorted(cls.captures)) or "nothing"))
        rows.append(("works with", ", ".join(models) or "no installed model"))
    elif kind == "model":
        able = [method.name for method in registry.all("attributor") if not missing(method, cls)]
        rows.append(("offers", ", ".join(sorted(cls.capabilities)) or "nothing"))
        rows.append(("grounds", {True: "yes", False: "no", None: "it does not say"}[cls.grounds]))
        rows.append(("works with", ", ".join(able) or "no installed attributor"))
        if getattr(cls, "checkpoint", None):
            rows.append(("checkpoint", str(cls.checkpoint)))
    elif kind == "source":
        rows.extend(("needs", f"{file.path}: {file.holds}") for file in cls.data)
        if cls.bench is not None:
            rows.append(("benchmark", str(cls.bench)))
        rows.append(("edited by", cls.editor or "the editor that --editor names"))
        rows.append(("licence", cls.licence))
    elif kind == "metric":
        rows.append(("title", cls.title))
        rows.append(("legend", cls.legend))
        rows.append(("needs", ", ".join(sorted(cls.needs)) or "nothing"))
        rows.extend([("uses", f"{', '.join(sorted(cls.wants))}, where there is one")] if cls.wants else [])
        rows.append(("better", "more" if cls.higher_is_better else "less"))
        rows.append(("worst", f"{cls.worst:g}, which a failed result counts as"))
        rows.append(("shown", "times 100, in percent" if cls.percent else "as it is"))
    elif kind == "observer":
        rows.append(("keeps", f"files in the folder {cls.folder} of a run"))
    if cls.default:
        used = "every run measures it" if kind == "metric" else "commands use it where none is named"
        rows.append(("default", f"yes: {used}"))
    rows.append(("from", f"{_origin(origin)}, module {origin.module}"))
    return rows


def _better(metric: Any) -> str:
    return "more is better" if metric.higher_is_better else "less is better"


def _example(name: str, options: list[tuple[str, str, str, str]]) -> str:
    """An ``-o`` argument that can be typed as it stands, or at least shows what goes where."""
    from harness.cli.option_list import REQUIRED

    for field, takes, default, _ in options:
        choices = takes.split(" or ")
        if default in choices and default != "none":
            values = [choice for choice in choices if choice != default and " " not in choice]  # a type has a space
            return f"-o {name}.{field}={next(iter(values), default)}"
    for field, _, default, _ in options:
        if default not in ("none", REQUIRED) and "/" not in default:
            return f"-o {name}.{field}={default}"
    field, takes, *_ = options[0]
    return f"-o {name}.{field}={takes.split(' or ')[0].upper()}"


def _origin(origin: Origin) -> str:
    return f"{origin.distribution} {origin.version}".strip()


def _short(value: str) -> str:
    """The last two parts of a long path; everything else as it is."""
    parts = value.split("/")
    return f"…/{'/'.join(parts[-2:])}" if len(value) > 40 and len(parts) > 3 else value


def _table(title: str | None, style: str = "bold") -> Table:
    from rich.table import Table
    from rich.text import Text

    return Table(
        title=None if title is None else Text(title, style=style),
        title_justify="left",
        box=None,
        expand=True,
        pad_edge=False,
        padding=(0, 2, 0, 0),
        header_style="dim",
    )
