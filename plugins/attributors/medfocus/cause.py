"""Where the cause lies, by what hiding windows cost: every box on a lattice, and how well it explains the costs.

The model of it is one line: hiding a window costs the answer in proportion to the square of the share of the cause that
the window covers. A box of the lattice is the likelier, the better the costs that were measured follow that line. What
is answered is not the likeliest box but the one that overlaps the likely ones most, and what is hidden next are the
windows about whose cost the likely boxes disagree most.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from harness.imaging.frame import Box

CELLS = 16  # of the lattice along a side of the frame
SIZES = (2, 3, 4, 6)  # cells along a side of a window that may be hidden
WIDE, STEP = 6, 5  # cells along a side of the first windows, and from one to the next
# Chosen on patients of DEVELOP (scripts/search_constants.py); docs/zoom.md has what others give.
POWER = 2.0
TRUST = 3.0  # how fast a box that explains less becomes unlikely
KEPT = 400  # boxes, the likeliest, that are answered from
WEIGHED = 1000  # boxes that the next windows are chosen by
NOISE = 0.3  # of a cost, in shares of the greatest disagreement

Boxes = np.ndarray
"""float [n, 4]: x0, y0, x1, y1 in frame pixels."""


@dataclass(frozen=True)
class Likely:
    """Boxes that may be the cause, ``weights`` that sum to 1, and what hiding all of each would cost."""

    boxes: Boxes
    weights: np.ndarray
    costs: np.ndarray

    def best(self) -> Box:
        """The one that overlaps the others most: the greatest expected IoU."""
        return Box(*map(float, self.boxes[np.argmax(ious(self.boxes) @ self.weights)]))

    def heat(self, side: int) -> np.ndarray:
        """How likely each cell of the frame belongs to the cause, float64 [CELLS, CELLS]: the mean over its pixels."""
        return self._sum(side, self.weights).reshape(CELLS, side // CELLS, CELLS, -1).mean((1, 3))

    def density(self, side: int) -> np.ndarray:
        """Which part of the cause each pixel is expected to hold, float64 [side, side]; about 1 in all."""
        sizes = self.boxes[:, 2:] - self.boxes[:, :2]
        return self._sum(side, self.weights / sizes.prod(1))

    def _sum(self, side: int, values: np.ndarray) -> np.ndarray:
        total = np.zeros((side, side))
        for (x0, y0, x1, y1), value in zip(np.ceil(self.boxes - 0.5).astype(int), values, strict=True):
            total[y0:y1, x0:x1] += value
        return total

    def share_in(self, box: Box) -> float:
        """How much of the cause a box is expected to cover, 0 to 1."""
        return float(self.weights @ covered(np.array([box], float), self.boxes)[0])


class Lattice:
    """All boxes of an image that could be the cause, and all windows that could be hidden.

    ``content``: the part of the frame that is image; ``side``: of the frame, in pixels. Lines lie where they lie in
    every frame, since models cut the frame into patches: a window that halves patches hides less.
    """

    def __init__(self, content: Box, side: int) -> None:
        self.x = _edges(content.x0, content.x1, side)
        self.y = _edges(content.y0, content.y1, side)
        self._across, self._down = _stretches(self.x), _stretches(self.y)

    def first(self) -> Boxes:
        """Few wide windows that leave nothing out."""
        across, down = (_along(edges, WIDE, STEP) for edges in (self.x, self.y))
        return _crossed(across, down)

    def windows(self) -> Boxes:
        """All square windows, of the sizes there are."""
        found = [_crossed(_along(self.x, size), _along(self.y, size)) for size in SIZES]
        return np.unique(np.concatenate(found), axis=0)  # in a small image sizes coincide

    def likely(self, hidden: Boxes, costs: np.ndarray, most: int = KEPT) -> Likely:
        """The boxes that explain best what hiding windows cost. ``hidden``: [n, 4]; ``costs``: [n], not negative."""
        across = _shares(hidden[:, 0::2], self._across) ** POWER
        down = _shares(hidden[:, 1::2], self._down) ** POWER
        along = (down * costs[:, None]).T @ across
        size = (down**2).T @ across**2 + 1e-12
        explained = np.clip(along**2 / size / (float(costs @ costs) + 1e-30), 0, 0.998)
        # Of boxes that explain the same, numbers in the tenth digit do not decide.
        loss = np.log1p(-explained.round(9)).ravel()
        order = np.argsort(loss, kind="stable")[:most]
        weights = np.exp(-TRUST * (loss[order] - loss[order[0]]))
        row, column = np.unravel_index(order, explained.shape)
        boxes = np.stack(
            [self._across[column, 0], self._down[row, 0], self._across[column, 1], self._down[row, 1]], 1
        )
        return Likely(boxes, weights / weights.sum(), (along / size).ravel()[order])

    def next(self, hidden: Boxes, costs: np.ndarray, windows: Boxes, count: int) -> Boxes:
        """The windows about whose cost the likely boxes disagree most, and that tell most beside each other.

        At most ``count``, none that was hidden before.
        """
        windows = windows[~(windows[:, None] == hidden[None]).all(-1).any(1)]
        likely = self.likely(hidden, costs / max(float(costs.max()), 1e-30), WEIGHED)
        expected = likely.costs * covered(windows, likely.boxes) ** POWER
        spread = (expected - (expected @ likely.weights)[:, None]) * np.sqrt(likely.weights)
        variance = (spread**2).sum(1)
        noise = NOISE * variance.max(initial=0) + 1e-30
        chosen: list[int] = []
        for _ in range(min(count, len(windows))):
            variance[chosen] = -1
            best = int(np.argmax(variance.round(12)))
            chosen.append(best)
            # What its cost will tell is known then, of it and of all windows that go with it.
            own = spread[best]
            along = spread @ own
            size = float(own @ own)
            gain = 1 - np.sqrt(noise / (size + noise))
            variance = variance - along**2 / (size + noise)
            spread = spread - np.outer(along, own) * (gain / max(size, 1e-30))
        return windows[chosen]


def covered(windows: Boxes, boxes: Boxes) -> np.ndarray:
    """What share of each box each window covers, float [windows, boxes]."""
    across = _shares(windows[:, 0::2], boxes[:, 0::2])
    return across * _shares(windows[:, 1::2], boxes[:, 1::2])


def ious(boxes: Boxes) -> np.ndarray:
    """The IoU of each two boxes, float [n, n]."""
    area = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    both = covered(boxes, boxes) * area
    return both / (area[:, None] + area - both)


def _edges(low: float, high: float, side: int) -> np.ndarray:
    """The lines of the frame's lattice in an image, and its ends; a line close to an end gives way."""
    cell = side / CELLS
    lines = np.arange(CELLS + 1) * cell
    inside = lines[(lines > low + cell / 2) & (lines < high - cell / 2)]
    return np.array([low, *inside, high])


def _shares(windows: np.ndarray, stretches: np.ndarray) -> np.ndarray:
    """What share of each stretch, [n, 2], each window covers along one side, float [windows, n]."""
    low = np.maximum(windows[:, None, 0], stretches[None, :, 0])
    high = np.minimum(windows[:, None, 1], stretches[None, :, 1])
    return np.clip(high - low, 0, None) / (stretches[:, 1] - stretches[:, 0])


def _stretches(edges: np.ndarray) -> np.ndarray:
    """All stretches between two edges, float [n, 2]."""
    low, high = np.triu_indices(len(edges), 1)
    return np.stack([edges[low], edges[high]], 1)


def _along(edges: np.ndarray, cells: int, step: int = 1) -> np.ndarray:
    """Stretches of so many cells, float [n, 2]; the last ends with the image."""
    cells = min(cells, len(edges) - 1)
    last = len(edges) - 1 - cells
    starts = np.unique([*range(0, last, step), last])
    return np.stack([edges[starts], edges[starts + cells]], 1)


def _crossed(across: np.ndarray, down: np.ndarray) -> Boxes:
    """A box for each two stretches, row after row."""
    column, row = np.meshgrid(np.arange(len(across)), np.arange(len(down)))
    x, y = across[column.ravel()], down[row.ravel()]
    return np.stack([x[:, 0], y[:, 0], x[:, 1], y[:, 1]], 1)
