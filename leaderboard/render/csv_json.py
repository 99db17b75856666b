"""A leaderboard as JSON and as CSV: every figure, for programs."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from leaderboard.board import Board, Table
from leaderboard.figures import METRICS
from leaderboard.read.provenance import command_line
from leaderboard.read.runs import Run
from leaderboard.render.cell_text import plain
from leaderboard.statistics.ranking import Score
from leaderboard.statistics.resampling import FLIPS, LEVEL, RESAMPLES, SEED

FORMAT = 1
DIGITS = 6  # decimals of figures; below what rounding in sums could change
ALL = "all"
_ABOUT = ("mode", "model", "source", "finding", "size", "attributor", "rank")
_COUNTS = ("records", "images", "failed", "not_applicable")
_COST = ("fallback", "forward", "backward", "seconds", "p")
COLUMNS = (
    *_ABOUT, *_COUNTS, *(f"{name}{end}" for name in METRICS for end in ("", "_low", "_high")), *_COST,
)  # fmt: skip


def to_json(board: Board) -> str:
    """Everything that a board holds. Figures are parts of 1; ``p`` and ``adjusted`` are the sign-flip test's."""
    document = {
        "format": FORMAT,
        "statistics": {
            "interval": "BCa bootstrap over images", "level": LEVEL, "resamples": RESAMPLES, "seed": SEED,
            "test": "paired sign-flip over images, two-sided", "flips": FLIPS,
            "correction": "Holm over all pairs of attributors with a rank",
        },
        "notes": board.notes,
        "tables": [_table(table) for table in board.tables],
        "failures": [asdict(failure) for failure in board.failures],
        "runs": [_run(run) for run in board.runs],
    }  # fmt: skip
    return json.dumps(_rounded(document), indent=1, allow_nan=False) + "\n"


def _table(table: Table) -> dict[str, Any]:
    return {
        "mode": table.mode,
        "models": table.models,
        "records": table.records,
        "planned": table.planned,
        "images": table.images,
        "scores": [asdict(score) for score in table.scores],
        "pairs": [asdict(pair) for pair in table.pairs],
        "breakdowns": {
            by: [
                {
                    **part.about,
                    "name": part.name,
                    "records": part.records,
                    "images": part.images,
                    "scores": [asdict(score) for score in part.scores.values()],
                }
                for part in parts
            ]
            for by, parts in table.breakdowns.items()
        },
    }


def _run(run: Run) -> dict[str, Any]:
    return {
        "finished": run.finished,
        "planned": run.planned,
        "journal_sha256": run.digest,
        "repeat_with": command_line(run.header),
        "header": run.header,
    }


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _rounded(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(inner) for inner in value]
    return round(value, DIGITS) if isinstance(value, float) else value


def to_csv(board: Board) -> str:
    """One line for each attributor over all records of a mode, and over each part of them.

    ``all`` in a column means that the line is not only of one model, source, finding or size; figures are
    parts of 1, an empty cell is nothing. The rank is that among the lines which are about the same.
    """
    file = io.StringIO()
    writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
    writer.writeheader()
    for table in board.tables:
        for score in table.scores:
            writer.writerow(_line(table, {}, table.images, score))
        for parts in table.breakdowns.values():
            for part in parts:
                for score in part.scores.values():
                    writer.writerow(_line(table, part.about, part.images, score))
    return file.getvalue()


def _line(table: Table, about: dict[str, str], images: int, score: Score) -> dict[str, Any]:
    line: dict[str, Any] = dict.fromkeys(("model", "source", "finding", "size"), ALL)
    line |= {"mode": table.mode, "attributor": score.attributor, "images": images} | about
    line = {name: _harmless(value) if isinstance(value, str) else value for name, value in line.items()}
    line |= {name: getattr(score, name) for name in ("rank", *_COUNTS, *_COST) if name != "images"}
    line |= dict(_figures(score))
    return {name: round(value, DIGITS) if isinstance(value, float) else value for name, value in line.items()}


def _figures(score: Score) -> Iterator[tuple[str, float | None]]:
    for metric in METRICS:
        low, high = score.intervals.get(metric, (None, None))
        yield metric, getattr(score, metric)
        yield f"{metric}_low", low
        yield f"{metric}_high", high


def _harmless(text: str) -> str:
    """Text that a spreadsheet takes for text: one that begins like a formula gets an apostrophe before it."""
    text = plain(text)
    return f"'{text}" if text.startswith(("=", "+", "-", "@")) else text
