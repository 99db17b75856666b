"""A leaderboard as Markdown, with where every figure comes from. The same journals give the same bytes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

from leaderboard.cells import EXPLAINED, main_header, main_row, model_header, model_row
from leaderboard.tables import Board

NONE = "none"
_SPECIAL = re.compile(r"([\\`*_\[\]|~$])")


def escape(text: str) -> str:
    """Text that Markdown shows as it is: no markup, no HTML, no line break, no end of a table's cell."""
    text = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _SPECIAL.sub(r"\\\1", text)


def render(board: Board) -> str:
    """The whole document."""
    return "\n".join(_lines(board)) + "\n"


def _lines(board: Board) -> Iterator[str]:
    yield from ("# Leaderboard", "", EXPLAINED)
    for note in board.notes:
        yield from ("", escape(note))
    for table in board.tables:
        yield from ("", f"## {escape(table.name)}", "", f"{escape(table.extent)}.", "")
        yield from _table(main_header(table), [main_row(table, score) for score in table.scores])
        if len(table.models) > 1:
            yield from ("", "IoU by model:", "")
            yield from _table(model_header(table), [model_row(table, score) for score in table.scores])
    if board.failures:
        yield from ("", "## Failures", "", "Each counts as zero in every figure.", "")
        rows = [[", ".join(f.attributors), f.error, str(f.count)] for f in board.failures]
        yield from _table(["Attributor", "Why", "Results"], rows, left=2)
    yield from ("", "## Provenance")
    for number, header in enumerate(board.headers, 1):
        if len(board.headers) > 1:
            yield from ("", f"### Run {number}")
        yield ""
        yield from _table(["Setting", "Value"], _settings(header), left=2)
        yield ""
        yield from _table(["Kind", "Plugin", "Distribution", "Module", "Options"], _plugins(header), left=5)


def _settings(header: dict[str, Any]) -> list[list[str]]:
    rows = [
        [name, NONE if header.get(name) is None else str(header[name])]
        for name in ("harness", "python", "torch", "transformers", "device", "seed", "limit")
    ]
    for mode, bench in header["bench"].items():
        counts = ", ".join(f"{model} {count}" for model, count in header["planned"][mode].items())
        rows.append([f"{mode} records", f"{counts} (of {bench['records']}; SHA-256 {bench['sha256']})"])
    return [*rows, ["samples", f"SHA-256 {header['samples']}"]]


def _plugins(header: dict[str, Any]) -> list[list[str]]:
    return [
        [
            kind,
            name,
            f"{about['distribution']} {about['version']}".strip(),
            about["module"],
            ", ".join(f"{field}={_option(value)}" for field, value in about["options"].items()) or NONE,
        ]
        for kind, plugins in header["plugins"].items()
        for name, about in plugins.items()
    ]


def _option(value: Any) -> str:
    return value if isinstance(value, str) else NONE if value is None else json.dumps(value)


def _table(header: Sequence[str], rows: Sequence[Sequence[str]], left: int = 0) -> Iterator[str]:
    """A pipe table; the first ``left`` columns are text, and the one that holds the attributor's name."""
    yield f"| {' | '.join(map(escape, header))} |"
    sides = ("---" if place < left or name == "Attributor" else "---:" for place, name in enumerate(header))
    yield f"| {' | '.join(sides)} |"
    for row in rows:
        yield f"| {' | '.join(map(escape, row))} |"
