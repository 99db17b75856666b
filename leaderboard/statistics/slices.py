"""The same scores over parts of the records: by model, source, finding, and size of the finding."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from harness.imaging.overlap import union_area
from harness.run.row import ResultKey, Row
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
    """Which third of the samples a finding's share of its image puts it in. ``shares``: by source, index.

    ``edges``: the largest share of a small and of a medium one. Thirds are of all samples of the board, so
    that they are the same in both modes.
    """

    shares: Mapping[tuple[str, int], float]
    edges: tuple[float, float]

    @classmethod
    def of(cls, shares: Mapping[tuple[str, int], float]) -> Sizes:
        """The thirds of these samples."""
        small, medium = np.quantile(list(shares.values()), [1 / 3, 2 / 3]) if shares else (0.0, 0.0)
        return cls(shares, (float(small), float(medium)))

    def size(self, row: Row) -> str | None:
        """Small, medium or large; None where it is not known."""
        part = self.shares.get((row.source, row.index))
        return None if part is None else SIZES[sum(part > edge for edge in self.edges)]

    def describe(self, size: str) -> str:
        """A size with its share of the image area, for a heading."""
        small, medium = (f"{100 * edge:.2g}%" for edge in self.edges)
        return {
            "small": f"small (up to {small} of the image)",
            "medium": f"medium ({small} to {medium})",
            "large": f"large (over {medium})",
        }[size]


def slices_by(
    rows: Sequence[Row], measures: Measures, seconds: Mapping[ResultKey, float], sizes: Sizes
) -> dict[str, list[Slice]]:
    """The slices of one mode's rows by each of :data:`TITLES`, and ``model and source``, their crossing."""
    kinds: dict[str, Callable[[Row], dict[str, str | None]]] = {
        "model": lambda row: {"model": row.model},
        "source": lambda row: {"source": row.source},
        "model and source": lambda row: {"model": row.model, "source": row.source},
        "finding": lambda row: {"finding": row.attribute},
        "size": lambda row: {"size": sizes.size(row)},
    }
    return {kind: _slices(rows, about, measures, seconds, sizes) for kind, about in kinds.items()}


def _slices(
    rows: Sequence[Row],
    about: Callable[[Row], dict[str, str | None]],
    measures: Measures,
    seconds: Mapping[ResultKey, float],
    sizes: Sizes,
) -> list[Slice]:
    groups: dict[tuple[tuple[str, str], ...], list[Row]] = {}
    for row in rows:
        facts = {name: value for name, value in about(row).items() if value is not None}
        if facts:
            groups.setdefault(tuple(facts.items()), []).append(row)
    order = {size: str(place) for place, size in enumerate(SIZES)}
    slices = []
    for key in sorted(groups, key=lambda key: [order.get(v, v) if n == "size" else v for n, v in key]):
        mine = [row for row in groups[key] if row.status != "not_applicable"]
        if mine:
            slices.append(
                Slice(
                    about=dict(key),
                    name=", ".join(sizes.describe(value) if name == "size" else value for name, value in key),
                    records=len({row.record for row in mine}),
                    images=len({row.image for row in mine}),
                    scores={score.attributor: score for score in rank(groups[key], measures, seconds)},
                )
            )
    return slices


def shares(rows: Sequence[Row]) -> dict[tuple[str, int], float]:
    """How much of its image each sample's true boxes cover together, 0..1, where any of the rows tells."""
    found: dict[tuple[str, int], float] = {}
    for row in rows:
        key = row.source, row.index
        if key not in found and (part := _share(row)) is not None:
            found[key] = part
    return found


def _share(row: Row) -> float | None:
    if row.size is None:
        return None
    width, height = row.size
    try:
        return union_area(row.true_boxes) / (width * height)
    except TypeError:  # an edge that is no number
        return None
