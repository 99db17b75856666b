"""What the cells of a leaderboard say, for the console and Markdown alike."""

from __future__ import annotations

from leaderboard.scores import Score
from leaderboard.tables import Table

NOTHING = "–"
FIGURES = ("IoU", "Precision", "Recall", "F1")
# Columns whose cells are short, whatever the plugins are called.
SHORT = ("#", *FIGURES, "Concept right", "Whole image", "Records", "Failed", "N/A", "Passes")


def plain(text: str) -> str:
    """Text of others in one line, without what would steer a terminal or cannot be written."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def main_header(table: Table) -> list[str]:
    """Column names of the console's main table; columns that would say nothing about it are left out."""
    return ["#", "Attributor", *FIGURES, *_rest_header(table, _uneven(table))]


def main_row(table: Table, score: Score) -> list[str]:
    """One attributor's line of the console's main table."""
    return [_rank(score), plain(score.attributor), *_figures(score), *_rest_row(table, score, _uneven(table))]


def model_header(table: Table) -> list[str]:
    """Column names of the table of IoU by model."""
    return ["#", "Attributor", *map(plain, table.models)]


def model_row(table: Table, score: Score) -> list[str]:
    """One attributor's IoU for each model."""
    return [_rank(score), plain(score.attributor), *_by_model(table, score)]


def paper_header(table: Table) -> list[str]:
    """Column names of the one wide table of a document: IoU for each model and overall, then the rest."""
    models = [f"IoU {plain(model)}" for model in table.models] if len(table.models) > 1 else []
    overall = "IoU overall" if models else "IoU"
    return ["#", "Attributor", *models, overall, *FIGURES[1:], *_rest_header(table, True)]


def paper_row(table: Table, score: Score) -> list[str]:
    """One attributor's line of the wide table."""
    models = _by_model(table, score) if len(table.models) > 1 else []
    rest = _rest_row(table, score, True)
    return [_rank(score), plain(score.attributor), *models, *_figures(score), *rest]


def _rest_header(table: Table, records: bool) -> list[str]:
    """Names of the columns after the figures."""
    concept = ["Concept right"] if _has_concepts(table) else []
    return [
        *concept, "Whole image", *(["Records"] if records else []), "Failed",
        *(["N/A"] if _has_not_applicable(table) else []), "Passes",
    ]  # fmt: skip


def _rest_row(table: Table, score: Score, records: bool) -> list[str]:
    concept = [_percent(score.concept)] if _has_concepts(table) else []
    return [
        *concept, _percent(score.fallback), *([str(score.records)] if records else []),
        str(score.failed) if score.records else NOTHING,
        *([str(score.not_applicable)] if _has_not_applicable(table) else []), _passes(score),
    ]  # fmt: skip


def _has_concepts(table: Table) -> bool:
    return any(score.concept is not None for score in table.scores)


def _has_not_applicable(table: Table) -> bool:
    return any(score.not_applicable for score in table.scores)


def _uneven(table: Table) -> bool:
    return any(score.rank is None for score in table.scores)


def _figures(score: Score) -> list[str]:
    return [_percent(value) for value in (score.iou, score.precision, score.recall, score.f1)]


def _by_model(table: Table, score: Score) -> list[str]:
    return [_percent(score.by_model.get(model)) for model in table.models]


def _percent(value: float | None) -> str:
    return NOTHING if value is None else f"{100 * value:.1f}"


def _rank(score: Score) -> str:
    return NOTHING if score.rank is None else str(score.rank)


def _passes(score: Score) -> str:
    if score.forward is None or score.backward is None:
        return NOTHING
    return f"{_count(score.forward)}+{_count(score.backward)}" if score.backward else _count(score.forward)


def _count(value: float) -> str:
    return f"{value:.0f}" if value == round(value) or value >= 10 else f"{value:.1f}"
