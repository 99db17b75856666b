"""The columns of a leaderboard, one definition for console, Markdown, page and notebook."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

from harness.run.header import MetricFacts
from harness.text import plain
from leaderboard.board import Ranking
from leaderboard.render import cell_text
from leaderboard.render.cell_text import figure, figure_with_interval, percent
from leaderboard.statistics.ranking import Measures, Score
from leaderboard.statistics.slices import Slice

INTERVAL, GAIN = "95%", "Gain"


@dataclass(frozen=True)
class Column:
    """A column.

    ``cell``: what it says of a method; ``value``: what its lines are sorted by, None last; ``less_is_better``: which
    way round at first. ``term``: what the legend explains it under; ``metric``: which one it shows, if any. ``name``:
    whether it holds text, which stands to the left and may be folded.
    """

    heading: str
    cell: Callable[[Score], str]
    value: Callable[[Score], float | str | None]
    less_is_better: bool = False
    term: str = ""
    metric: str | None = None
    name: bool = False
    may_fold: bool = False


RANK = Column("#", cell_text.place, lambda score: score.rank, less_is_better=True, term="#")
ATTRIBUTOR = Column(
    "Attributor",
    lambda score: plain(score.name),
    lambda score: score.name,
    less_is_better=True,
    term="Attributor",
    name=True,
    may_fold=True,
)
P = Column("p", cell_text.p_value, lambda score: score.p, less_is_better=True, term="p")
FALLBACK = Column(
    "Whole image",
    lambda score: percent(score.fallback),
    lambda score: score.fallback,
    less_is_better=True,
    term="Whole image",
)
EMPTY = Column(
    "Empty", lambda score: percent(score.empty), lambda score: score.empty, less_is_better=True, term="Empty"
)
FLAT = Column("Flat", lambda score: percent(score.flat), lambda score: score.flat, less_is_better=True, term="Flat")
SANITY = Column(
    "Sanity",
    cell_text.sanity,
    lambda score: None if score.sanity is None else abs(score.sanity),
    less_is_better=True,
    term="Sanity",
)
RECORDS = Column("Records", lambda score: str(score.records), lambda score: score.records, term="Records")
FAILED = Column(
    "Failed",
    lambda score: str(score.failed) if score.records else cell_text.NOTHING,
    lambda score: score.failed,
    less_is_better=True,
    term="Failed",
)
NOT_APPLICABLE = Column(
    "N/A",
    lambda score: str(score.not_applicable),
    lambda score: score.not_applicable,
    less_is_better=True,
    term="N/A",
)
PASSES = Column(
    "Passes",
    cell_text.passes,
    lambda score: None if score.forward is None else score.forward + (score.backward or 0),
    less_is_better=True,
    term="Passes",
)
SECONDS = Column("Seconds", cell_text.seconds, lambda score: score.seconds, less_is_better=True, term="Seconds")
GPU = Column("GPU GB", cell_text.gigabytes, lambda score: score.gpu_bytes, less_is_better=True, term="GPU GB")
_OTHERS = (RANK, ATTRIBUTOR, P, FALLBACK, EMPTY, FLAT, SANITY, RECORDS, FAILED, NOT_APPLICABLE, PASSES, SECONDS, GPU)


def _gain(ranking: Ranking) -> list[Column]:
    if all(score.gain is None for score in ranking.scores):
        return []
    cell = partial(cell_text.gain, measures=ranking.measures)
    return [Column(GAIN, cell, lambda score: score.gain, term=GAIN)]


def headings(measures: Measures) -> dict[str, str]:
    """What each metric's column is called: its title, with its label where that alone would not tell it from others."""
    titles = {name: plain(facts.title) for name, facts in measures.facts.items()}
    taken = [INTERVAL, GAIN, *(column.heading for column in _OTHERS), *titles.values()]
    return {
        name: title if title and taken.count(title) == 1 else f"{title} ({plain(name)})".strip()
        for name, title in titles.items()
    }


def metrics_with_figures(ranking: Ranking) -> list[str]:
    """The metrics that some method has a figure of: the one that ranks, which is always there, and the others in their
    order."""
    by = ranking.measures.ranked_by
    return [by, *(m for m in ranking.measures.facts if m != by and any(s.means[m] is not None for s in ranking.scores))]


def console_columns(ranking: Ranking, metrics: Sequence[str], interval: bool = False) -> list[Column]:
    """The columns of the console's main table; those that would say nothing about it are left out."""
    measures = ranking.measures
    first, *more = (_metric_column(measures, name) for name in metrics)
    ends = Column(
        INTERVAL,
        partial(cell_text.interval, measures=measures),
        lambda score: score.means[measures.ranked_by],
        less_is_better=first.less_is_better,
    )
    uneven = any(score.rank is None for score in ranking.scores)
    short = [
        replace(column, cell=lambda score: cell_text.NOTHING if score.gain is None
                else cell_text.signed(score.gain, measures.ranking))
        for column in _gain(ranking)
    ]  # fmt: skip
    return [
        RANK, ATTRIBUTOR, first, *([ends] if interval else []), *short, *more, FALLBACK, *_soundness(ranking),
        *([RECORDS] if uneven else []), FAILED, *_not_applicable(ranking), PASSES,
    ]  # fmt: skip


def has_intervals(ranking: Ranking) -> bool:
    """Whether the metric that ranks has any."""
    return any(ranking.measures.ranked_by in score.intervals for score in ranking.scores)


def model_columns(ranking: Ranking) -> list[Column]:
    """The columns of the table of the metric that ranks by model."""
    return [RANK, ATTRIBUTOR, *(_model_column(ranking.measures, model, plain(model)) for model in ranking.models)]


def wide_columns(ranking: Ranking) -> list[Column]:
    """The columns of the one wide table of Markdown and page: the metric that ranks overall and for each model, then
    the rest."""
    measures = ranking.measures
    by, *more = metrics_with_figures(ranking)
    title = headings(measures)[by]
    several = len(ranking.models) > 1
    overall = replace(
        _metric_column(measures, by),
        heading=f"{title} overall" if several else title,
        cell=partial(figure_with_interval, measures=measures, mark=True),
    )
    models = [_model_column(measures, model, f"{title} {plain(model)}", title) for model in ranking.models]
    costs = [
        column
        for column, has in ((SECONDS, lambda s: s.seconds is not None), (GPU, lambda s: s.gpu_bytes is not None))
        if any(has(score) for score in ranking.scores)
    ]
    return [
        RANK, ATTRIBUTOR, overall, *_gain(ranking), *([P] if ranking.pairs else []), *(models if several else []),
        *(_metric_column(measures, name) for name in more), FALLBACK, *_soundness(ranking), RECORDS, FAILED,
        *_not_applicable(ranking), PASSES, *costs,
    ]  # fmt: skip


def slice_header(ranking: Ranking, by: str) -> list[str]:
    """Column names of the table of slices: what they are by, how many records, and the methods."""
    return [by.capitalize(), "Records", *(plain(score.name) for score in ranking.scores)]


def slice_cells(ranking: Ranking, part: Slice) -> list[str]:
    """A line of that table: the metric that ranks, of each method, over some of the records."""
    scores = [part.scores.get(score.attributor) for score in ranking.scores]
    cells = [
        cell_text.NOTHING if score is None else figure_with_interval(score, ranking.measures, brief=True)
        for score in scores
    ]
    return [plain(part.name), str(part.records), *cells]


def _metric_column(measures: Measures, metric: str) -> Column:
    facts: MetricFacts = measures.facts[metric]
    heading = headings(measures)[metric]
    return Column(
        heading,
        lambda score: figure(score.means[metric], facts),
        lambda score: score.means[metric],
        less_is_better=not facts.higher_is_better,
        term=heading,
        metric=metric,
    )


def _model_column(measures: Measures, model: str, heading: str, term: str = "") -> Column:
    return Column(
        heading,
        lambda score: figure(score.by_model.get(model), measures.ranking),
        lambda score: score.by_model.get(model),
        less_is_better=not measures.ranking.higher_is_better,
        term=term,
        may_fold=True,
    )


def _soundness(ranking: Ranking) -> list[Column]:
    said = [column for column in (EMPTY, FLAT) if any(column.value(score) for score in ranking.scores)]
    return [*said, SANITY] if any(score.sanity is not None for score in ranking.scores) else said


def _not_applicable(ranking: Ranking) -> list[Column]:
    return [NOT_APPLICABLE] if any(score.not_applicable for score in ranking.scores) else []
