"""What the cells of a leaderboard say, for the console and Markdown alike."""

from __future__ import annotations

from leaderboard.board import Table
from leaderboard.statistics.ranking import ALPHA, Score
from leaderboard.statistics.slices import Slice

NOTHING, WORSE = "–", "†"
FIGURES = ("IoU", "Precision", "Recall", "F1")
MORE = {"Pointing": "pointing", "Deletion": "deletion", "Insertion": "insertion"}  # where they were measured
INTERVAL = "95%"
# Columns whose cells are short, whatever the plugins are called.
SHORT = ("#", *FIGURES, INTERVAL, "Concept right", "Whole image", "Records", "Failed", "N/A", "Passes")


def plain(text: str) -> str:
    """Text of others in one line, without what would steer a terminal or cannot be written."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def main_header(table: Table, wide: bool = False) -> list[str]:
    """Column names of the console's main table; columns that would say nothing about it are left out."""
    interval = [INTERVAL] if wide and _has_intervals(table) else []
    return ["#", "Attributor", "IoU", *interval, *FIGURES[1:], *_rest_header(table, _uneven(table))]


def main_row(table: Table, score: Score, wide: bool = False) -> list[str]:
    """One attributor's line of the console's main table."""
    iou, *figures = _figures(score)
    interval = [_interval(score, "iou")] if wide and _has_intervals(table) else []
    rest = _rest_row(table, score, _uneven(table))
    return [_rank(score), plain(score.attributor), iou, *interval, *figures, *rest]


def model_header(table: Table) -> list[str]:
    """Column names of the table of IoU by model."""
    return ["#", "Attributor", *map(plain, table.models)]


def model_row(table: Table, score: Score) -> list[str]:
    """One attributor's IoU for each model."""
    return [_rank(score), plain(score.attributor), *_by_model(table, score)]


def paper_header(table: Table) -> list[str]:
    """Column names of the one wide table of a document: IoU overall and for each model, then the rest."""
    models = [f"IoU {plain(model)}" for model in table.models] if len(table.models) > 1 else []
    overall = "IoU overall" if models else "IoU"
    p = ["p"] if table.pairs else []
    more = [name for name, field in MORE.items() if _has(table, field)]
    costs = [name for name, field in (("Seconds", "seconds"), ("GPU GB", "gpu_bytes")) if _has(table, field)]
    return [
        "#", "Attributor", overall, *p, *models, *FIGURES[1:], *more, *_rest_header(table, True), *costs,
    ]  # fmt: skip


def paper_row(table: Table, score: Score) -> list[str]:
    """One attributor's line of the wide table."""
    models = _by_model(table, score) if len(table.models) > 1 else []
    p = [p_value(score)] if table.pairs else []
    more = [_percent(getattr(score, field)) for field in MORE.values() if _has(table, field)]
    costs = [_seconds(score.seconds)] if _has(table, "seconds") else []
    if _has(table, "gpu_bytes"):
        costs.append(NOTHING if score.gpu_bytes is None else f"{score.gpu_bytes / 1e9:.1f}")
    return [
        _rank(score), plain(score.attributor), with_interval(score, "iou", mark=True), *p, *models,
        *_figures(score)[1:], *more, *_rest_row(table, score, True), *costs,
    ]  # fmt: skip


def slice_header(table: Table, by: str) -> list[str]:
    """Column names of a breakdown: what it is by, how many records, and the attributors."""
    return [by.capitalize(), "Records", *(plain(score.attributor) for score in table.scores)]


def slice_row(table: Table, part: Slice) -> list[str]:
    """The IoU of each attributor over some of the records, in whole percent."""
    scores = [part.scores.get(score.attributor) for score in table.scores]
    cells = [NOTHING if score is None else with_interval(score, "iou", decimals=0) for score in scores]
    return [plain(part.name), str(part.records), *cells]


def with_interval(score: Score, metric: str, decimals: int = 1, mark: bool = False) -> str:
    """A metric in percent with its interval; ``mark`` those that are worse than the best beyond chance."""
    figure = _percent(getattr(score, metric), decimals)
    dagger = WORSE if mark and score.p is not None and score.p < ALPHA else ""
    interval = f" ({_interval(score, metric, decimals)})" if metric in score.intervals else ""
    return f"{figure}{dagger}{interval}"


def p_value(score: Score) -> str:
    """The adjusted p of a comparison with the best."""
    if score.p is None:
        return NOTHING
    return "<0.001" if score.p < 0.001 else f"{score.p:.3f}"


def _interval(score: Score, metric: str, decimals: int = 1) -> str:
    if metric not in score.intervals:
        return NOTHING
    return "–".join(_percent(end, decimals) for end in score.intervals[metric])


def _seconds(value: float | None) -> str:
    return NOTHING if value is None else f"{value:.2g}" if value < 10 else f"{value:.0f}"


def _has(table: Table, field: str) -> bool:
    return any(getattr(score, field) is not None for score in table.scores)


def _has_intervals(table: Table) -> bool:
    return any("iou" in score.intervals for score in table.scores)


def _rest_header(table: Table, records: bool) -> list[str]:
    """Names of the columns after the figures."""
    concept = ["Concept right"] if _has(table, "concept") else []
    return [
        *concept, "Whole image", *(["Records"] if records else []), "Failed",
        *(["N/A"] if _has_not_applicable(table) else []), "Passes",
    ]  # fmt: skip


def _rest_row(table: Table, score: Score, records: bool) -> list[str]:
    concept = [_percent(score.concept)] if _has(table, "concept") else []
    return [
        *concept, _percent(score.fallback), *([str(score.records)] if records else []),
        str(score.failed) if score.records else NOTHING,
        *([str(score.not_applicable)] if _has_not_applicable(table) else []), _passes(score),
    ]  # fmt: skip


def _has_not_applicable(table: Table) -> bool:
    return any(score.not_applicable for score in table.scores)


def _uneven(table: Table) -> bool:
    return any(score.rank is None for score in table.scores)


def _figures(score: Score) -> list[str]:
    return [_percent(value) for value in (score.iou, score.precision, score.recall, score.f1)]


def _by_model(table: Table, score: Score) -> list[str]:
    return [_percent(score.by_model.get(model)) for model in table.models]


def _percent(value: float | None, decimals: int = 1) -> str:
    return NOTHING if value is None else f"{100 * value:.{decimals}f}"


def _rank(score: Score) -> str:
    return NOTHING if score.rank is None else str(score.rank)


def _passes(score: Score) -> str:
    if score.forward is None or score.backward is None:
        return NOTHING
    return f"{_count(score.forward)}+{_count(score.backward)}" if score.backward else _count(score.forward)


def _count(value: float) -> str:
    return f"{value:.0f}" if value == round(value) or value >= 10 else f"{value:.1f}"
