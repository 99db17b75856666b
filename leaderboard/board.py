"""From runs to a leaderboard. No rendering here."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path

import numpy as np

from harness.contracts.mode import Mode
from harness.errors import HarnessError
from harness.run.header import Header, MetricFacts
from harness.run.row import ResultKey, Row
from leaderboard.read.alike import join_alike
from leaderboard.read.computed_with import computed_with
from leaderboard.read.joined import Run
from leaderboard.read.runs import keys_of, read_comparable, read_rows
from leaderboard.read.table import NOT_APPLICABLE, Table
from leaderboard.read.timings import with_timings
from leaderboard.statistics.missing import Failure, Unmeasured, failures, unmeasured
from leaderboard.statistics.ranking import Measures, Pair, Score, compare, rank
from leaderboard.statistics.slices import Sizes, Slice, slices_by, with_shares
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
    runs, table
        What all of it is made of; of methods that are one, the results of one.
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
    table: Table
    further_notes: list[str] = field(default_factory=list)
    statement: Statement | None = None

    @cached_property
    def rows(self) -> list[Row]:
        """The rows that it is made of, read again: for who needs all that they say."""
        return self.rows_of(set(keys_of(self.table, range(len(self.table)))))

    def rows_of(self, keys: Collection[ResultKey]) -> list[Row]:
        """The rows of some of its results, read again."""
        return read_rows(self.runs, keys)

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
    table, runs = read_comparable(folders)
    return board_of(with_timings(table, (folder for run in runs for folder in run.folders)), runs, rank_by)


def board_of(table: Table, runs: list[Run], rank_by: str | None = None) -> Board:
    """The leaderboard of results that have been read, as :func:`make_board` gives it."""
    headers = [run.header for run in runs]
    measures = _measures(headers, rank_by)
    table, same, alike_notes = join_alike(table, headers)
    table, shares = with_shares(table)
    sizes = Sizes.of(shares)
    there = table.used("mode")
    rankings = [
        _ranking(mode, table.take(table["mode"] == table.number("mode", mode)), runs, measures, sizes, same)
        for mode in MODE_TITLES
        if mode in there
    ]
    return Board(rankings, measures, failures(table), unmeasured(table, headers, measures), runs, table, alike_notes)


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


def _ranking(
    mode: Mode,
    table: Table,
    runs: Sequence[Run],
    measures: Measures,
    sizes: Sizes,
    same: Mapping[str, tuple[str, ...]],
) -> Ranking:
    tried = table.take(table["status"] != NOT_APPLICABLE)
    hopeless = {*table.used("model")} - {*tried.used("model")}
    planned: dict[str, int] = {}
    for run in runs:
        counts: Mapping[str, int] = run.header.planned.get(mode, {})
        planned |= {model: count for model, count in counts.items() if count and model not in hopeless}
    ranked = rank(table, measures)
    scores, pairs = compare(table, ranked, measures)
    return Ranking(
        mode=mode,
        models=sorted(planned),
        records=len(np.unique(tried.record)),
        planned=sum(planned.values()),
        images=len(np.unique(tried["image"])),
        measures=measures,
        scores=[
            replace(score, gpu_bytes=_most(table, score.attributor), same=same.get(score.attributor, ()))
            for score in scores
        ],
        pairs=pairs,
        _slices=partial(slices_by, table, measures, sizes, ranked),
    )


def _most(table: Table, attributor: str) -> float | None:
    """The most GPU memory that a result of a method took; None where nothing is known."""
    used = table["gpu_bytes"][table["attributor"] == table.number("attributor", attributor)]
    used = used[~np.isnan(used)]
    return float(used.max()) if len(used) else None
