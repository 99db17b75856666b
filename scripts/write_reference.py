"""Write docs/reference.md: every command, every option and every built-in plugin, from the code itself.

    python -m scripts.write_reference

It holds what medground-harness alone brings, whatever else is installed and however wide the terminal is;
tests/test_docs.py fails where the file is not what this gives.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from harness.cli.main import build_parser
from harness.cli.option_list import REQUIRED, describe_options
from harness.contracts.plugin import NoOptions, Plugin
from harness.registry import KINDS, OWN, Kind, Registry
from harness.run.options_json import shipped

OUT = Path(__file__).parents[1] / "docs" / "reference.md"
HEAD = """\
# Reference

Every command, and every plugin that ships, with all options. `python -m scripts.write_reference` writes this page from
the code; a test fails where it is not up to date. What you have installed besides, `harness plugins` lists and
`harness plugins show NAME` describes in the same words.

The exit status of every command is 0 when all is done, 1 when a part failed (a result, a check, an incomplete data
set), 2 when something that you gave is wrong, and 130 when it was interrupted. An error is one sentence on standard
error; with `--debug`, which every command takes, its traceback stands above it. Standard output has a command's result
alone, as `harness eval ... > table.txt` does the table; progress and notes go to standard error.
"""
KIND_HEADS: dict[Kind, str] = {
    "attributor": "Methods that explain an answer. `needs` are the capabilities that a model must offer for it; "
    "`captures` are what it reads of a trace.",
    "model": "Vision-language models. `offers` are its capabilities.",
    "editor": "Counterfactual editors, for `harness build`.",
    "source": "Where annotated images come from. Paths are below `--data-root`.",
    "metric": "What results are measured by; each is a column of a board. `needs` are what it measures from: the "
    "`boxes` of a result, which journals have, its `map`, the source's true `mask`, the `model`.",
    "observer": "What keeps files of each explanation: those that a run's settings ask for, or `--observer` names.",
    "executor": "Who does the work of a run; `--executor` names another than the default.",
}


def render() -> str:
    """The whole page."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    commands = list(_commands(build_parser(others=False)))
    registry = Registry.discover()
    classes = {kind: [cls for cls in registry.all(kind) if registry.origin(cls).distribution == OWN] for kind in KINDS}
    headings = ["Reference", "Commands", *(f"harness {name}" for name, *_ in commands)]
    for kind in KIND_HEADS:
        headings += [f"{kind}s", *(f"{kind} {cls.name}" for cls in classes[kind])]
    anchor = dict(zip(headings, anchors(headings), strict=True))
    yield HEAD
    yield "- Commands: " + ", ".join(f"[harness {name}](#{anchor[f'harness {name}']})" for name, *_ in commands)
    for kind in KIND_HEADS:
        links = [f"[{cls.name}](#{anchor[f'{kind} {cls.name}']})" for cls in classes[kind]]
        yield f"- {kind.capitalize()}s: {', '.join(links)}"
    yield from ("", "# Commands")
    for name, help_text, parser in commands:
        yield from _command(name, help_text, parser)
    for kind, text in KIND_HEADS.items():
        yield from ("", f"# {kind.capitalize()}s", "", text)
        told: dict[type[NoOptions], str] = {}  # the Options classes described so far, and where; a family shares one
        for cls in classes[kind]:
            yield from _plugin(kind, cls, told)
            told.setdefault(cls.Options, f"[{cls.name}](#{anchor[f'{kind} {cls.name}']})")


def _commands(parser: argparse.ArgumentParser, path: str = "") -> Iterator[tuple[str, str, argparse.ArgumentParser]]:
    """Name, short help and parser of each command, those below another after it."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            helps = {choice.dest: choice.help or "" for choice in action._choices_actions}
            for name, below in action.choices.items():
                yield f"{path}{name}", helps.get(name, ""), below
                yield from _commands(below, f"{path}{name} ")


def _command(name: str, help_text: str, parser: argparse.ArgumentParser) -> Iterator[str]:
    passed_over = argparse._HelpAction, argparse._SubParsersAction
    given = [a for a in parser._actions if not isinstance(a, passed_over) and a.dest != "debug"]
    yield from ("", f"## harness {name}", "", _words(parser.description or help_text), "")
    yield f"    {_usage(name, parser, given)}"
    if given:
        yield ""
    for action in given:
        yield f"- {_argument(action)}: {_words((action.help or '').replace('%%', '%'))}"


def _usage(name: str, parser: argparse.ArgumentParser, given: Sequence[argparse.Action]) -> str:
    if parser.usage:
        return parser.usage
    below = [str(a.metavar) for a in parser._actions if isinstance(a, argparse._SubParsersAction)]
    places = [_metavar(action) for action in given if not action.option_strings]
    needed = [f"{a.option_strings[-1]} {_metavar(a)}" for a in given if a.option_strings and a.required]
    optional = ["[options]"] if any(a.option_strings and not a.required for a in given) else []
    return " ".join([f"harness {name}", *below, *places, *needed, *optional])


def _argument(action: argparse.Action) -> str:
    """How it is written on the command line, as code."""
    value = _metavar(action) if action.nargs != 0 else ""
    names = [f"{name} {value}".rstrip() for name in action.option_strings] or [value]
    return ", ".join(f"`{name}`" for name in names)


def _metavar(action: argparse.Action) -> str:
    if action.metavar is not None:
        name = str(action.metavar if isinstance(action.metavar, str) else action.metavar[0])
    elif action.choices is not None:
        name = f"{{{','.join(map(str, action.choices))}}}"
    else:
        name = action.dest.upper()
    return f"{name} [{name} ...]" if action.nargs == "+" else name


def _plugin(kind: Kind, cls: Any, told: dict[type[NoOptions], str]) -> Iterator[str]:
    """One plugin. ``told``: links to those that have described a class of options already."""
    yield from ("", f"## {kind} {cls.name}", "", _words(cls.summary()), "")
    yield from (f"- {label}: {text}" for label, text in _facts(kind, cls))
    options = describe_options(cls)
    if not options:
        yield "- options: none"
    elif cls.Options in told:
        yield f"- options: those of {told[cls.Options]}"
    else:
        yield "- options, each set by `-o NAME.FIELD=VALUE`:"
        for field, takes, default, text in options:
            yield f"  - `{cls.name}.{field}` (`{takes}`; {_default(cls, default)}): {_words(text)}"


def _default(cls: type[Plugin], default: str) -> str:
    if default == REQUIRED:
        return "required"
    return f"default `{shipped(cls, Path(default)) if Path(default).is_absolute() else default}`"


def _facts(kind: Kind, cls: Any) -> Iterator[tuple[str, str]]:
    if cls.aliases:
        yield "also called", ", ".join(f"`{alias}`" for alias in cls.aliases)
    if kind == "attributor":
        if cls.same_as:
            yield "the same as", f"[{cls.same_as}](#attributor-{cls.same_as}), by algebra"
        yield "needs", ", ".join([*sorted(cls.needs), *(["grounding"] if cls.grounding else [])]) or "nothing"
        yield "captures", ", ".join(sorted(cls.captures)) or "nothing"
    elif kind == "model":
        yield "offers", ", ".join(sorted(cls.capabilities))
        yield "grounds", {True: "yes", False: "no", None: "it does not say"}[cls.grounds]
        yield "checkpoint", f"`{shipped(cls, Path(cls.checkpoint))}`"
    elif kind == "source":
        for file in cls.data:
            yield "needs", f"`{file.path}`: {_words(file.holds)}, from {_words(file.origin)}, <{file.url}>"
        if cls.bench is not None:
            yield "benchmark", f"`{shipped(cls, Path(cls.bench))}`"
        yield "edited by", f"`{cls.editor}`" if cls.editor else "the editor that `--editor` names"
        yield "licence", _words(cls.licence)
    elif kind == "metric":
        yield "title", _words(cls.title)
        yield "legend", _words(cls.legend)
        yield "needs", ", ".join(sorted(cls.needs))
        if cls.wants:
            yield "uses", f"{', '.join(sorted(cls.wants))}, where there is one"
        yield "better", "more" if cls.higher_is_better else "less"
        yield "worst", f"{cls.worst:g}, which a failed result counts as"
        yield "shown", "times 100, in percent" if cls.percent else "as it is"
    elif kind == "observer":
        yield "keeps", f"files in the folder `{cls.folder}` of a run"
    if cls.default:
        yield "default", "every run measures it" if kind == "metric" else "used where none is named"


def anchors(headings: Sequence[str]) -> list[str]:
    """The anchors that GitHub gives the headings of a page; of those that would be alike, later ones get a number."""
    found: list[str] = []
    seen: dict[str, int] = {}
    for heading in headings:
        slug = re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        count = seen.get(slug, 0)
        seen[slug] = count + 1
        found.append(f"{slug}-{count}" if count else slug)
    return found


def _words(text: str) -> str:
    """Text as Markdown shows it: what is in backticks stays code, all else is no markup."""
    parts = text.split("`")
    parts[::2] = [re.sub(r"([\\*_|~\[\]<>])", r"\\\1", part) for part in parts[::2]]
    return "`".join(parts)


if __name__ == "__main__":
    OUT.write_text(render(), encoding="utf-8")
