"""Each method's figures over a set of rows: means, their intervals, ranks, and tests between methods."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations

import numpy as np

from harness.run.header import MetricFacts
from leaderboard.read.table import NOT_APPLICABLE, OK, Table
from leaderboard.statistics.mean_test import bootstrap_t, draws_for, floor_of
from leaderboard.statistics.resampling import cluster_sums, holm, intervals
from leaderboard.statistics.values import Values, mean

ALPHA = 0.05


@dataclass(frozen=True)
class Measures:
    """By what methods are compared: the metrics, in the order of the columns, which of them ranks, and which methods
    are controls."""

    facts: Mapping[str, MetricFacts]
    ranked_by: str
    controls: frozenset[str] = frozenset()

    @property
    def ranking(self) -> MetricFacts:
        """The metric that ranks."""
        return self.facts[self.ranked_by]


@dataclass(frozen=True)
class Score:
    """One method's figures over records that it was tried on; failed ones count as each metric's worst.

    Attributes
    ----------
    attributor
        The method's label.
    rank
        Its place by the metric that ranks; None where it has no such figure of a record of which others have one: its
        mean is over other records and does not compare.
    records, failed, not_applicable
        How many results it was tried on, how many of these failed, and how many more it cannot give, which count in
        no mean.
    means
        Each metric's mean, as the metric gives it. None where there is nothing to take it over, or the method never
        says what the metric measures.
    measured
        Over how many results each of these means is.
    fallback
        For which part of the records it returned the whole image.
    empty, flat
        For which part of those that did not fail it marked no box, and gave a flat map
        (:func:`harness.run.noise.is_flat`).
    forward, backward, seconds
        Passes, and seconds where they were kept, the mean over results that did not fail.
    by_model
        The mean of the metric that ranks, by model.
    intervals
        The 95% interval of each mean, over images drawn anew, where there are images enough.
    p
        Whether its mean of the metric that ranks is the best's, adjusted (:func:`compare`); None for the best itself
        and without a rank.
    p_floor
        The least that ``p`` could have come out as; where it is that, it is a bound and not a value.
    gpu_bytes
        The most GPU memory that one result took, weights included; None where none was measured.
    sanity, sane
        The rank correlation of its maps with those after the model's weights were shuffled, and whether that passes
        (:mod:`leaderboard.sanity`); None where it was not checked.
    gain, over
        By how much its mean of the metric that ranks is better than that of the strongest control, which ``over``
        names, over the records that both have; None of a control, and without one.
    gain_interval
        The 95% interval of that, over images drawn anew, where there are images enough.
    same
        Labels of methods that are this one by algebra, and gave the same boxes (:mod:`leaderboard.read.alike`).
    """

    attributor: str
    rank: int | None
    records: int
    failed: int
    not_applicable: int
    means: dict[str, float | None]
    measured: dict[str, int]
    fallback: float | None
    empty: float | None
    flat: float | None
    forward: float | None
    backward: float | None
    seconds: float | None
    by_model: dict[str, float | None]
    intervals: dict[str, tuple[float, float]] = field(default_factory=dict)
    p: float | None = None
    p_floor: float | None = None
    gpu_bytes: float | None = None
    sanity: float | None = None
    sane: bool | None = None
    gain: float | None = None
    gain_interval: tuple[float, float] | None = None
    over: str | None = None
    same: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """What boards call it."""
        return " = ".join((self.attributor, *self.same))


@dataclass(frozen=True)
class Pair:
    """Two methods compared record by record: the difference of their means (of the metric that ranks), first minus
    second, its p before and after Holm's adjustment over all pairs, and the least that the adjusted one could be."""

    first: str
    second: str
    difference: float
    p: float
    adjusted: float
    p_floor: float


def rank(table: Table, measures: Measures) -> list[Score]:
    """Every attributor's score over some results, best first, those without a rank last; ties by name."""
    values = Values(table, measures.facts)
    ends = values.intervals()
    everything = values.records_with(measures.ranked_by)
    scores = []
    for name in values.names:
        score = _score(table, name, values, measures.ranked_by)
        complete = bool(everything) and score.measured[measures.ranked_by] == everything
        scores.append(replace(score, rank=0 if complete else None, intervals=ends[name]))
    way = -1 if measures.ranking.higher_is_better else 1

    def place_of(score: Score) -> tuple[bool, bool, float, str]:
        mean = score.means[measures.ranked_by]
        return score.rank is None, mean is None, way * (mean or 0.0), score.attributor

    scores.sort(key=place_of)
    for place, score in enumerate(scores):
        if score.rank is not None:
            before = scores[place - 1] if place else None
            tie = before is not None and score.means[measures.ranked_by] == before.means[measures.ranked_by]
            scores[place] = replace(score, rank=before.rank if before is not None and tie else place + 1)
    return _with_gains(scores, values, measures)


def _with_gains(scores: Sequence[Score], values: Values, measures: Measures) -> list[Score]:
    """The scores, best first, with what they gain over the strongest control that has a rank."""
    by, way = measures.ranked_by, 1 if measures.ranking.higher_is_better else -1
    controls = [score for score in scores if score.attributor in measures.controls]
    strongest = next((c.attributor for c in controls if c.rank is not None and c.means[by] is not None), None)
    if strongest is None:
        return list(scores)
    told = []
    for score in scores:
        if score.attributor not in measures.controls:
            both, images = values.paired(by, [score.attributor, strongest])
            if len(both):
                gains = way * (both[:, :1] - both[:, 1:])
                (low, high), gain = intervals(gains, images)[0], float(gains.mean())
                ends = (float(low), float(high)) if np.isfinite(low) else None
                score = replace(score, gain=gain, gain_interval=ends, over=strongest)
        told.append(score)
    return told


def compare(table: Table, scores: Sequence[Score], measures: Measures) -> tuple[list[Score], list[Pair]]:
    """The scores with ``p`` against the best, and every pair of methods that have a rank.

    Two-sided bootstrap-t test of the difference between the means of the metric that ranks, paired by record, with
    whole images drawn. Holm's adjustment is over all pairs, not just those with the best: which method is best is
    decided by the same data, and the best of many like ones beats the worst of them more often than chance would two
    fixed ones.
    """
    names = [score.attributor for score in scores if score.rank is not None]
    if len(names) < 2:
        return list(scores), []
    values, images = Values(table, measures.facts).paired(measures.ranked_by, names)
    sums, _ = cluster_sums(values, images)
    places = list(combinations(range(len(names)), 2))
    differences = np.stack([sums[:, a] - sums[:, b] for a, b in places], axis=1)
    raw = bootstrap_t(differences)
    floor = min(1.0, len(raw) * floor_of(len(differences), draws_for(len(raw))))
    pairs = [
        Pair(names[a], names[b], float(total), float(p), float(adjusted), floor)
        for (a, b), total, p, adjusted in zip(
            places, differences.sum(axis=0) / len(values), raw, holm(raw), strict=True
        )
    ]
    best = {pair.second: pair.adjusted for pair in pairs if pair.first == names[0]}
    told = [
        replace(score, p=best[score.attributor], p_floor=floor) if score.attributor in best else score
        for score in scores
    ]
    return told, pairs


def _score(table: Table, name: str, values: Values, ranked_by: str) -> Score:
    """One attributor's figures, before ranks and intervals."""
    mine = table.take(table["attributor"] == table.number("attributor", name))
    tried = mine.take(mine["status"] != NOT_APPLICABLE)
    good = tried.take(tried["status"] == OK)
    seconds = good["seconds"]
    return Score(
        attributor=name,
        rank=None,
        records=len(tried),
        failed=len(tried) - len(good),
        not_applicable=len(mine) - len(tried),
        means={metric: values.mean(name, metric) for metric in values.metrics},
        measured={metric: len(values.of(name, metric)) for metric in values.metrics},
        fallback=mean(tried["fallback"].tolist()),
        empty=mean(good["empty"].tolist()),
        flat=mean(good["flat"].tolist()),
        forward=mean(good["forward"].tolist()),
        backward=mean(good["backward"].tolist()),
        seconds=mean(seconds[~np.isnan(seconds)].tolist()),
        by_model={model: values.mean(name, ranked_by, model) for model in tried.used("model")},
    )
