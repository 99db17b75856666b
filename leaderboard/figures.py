"""What one journal row is worth in each metric, and what is known about the record that it is of."""

from __future__ import annotations

from collections.abc import Sequence

from harness.imaging.frame import Letterbox, to_boxes
from harness.imaging.overlap import union_area
from leaderboard.read.runs import Row

METRICS = ("iou", "precision", "recall", "f1", "pointing", "concept", "deletion", "insertion")
# What a failed row is worth where its run measured it: the worst.
_WORST = {"deletion": 1.0, "insertion": 0.0}


def worth(row: Row, metric: str) -> float | None:
    """A row's value in 0..1; None where it has none: not applicable, or the truth is not known."""
    if row["status"] == "not_applicable":
        return None
    if metric == "pointing":
        return pointing(row)
    if metric == "concept":
        known = row["concept_truth"] is not None
        return float(row["concept"] == row["concept_truth"]) if known else None
    if metric in _WORST:
        if row["status"] == "failed" and metric in row:
            return _WORST[metric]
        value = row.get(metric)
        return None if value is None else float(value)
    return float(row[metric])


def pointing(row: Row) -> float | None:
    """The pointing game: 1 where the method's one point lies in a true box, else 0.

    The point is the maximum of the saliency map, or the centre of the first box of a method that has no map.
    Source: Zhang et al. 2016, "Top-down neural attention by excitation backprop"; without its tolerance of 15
    pixels, which small findings would be lost in. No point (a flat map, no box, a failure) misses. None for a
    row written before rows had the peak.
    """
    if "peak" not in row:
        return None
    point = row["peak"]
    if point is None:
        if not row["boxes"]:
            return 0.0
        x0, y0, x1, y1 = row["boxes"][0]
        point = [(x0 + x1) / 2, (y0 + y1) / 2]
    x, y = point
    return float(any(x0 <= x < x1 and y0 <= y < y1 for x0, y0, x1, y1 in row["truth"]))


def image_of(row: Row) -> str:
    """What tells the image of a row from others; a row that does not say has one of its own sample."""
    return str(row.get("image") or f"{row['source']}\n{row['index']}")


def share(row: Row) -> float | None:
    """How much of the image the true boxes cover together, 0..1; None where the row lacks the image's size."""
    if not row.get("size"):
        return None
    width, height = row["size"]
    return union_area([box.clip(width, height) for box in to_boxes(row["truth"])]) / (width * height)


def shares(rows: Sequence[Row]) -> dict[tuple[str, int], float]:
    """The share of each sample that any of the rows knows it of."""
    found: dict[tuple[str, int], float] = {}
    for row in rows:
        key = (row["source"], row["index"])
        if key not in found and (part := share(row)) is not None:
            found[key] = part
    return found


def frame_of(row: Row) -> Letterbox | None:
    """How the image lies in the frame; None where the row lacks its size."""
    return Letterbox(*row["size"]) if row.get("size") else None
