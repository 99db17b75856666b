"""A board with what ``harness sanity`` found of its methods."""

from __future__ import annotations

from dataclasses import replace

from harness.errors import HarnessError
from harness.sanity.report import PASSED, Compared, Report, mean, passes
from leaderboard.board import Board, Ranking
from leaderboard.read.comparable import plugin_differences


def with_sanity(board: Board, report: Report) -> Board:
    """The board with the correlation of each method, and whether it passed.

    Raises ``HarnessError`` where a method or model of both differs in options that count, code or weights, and where
    the report is about none of the board's methods.
    """
    apart: list[str] = []
    for run in board.runs:
        for kind, checked in report.plugins.items():
            rated = run.header.plugins.get(kind, {})
            for label in sorted(checked.keys() & rated.keys()):
                apart += plugin_differences(rated[label], checked[label], f"{kind}.{label}")
    if apart:
        raise HarnessError(
            f"The sanity check is not of these methods and models ({'; '.join(dict.fromkeys(apart))}); run "
            "`harness sanity` with the options of the runs."
        )
    rankings = [_with_sanity(ranking, report) for ranking in board.rankings]
    if not any(score.sanity is not None for ranking in rankings for score in ranking.scores):
        raise HarnessError("The sanity check is of none of these methods and models in any of these modes.")
    return replace(board, rankings=rankings, further_notes=[*board.further_notes, _note(report, board)])


def _with_sanity(ranking: Ranking, report: Report) -> Ranking:
    def of(attributor: str) -> list[Compared]:
        return [
            one
            for one in report.compared
            if (one.attributor, one.mode) == (attributor, ranking.mode) and one.model in ranking.models
        ]

    scores = []
    for score in ranking.scores:
        found = mean(of(score.attributor))
        sane = None if found is None else passes(of(score.attributor))
        scores.append(replace(score, sanity=found, sane=sane))
    return replace(ranking, scores=scores)


def _note(report: Report, board: Board) -> str:
    counts: dict[tuple[str, str], int] = {}
    for one in report.compared:
        about = one.model, one.mode
        counts[about] = max(counts.get(about, 0), len(one.correlations) + one.missing)
    records = sum(counts.values())
    models = sorted({one.model for one in report.compared})
    rated = sorted({model for ranking in board.rankings for model in ranking.models})
    missing = [model for model in rated if model not in models]
    alone = f", and none of {', '.join(missing)}" if missing else ""
    return f"Sanity ({PASSED}: passed) is of {records} records of {', '.join(models)}{alone}."
