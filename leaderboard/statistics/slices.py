"""The same scores over parts of the records: by model, source, finding, and size of the finding."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from leaderboard.read.table import NOT_APPLICABLE, NOTHING, Table
from leaderboard.statistics.ranking import Measures, Score, rank

TITLES = {"model": "model", "source": "source", "finding": "finding", "size": "size of the finding"}
SIZES = ("small", "medium", "large")


@dataclass(frozen=True)
class Slice:
    """Some of a mode's records. ``about``: model, source, finding or size that they have in common.

    ``scores``: by attributor; their ranks are those within the slice, and they have no ``p``.
    """

    about: dict[str, str]
    name: str
    records: int
    images: int
    scores: dict[str, Score]


@dataclass(frozen=True)
class Sizes:
    """Which third of the samples a finding's share of its image puts it in.

    ``edges``: the largest share of a small and of a medium one. Thirds are of all samples of the board, so
    that they are the same in both modes.
    """

    edges: tuple[float, float]

    @classmethod
    def of(cls, shares: np.ndarray) -> Sizes:
        """The thirds of samples whose shares these are."""
        small, medium = np.quantile(shares, [1 / 3, 2 / 3]) if len(shares) else (0.0, 0.0)
        return cls((float(small), float(medium)))

    def sizes(self, shares: np.ndarray) -> np.ndarray:
        """For each the place of its size in :data:`SIZES`; -1 where the share is not known."""
        return np.where(np.isnan(shares), NOTHING, sum((shares > edge).astype(int) for edge in self.edges))

    def describe(self, size: str) -> str:
        """A size with its share of the image area, for a heading."""
        small, medium = (f"{100 * edge:.2g}%" for edge in self.edges)
        return {
            "small": f"small (up to {small} of the image)",
            "medium": f"medium ({small} to {medium})",
            "large": f"large (over {medium})",
        }[size]


def slices_by(table: Table, measures: Measures, sizes: Sizes, whole: list[Score]) -> dict[str, list[Slice]]:
    """The slices of one mode's results by each of :data:`TITLES`, and ``model and source``, their crossing.

    ``whole``: the scores over all of them, for slices that are all of them.
    """
    scored = {np.ones(len(table), bool).tobytes(): whole}  # the same results may be a slice of several kinds
    sizes_of = sizes.sizes(table["share"])
    kinds: dict[str, dict[str, tuple[np.ndarray, Sequence[str]]]] = {
        "model": {"model": _text(table, "model")},
        "source": {"source": _text(table, "source")},
        "model and source": {"model": _text(table, "model"), "source": _text(table, "source")},
        "finding": {"finding": _text(table, "attribute")},
        "size": {"size": (sizes_of, SIZES)},
    }
    return {kind: _slices(table, about, measures, sizes, scored) for kind, about in kinds.items()}


def _text(table: Table, column: str) -> tuple[np.ndarray, Sequence[str]]:
    return table[column], table.names[column]


def _slices(
    table: Table,
    about: Mapping[str, tuple[np.ndarray, Sequence[str]]],
    measures: Measures,
    sizes: Sizes,
    scored: dict[bytes, list[Score]],
) -> list[Slice]:
    """The slices whose columns of ``about`` have the same numbers, in the order of these."""
    columns = np.column_stack([numbers for numbers, _ in about.values()])
    slices = []
    for numbers in np.unique(columns[(columns != NOTHING).all(axis=1)], axis=0):
        mask = (columns == numbers).all(axis=1)
        part = table.take(mask)
        mine = part.take(part["status"] != NOT_APPLICABLE)
        if not len(mine):
            continue
        names = [texts[number] for (_, texts), number in zip(about.values(), numbers.tolist(), strict=True)]
        key = mask.tobytes()
        scores = scored[key] = scored.get(key) or rank(part, measures)
        told = dict(zip(about, names, strict=True))
        slices.append(
            Slice(
                about=told,
                name=", ".join(sizes.describe(name) if kind == "size" else name for kind, name in told.items()),
                records=len(np.unique(mine.record)),
                images=len(np.unique(mine["image"])),
                scores={score.attributor: score for score in scores},
            )
        )
    return slices


def with_shares(table: Table) -> tuple[Table, np.ndarray]:
    """A table whose lines have the share of their sample where any of the lines tells, and the shares of the samples of
    which that is known."""
    samples, which = np.unique(table.sample, return_inverse=True)
    told = np.flatnonzero(~np.isnan(table["share"]))
    shares = np.full(len(samples), np.nan)
    shares[which[told[::-1]]] = table["share"][told[::-1]]  # the first counts
    return table.holding(share=shares[which]), shares[~np.isnan(shares)]
