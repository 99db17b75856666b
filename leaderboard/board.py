"""From runs to a leaderboard. No rendering here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path

from harness.contracts.mode import Mode
from harness.errors import HarnessError
from harness.run.header import Header, MetricFacts
from harness.run.row import Row
from leaderboard.read.alike import join_alike
from leaderboard.read.computed_with import computed_with
from leaderboard.read.joined import Run
from leaderboard.read.runs import read_comparable
from leaderboard.read.timings import Timings, read_timings
from leaderboard.statistics.ranking import Measures, Pair, Score, compare, rank
from leaderboard.statistics.slices import Sizes, Slice, shares, slices_by
from leaderboard.verifying.statement import Statement

_LONGEST = 300  # characters of a reason: a journal may be somebody else's
MODE_TITLES: dict[Mode, str] = {"direct": "Direct answers", "reasoning": "Reasoning"}


@dataclass(frozen=True)
class Ranking:
    """One mode's methods: best first, those without a rank last.

    Attributes
    ----------
    mode, models
        Whose answers, of which kind.
    records, planned, images
        How many of the planned records are in, and about how many images these are.
    measures
        The metrics, and which of them ranks.
    scores
        The methods' scores.
    pairs
        Tests between those with a rank.
    """

    mode: Mode
    models: list[str]
    records: int
    planned: int
    images: int
    measures: Measures
    scores: list[Score]
    pairs: list[Pair]
    _slices: Callable[[], dict[str, list[Slice]]] = field(repr=False, compare=False)

    @cached_property
    def slices(self) -> dict[str, list[Slice]]:
        """Scores of parts of the records, by what the parts are by (:func:`leaderboard.statistics.slices.slices_by`);
        made when first asked for, since all of them take seconds."""
        return self._slices()

    @property
    def name(self) -> str:
        """The mode, for a heading."""
        return MODE_TITLES[self.mode]

    @property
    def extent(self) -> str:
        """What it is about, in words."""
        many = f"{self.records} of {self.planned}" if self.records < self.planned else str(self.records)
        models = self.models[0] if len(self.models) == 1 else f"{len(self.models)} models"
        return f"{many} {'record' if many == '1' else 'records'} of {models}"


@dataclass(frozen=True)
class Failure:
    """One reason for which results failed: whose, and how many."""

    error: str
    attributors: list[str]
    count: int


@dataclass(frozen=True)
class Unmeasured:
    """Results of a method of which a metric has no figure: ``count`` of ``results``, and why the first has none."""

    metric: str
    attributor: str
    count: int
    results: int
    reason: str


@dataclass(frozen=True)
class Board:
    """A leaderboard.

    Attributes
    ----------
    rankings
        One a mode.
    measures
        The metrics that any of the runs measured, and which of them ranks.
    failures
        Why results failed, the most frequent reason first.
    unmeasured
        What metrics could not measure.
    runs, rows
        What all of it is made of; of methods that are one, the rows of one.
    further_notes
        What else a reader must know: why methods that should be one are not, what the sanity check was of.
    statement
        Whether it was verified, of a board that is published.
    """

    rankings: list[Ranking]
    measures: Measures
    failures: list[Failure]
    unmeasured: list[Unmeasured]
    runs: list[Run]
    rows: list[Row]
    further_notes: list[str] = field(default_factory=list)
    statement: Statement | None = None

    @property
    def notes(self) -> list[str]:
        """What a reader must know to read the figures rightly, in sentences."""
        notes = self.statement.notes if self.statement else []
        notes += [note for run in self.runs for note in run.notes] + self.further_notes
        for header in (run.header for run in self.runs):
            if header.records < header.available:
                how = ", chosen by name" if header.named else f" (limit {header.limit}), evenly spread"
                notes.append(f"A subset: {header.records} of {header.available} records{how}.")
            for about in header.plugins.get("attributor", {}).values():
                notes += about.notes
            for metric in header.metrics.values():
                notes += metric.notes
        if different := computed_with(run.header for run in self.runs):
            said = ", ".join(different)
            notes.append(f"Not all of it was computed with the same: {said}. That may change figures by rounding.")
        if len({run.header.noise for run in self.runs}) == 2:
            notes.append("Not every run measured the noise of maps, so that Flat does not compare between methods.")
        if any(ranking.records < ranking.planned for ranking in self.rankings):
            notes.append("The run is not finished: the figures are of the records that are.")
        count = sum(failure.count for failure in self.failures)
        if count:
            notes.append("1 result failed: it counts" if count == 1 else f"{count} results failed: they count")
            notes[-1] += f" as {self.worst}."
        notes += map(self._unmeasured_note, self.unmeasured)
        without = [(ranking, score) for ranking in self.rankings for score in ranking.scores if score.rank is None]
        if without:
            title = self.measures.ranking.title
            fewer = all(score.measured[self.measures.ranked_by] == score.records for _, score in without)
            who = "explained fewer records than others" if fewer else f"has {title} of fewer records than others"
            notes.append(f"Without a rank: who {who}, so that the means do not compare.")
        return list(dict.fromkeys(notes))

    @property
    def worst(self) -> str:
        """What a failed result counts as, in words."""
        scores = [score for ranking in self.rankings for score in ranking.scores]
        told = {name for score in scores for name, mean in score.means.items() if mean is not None}
        worsts = {facts.worst for name, facts in self.measures.facts.items() if name in told}
        return "zero" if worsts <= {0} else "each metric's worst"

    def _unmeasured_note(self, about: Unmeasured) -> str:
        title = self.measures.facts[about.metric].title
        which, they = ("1", "it counts") if about.count == 1 else (str(about.count), "they count")
        return (
            f"{title} could not be measured on {which} of {about.results} results of {about.attributor}: {they} in no "
            f"mean of it ({about.reason[:_LONGEST]})."
        )


def make_board(folders: Sequence[Path], rank_by: str | None = None) -> Board:
    """The leaderboard of one or more runs.

    Parameters
    ----------
    folders
        The runs' folders; one may hold the shards of a run.
    rank_by
        The label of the metric that ranks; None for the first of the runs' metrics.

    Returns
    -------
    Board
        The rankings, a mode each, and what they are made of.

    Raises
    ------
    HarnessError
        Where a folder holds no journal, a broken one or nothing finished, where the runs cannot be compared, and where
        none of them measured ``rank_by``.
    """
    rows, runs = read_comparable(folders)
    return board_of(rows, runs, rank_by)


def board_of(rows: list[Row], runs: list[Run], rank_by: str | None = None) -> Board:
    """The leaderboard of rows that have been read, as :func:`make_board` gives it."""
    measures = _measures([run.header for run in runs], rank_by)
    rows, same, alike_notes = join_alike(rows, [run.header for run in runs])
    timings = read_timings(folder for run in runs for folder in run.folders)
    sizes = Sizes.of(shares(rows))
    modes = [mode for mode in MODE_TITLES if any(row.mode == mode for row in rows)]
    rankings = [
        _ranking(mode, [row for row in rows if row.mode == mode], runs, measures, timings, sizes, same)
        for mode in modes
    ]
    return Board(rankings, measures, _failures(rows), _unmeasured(rows, runs, measures), runs, rows, alike_notes)


def _measures(headers: Sequence[Header], rank_by: str | None) -> Measures:
    """The metrics of all runs, in an order that does not depend on that of the runs."""
    facts: dict[str, MetricFacts] = {}
    places: dict[str, int] = {}
    for header in headers:
        facts |= header.metrics
        for place, name in enumerate(header.metrics):
            places[name] = min(place, places.get(name, place))
    names = sorted(facts, key=lambda name: (places[name], name))
    if rank_by is not None and rank_by not in facts:
        raise HarnessError(f"No run measured {rank_by!r}, so that it cannot rank; there are {', '.join(names)}.")
    controls = {
        label
        for header in headers
        for label, about in header.plugins.get("attributor", {}).items()
        if about.control
    }
    by = names[0] if rank_by is None else rank_by
    return Measures({name: facts[name] for name in names}, by, frozenset(controls))


def _failures(rows: Sequence[Row]) -> list[Failure]:
    reasons: dict[str, list[str]] = {}
    for row in rows:
        if row.status == "failed":
            reasons.setdefault(row.error or "", []).append(row.attributor)
    failures = [Failure(error, sorted(set(whose)), len(whose)) for error, whose in reasons.items()]
    return sorted(failures, key=lambda failure: (-failure.count, failure.error))


def _unmeasured(rows: Sequence[Row], runs: Sequence[Run], measures: Measures) -> list[Unmeasured]:
    """What metrics failed on, and what the run of a method did not measure where that of others of its results did."""
    found: list[Unmeasured] = []
    measuring = {name: [run for run in runs if name in run.header.metrics] for name in measures.facts}
    for name in dict.fromkeys(row.attributor for row in rows):
        tried = [row for row in rows if row.attributor == name and row.status != "not_applicable"]
        for metric in measures.facts:
            why = [row.unmeasured[metric] for row in tried if metric in row.unmeasured]
            if len(measuring[metric]) < len(runs) and any(metric in row.metrics for row in tried):
                others = sum(not _measured_by(row, measuring[metric]) for row in tried)
                why += ["their run did not measure it"] * others
            if why:
                count = sum(metric in row.metrics for row in tried) + len(why)
                found.append(Unmeasured(metric, name, len(why), count, why[0]))
    return found


def _measured_by(row: Row, runs: Sequence[Run]) -> bool:
    """Whether a row can be of one of these runs."""
    return any(
        row.attributor in run.header.attributors and row.model in run.header.planned.get(row.mode, {}) for run in runs
    )


def _ranking(
    mode: Mode,
    rows: list[Row],
    runs: Sequence[Run],
    measures: Measures,
    timings: Timings,
    sizes: Sizes,
    same: Mapping[str, tuple[str, ...]],
) -> Ranking:
    tried = [row for row in rows if row.status != "not_applicable"]
    hopeless = {row.model for row in rows} - {row.model for row in tried}
    planned: dict[str, int] = {}
    for run in runs:
        counts: Mapping[str, int] = run.header.planned.get(mode, {})
        planned |= {model: count for model, count in counts.items() if count and model not in hopeless}
    scores, pairs = compare(rows, rank(rows, measures, timings.seconds), measures)
    most: dict[str, float] = {}
    for row in rows:
        if (bytes_used := timings.gpu_bytes.get(row.key)) is not None:
            most[row.attributor] = max(bytes_used, most.get(row.attributor, 0))
    return Ranking(
        mode=mode,
        models=sorted(planned),
        records=len({row.record for row in tried}),
        planned=sum(planned.values()),
        images=len({row.image for row in tried}),
        measures=measures,
        scores=[
            replace(score, gpu_bytes=most.get(score.attributor), same=same.get(score.attributor, ()))
            for score in scores
        ],
        pairs=pairs,
        _slices=partial(slices_by, rows, measures, timings.seconds, sizes),
    )
