"""A leaderboard as JSON and as CSV: every figure, for programs."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import asdict
from typing import Any

from harness.text import plain
from leaderboard.board import Board, Ranking
from leaderboard.read.joined import Run
from leaderboard.read.provenance_lines import eval_command
from leaderboard.statistics.mean_test import DRAWS_A_TEST, LEAST_DRAWS
from leaderboard.statistics.ranking import Score
from leaderboard.statistics.resampling import LEVEL, RESAMPLES, SEED

FORMAT = 3
DIGITS = 6  # decimals of figures; below what rounding in sums could change
ALL = "all"
_ABOUT = ("mode", "model", "source", "finding", "size", "attributor", "rank")
_COUNTS = ("records", "images", "failed", "not_applicable")
_COST = (
    "fallback", "empty", "flat", "forward", "backward", "seconds", "p", "p_floor", "sanity", "sane", "gain", "gain_low",
    "gain_high", "over",
)  # fmt: skip
_VERIFIED = "verified"


def to_json(board: Board) -> str:
    """Everything that a board holds. Figures are as the metrics give them, none of them times 100. A pair's
    ``p`` is before, its ``adjusted`` after Holm's adjustment; a method's ``p`` is the adjusted one against the best.
    One that is no greater than its ``p_floor`` is a bound: nothing less could have come out."""
    content = {
        "format": FORMAT,
        "statistics": {
            "interval": "BCa bootstrap over images", "level": LEVEL, "resamples": RESAMPLES, "seed": SEED,
            "test": "paired bootstrap-t of the mean over images, two-sided", "draws": LEAST_DRAWS,
            "draws_a_pair": DRAWS_A_TEST,
            "correction": "Holm over all pairs of attributors with a rank",
        },
        "metrics": {name: facts.model_dump(mode="json") for name, facts in board.measures.facts.items()},
        "ranked_by": board.measures.ranked_by,
        _VERIFIED: asdict(board.statement) if board.statement else None,
        "notes": board.notes,
        "rankings": [_ranking(ranking) for ranking in board.rankings],
        "failures": [asdict(failure) for failure in board.failures],
        "unmeasured": [asdict(about) for about in board.unmeasured],
        "runs": [_run(run) for run in board.runs],
    }  # fmt: skip
    return json.dumps(_rounded(content), indent=1, allow_nan=False) + "\n"


def _ranking(ranking: Ranking) -> dict[str, Any]:
    return {
        "mode": ranking.mode,
        "models": ranking.models,
        "records": ranking.records,
        "planned": ranking.planned,
        "images": ranking.images,
        "scores": [asdict(score) for score in ranking.scores],
        "pairs": [asdict(pair) for pair in ranking.pairs],
        "slices": {
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
            for by, parts in ranking.slices.items()
        },
    }


def _run(run: Run) -> dict[str, Any]:
    return {
        "finished": run.finished,
        "planned": run.planned,
        "journal_sha256": run.digest,
        "rescored": list(run.rescored),
        "repeat_with": eval_command(run),
        "header": run.header.line(),
    }


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _rounded(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(inner) for inner in value]
    return round(value, DIGITS) if isinstance(value, float) else value


def to_csv(board: Board) -> str:
    """One line for each attributor over all records of a mode, and over each part of them.

    Each metric has three columns: its label, and that with ``_low`` and ``_high``, the ends of the interval. ``all`` in
    a column means that the line is not only of one model, source, finding or size; an empty cell is nothing. The rank
    is that among the lines which are about the same. ``verified``: yes, partly or no, on a published board.
    """
    file = io.StringIO()
    writer = csv.DictWriter(file, csv_columns(board), lineterminator="\n")
    writer.writeheader()
    names = _metric_columns(board)
    said = {_VERIFIED: board.statement.verified if board.statement else None}
    for ranking in board.rankings:
        for score in ranking.scores:
            writer.writerow(_line(ranking, names, {}, ranking.images, score) | said)
        for parts in ranking.slices.values():
            for part in parts:
                for score in part.scores.values():
                    writer.writerow(_line(ranking, names, part.about, part.images, score) | said)
    return file.getvalue()


def csv_columns(board: Board) -> list[str]:
    """The names of the CSV's columns."""
    metrics = [name for columns in _metric_columns(board).values() for name in columns]
    return [*_ABOUT, *_COUNTS, *metrics, *_COST, _VERIFIED]


def _metric_columns(board: Board) -> dict[str, tuple[str, str, str]]:
    """The three columns of each metric; one that is called like another column gets ``metric_`` before its name."""
    found: dict[str, tuple[str, str, str]] = {}
    taken = {*_ABOUT, *_COUNTS, *_COST, _VERIFIED}
    for metric in board.measures.facts:
        name = _harmless(metric)
        while not taken.isdisjoint(columns := (name, f"{name}_low", f"{name}_high")):
            name = f"metric_{name}"
        taken.update(columns)
        found[metric] = columns
    return found


def _line(
    ranking: Ranking, columns: dict[str, tuple[str, str, str]], about: dict[str, str], images: int, score: Score
) -> dict[str, Any]:
    line: dict[str, Any] = dict.fromkeys(("model", "source", "finding", "size"), ALL)
    line |= {"mode": ranking.mode, "attributor": score.attributor} | about
    line = {name: _harmless(value) for name, value in line.items()}
    apart = {"images", "gain_low", "gain_high"}
    line |= {name: getattr(score, name) for name in ("rank", *_COUNTS, *_COST) if name not in apart}
    line["gain_low"], line["gain_high"] = score.gain_interval or (None, None)
    line["images"] = images
    for metric, names in columns.items():
        ends = score.intervals.get(metric, (None, None))
        line |= zip(names, (score.means[metric], *ends), strict=True)
    return {name: round(value, DIGITS) if isinstance(value, float) else value for name, value in line.items()}


def _harmless(text: str) -> str:
    """Text that a spreadsheet takes for text: one that begins like a formula gets an apostrophe before it."""
    text = plain(text)
    return f"'{text}" if text.startswith(("=", "+", "-", "@")) else text
