"""Each method's figures over a set of rows: means, their intervals, and tests between methods."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations
from math import fsum
from typing import Any

import numpy as np

from harness.run.journal import Key, key_of
from leaderboard.figures import METRICS, image_of, worth
from leaderboard.read.runs import Row, record_of
from leaderboard.statistics.resampling import cluster_sums, holm, intervals, sign_flip

ALPHA = 0.05


@dataclass(frozen=True)
class Score:
    """One attributor's figures in one mode: means over records (0..1), in which a failed one counts as zero.

    ``rank`` is None where the attributor has not explained every record that others have: its means are over
    other records and not comparable. ``not_applicable`` results count in no mean. ``by_model``: mean IoU of
    each model. ``pointing``: share of records for which its one point lies in a true box, None where rows do
    not tell. ``concept``: share of records for which exactly the concept that holds the cause is named (a
    composite that contains it is too coarse to count), None where the truth is not known or the method names
    none. ``deletion``, ``insertion``: areas under the curves, None where the run did not measure them.
    ``fallback``: share for which it returned the whole image. ``forward``, ``backward``: passes a
    record that did not fail; ``seconds`` likewise, None where no time was kept. Without any record, the
    figures are None. ``intervals``: 95% interval of each metric's mean, over images drawn anew. ``p``:
    whether its IoU is the best's (:func:`compare`), None for the best itself and for those without a rank.
    ``gpu_bytes``: the most GPU memory that one record took, weights included, None where none was measured.
    """

    attributor: str
    rank: int | None
    records: int
    failed: int
    not_applicable: int
    iou: float | None
    precision: float | None
    recall: float | None
    f1: float | None
    pointing: float | None
    concept: float | None
    deletion: float | None
    insertion: float | None
    fallback: float | None
    forward: float | None
    backward: float | None
    seconds: float | None
    by_model: dict[str, float]
    intervals: dict[str, tuple[float, float]] = field(default_factory=dict)
    p: float | None = None
    gpu_bytes: float | None = None


@dataclass(frozen=True)
class Pair:
    """Two methods with all records: how much more IoU the first has, and p, raw and adjusted by Holm."""

    first: str
    second: str
    difference: float
    p: float
    adjusted: float


def scores_of(rows: Sequence[Row], seconds: Mapping[Key, float]) -> list[Score]:
    """The figures of every attributor of the rows; best first, those without a rank last."""
    everything = {record_of(row) for row in rows if row["status"] != "not_applicable"}
    names = dict.fromkeys(row["attributor"] for row in rows)
    ends = _intervals(rows, list(names))
    scores = []
    for name in names:
        score = _score(name, [row for row in rows if row["attributor"] == name], everything, seconds)
        mine = {metric: end for metric, end in ends[name].items() if getattr(score, metric) is not None}
        scores.append(replace(score, intervals=mine))
    scores.sort(key=lambda score: (score.rank is None, -(score.iou or 0.0), score.attributor))
    for place, score in enumerate(scores):
        if score.rank is not None:
            tie = place > 0 and score.iou == scores[place - 1].iou
            scores[place] = replace(score, rank=scores[place - 1].rank if tie else place + 1)
    return scores


def compare(rows: Sequence[Row], scores: Sequence[Score]) -> tuple[list[Score], list[Pair]]:
    """The scores with ``p`` against the best, and every pair of methods that have a rank.

    Two-sided sign-flip test of the mean IoU's difference, paired by record, with whole images flipped. Holm's
    adjustment is over all pairs, not just those with the best: which method is best is decided by the same
    data, and the best of many like ones beats the worst of them more often than chance would two fixed ones.
    """
    names = [score.attributor for score in scores if score.rank is not None]
    if len(names) < 2:
        return list(scores), []
    values, images = _values(rows, names, ("iou",))
    sums, _ = cluster_sums(values, images)
    places = list(combinations(range(len(names)), 2))
    differences = np.stack([sums[:, a] - sums[:, b] for a, b in places], axis=1)
    raw = sign_flip(differences)
    pairs = [
        Pair(names[a], names[b], float(total), float(p), float(adjusted))
        for (a, b), total, p, adjusted in zip(
            places, differences.sum(axis=0) / len(values), raw, holm(raw), strict=True
        )
    ]
    best = {pair.second: pair.adjusted for pair in pairs if pair.first == names[0]}
    return [replace(score, p=best.get(score.attributor)) for score in scores], pairs


def _intervals(rows: Sequence[Row], names: list[str]) -> dict[str, dict[str, tuple[float, float]]]:
    values, images = _values(rows, names, METRICS)
    ends = iter(intervals(values, images))
    found: dict[str, dict[str, tuple[float, float]]] = {}
    for name in names:
        mine = {metric: next(ends) for metric in METRICS}
        found[name] = {
            metric: (float(low), float(high)) for metric, (low, high) in mine.items() if np.isfinite(low)
        }
    return found


def _values(
    rows: Sequence[Row], names: Sequence[str], metrics: Sequence[str]
) -> tuple[np.ndarray, np.ndarray]:
    """What every record is worth to every method in every metric, float [R, methods * metrics], NaN where
    there is nothing; and which image each record is about, [R]. Records in sorted order, without those that
    no method can explain."""
    rows = [row for row in rows if row["status"] != "not_applicable"]
    records = {record: place for place, record in enumerate(sorted({record_of(row) for row in rows}))}
    columns = {name: place * len(metrics) for place, name in enumerate(names)}
    values = np.full((len(records), len(names) * len(metrics)), np.nan)
    images = [""] * len(records)
    for row in rows:
        place = records[record_of(row)]
        images[place] = image_of(row)
        if row["attributor"] in columns:
            for offset, metric in enumerate(metrics):
                value = worth(row, metric)
                if value is not None:
                    values[place, columns[row["attributor"]] + offset] = value
    return values, np.array(images)


def _score(name: str, rows: Sequence[Row], everything: set[Any], seconds: Mapping[Key, float]) -> Score:
    """One attributor's figures; ``rank`` is 0 where it deserves one."""
    tried = [row for row in rows if row["status"] != "not_applicable"]
    good = [row for row in tried if row["status"] == "ok"]
    names_concepts = any(row["concept"] is not None or row["concept_scores"] for row in tried)
    models = sorted({row["model"] for row in tried})
    return Score(
        attributor=name,
        rank=0 if tried and {record_of(row) for row in tried} == everything else None,
        records=len(tried),
        failed=sum(row["status"] == "failed" for row in tried),
        not_applicable=len(rows) - len(tried),
        iou=_mean(row["iou"] for row in tried),
        precision=_mean(row["precision"] for row in tried),
        recall=_mean(row["recall"] for row in tried),
        f1=_mean(row["f1"] for row in tried),
        pointing=_mean_of_all(tried, "pointing"),
        concept=_mean(
            value for row in tried if names_concepts and (value := worth(row, "concept")) is not None
        ),
        deletion=_mean_of_all(tried, "deletion"),
        insertion=_mean_of_all(tried, "insertion"),
        fallback=_mean(row["fallback"] for row in tried),
        forward=_mean(row["forward"] for row in good),
        backward=_mean(row["backward"] for row in good),
        seconds=_mean(seconds[key] for row in good if (key := key_of(row)) in seconds),
        by_model={
            model: _mean(row["iou"] for row in tried if row["model"] == model) or 0.0 for model in models
        },
    )


def _mean_of_all(rows: Sequence[Row], metric: str) -> float | None:
    """The mean of what every row must have; None where one has not."""
    values = [worth(row, metric) for row in rows]
    return None if None in values else _mean(value for value in values if value is not None)


def _mean(values: Iterable[float]) -> float | None:
    found = list(values)
    return fsum(found) / len(found) if found else None
