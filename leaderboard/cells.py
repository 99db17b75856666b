"""What the cells of a leaderboard say, for the console and Markdown alike."""

from __future__ import annotations

from leaderboard.tables import Score, Table

NOTHING = "–"
FIGURES = ("IoU", "Precision", "Recall", "F1")
# Columns whose cells are short, whatever the plugins are called.
SHORT = ("#", *FIGURES, "Concept right", "Whole image", "Records", "Failed", "Passes")
EXPLAINED = (
    "IoU, precision, recall and F1 compare the area that a method marks with the true one; they are means "
    "over records (a model's answer about a sample), in which a failed one counts as zero. Concept right: "
    "how often the method names the anatomical concept that holds the cause. Whole image: how often it "
    "chooses no region. Passes: images sent forward (+ backward) through the model for a record that did "
    "not fail."
)


def main_header(table: Table) -> list[str]:
    """Column names of the main table; columns that would say nothing about it are left out."""
    concept = ["Concept right"] if _has_concepts(table) else []
    records = ["Records"] if _uneven(table) else []
    return ["#", "Attributor", *FIGURES, *concept, "Whole image", *records, "Failed", "Passes"]


def main_row(table: Table, score: Score) -> list[str]:
    """One attributor's line of the main table."""
    concept = [_share(score.concept)] if _has_concepts(table) else []
    records = [str(score.records)] if _uneven(table) else []
    figures = [_figure(value) for value in (score.iou, score.precision, score.recall, score.f1)]
    whole, failed = _share(score.fallback), str(score.failed) if score.records else NOTHING
    return [_rank(score), score.attributor, *figures, *concept, whole, *records, failed, _passes(score)]


def model_header(table: Table) -> list[str]:
    """Column names of the table of IoU by model."""
    return ["#", "Attributor", *table.models]


def model_row(table: Table, score: Score) -> list[str]:
    """One attributor's IoU for each model."""
    figures = [_figure(score.by_model.get(model)) for model in table.models]
    return [_rank(score), score.attributor, *figures]


def _has_concepts(table: Table) -> bool:
    return any(score.concept is not None for score in table.scores)


def _figure(value: float | None) -> str:
    return NOTHING if value is None else f"{value:.3f}"


def _share(value: float | None) -> str:
    return NOTHING if value is None else f"{100 * value:.0f}%"


def _uneven(table: Table) -> bool:
    return any(score.rank is None for score in table.scores)


def _rank(score: Score) -> str:
    return NOTHING if score.rank is None else str(score.rank)


def _passes(score: Score) -> str:
    if score.forward is None or score.backward is None:
        return NOTHING
    return f"{_count(score.forward)}+{_count(score.backward)}" if score.backward else _count(score.forward)


def _count(value: float) -> str:
    return f"{value:.0f}" if value == round(value) or value >= 10 else f"{value:.1f}"
