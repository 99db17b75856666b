"""What is true of a finding on a film: boxes of its lesions, boxes of the regions that hold them, and the concepts
in which its signal lies. All of it follows from the difference that the finding makes to the film."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from harness.imaging.frame import Box
from plugins.phantom.projection import HEIGHT, WIDTH
from plugins.phantom.radiograph import VISIBLE, Radiograph
from plugins.phantom.vocabulary import SIDES

HOLDS = 0.9  # a region holds a lesion where its box has this share of the lesion's signal
MOST = 0.5  # what is nested in it is acceptable too where its box has this share
PAIRS: dict[str, tuple[str, str]] = {
    "lungs": ("left lung", "right lung"),
    "clavicles": ("left clavicle", "right clavicle"),
    "hilar structures": ("left hilar structures", "right hilar structures"),
    "costophrenic angles": ("left costophrenic angle", "right costophrenic angle"),
}
# Radiologists box the whole organ that has grown, not only what it gained.
_ORGANS = {
    "cardiomegaly": ("cardiac silhouette", "mediastinum"),
    "widened mediastinum": ("upper mediastinum", "mediastinum"),
}


def tight(mask: np.ndarray, spare: int = 1) -> Box | None:
    """The tight half-open box of a mask, native pixels, with pixels to spare for the detector's blur."""
    rows, cols = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if not len(rows):
        return None
    return Box(
        max(0, int(cols[0]) - spare), max(0, int(rows[0]) - spare),
        min(WIDTH, int(cols[-1]) + 1 + spare), min(HEIGHT, int(rows[-1]) + 1 + spare),
    )  # fmt: skip


class Truth:
    """The truths of one film; the concepts' exact masks are made once."""

    def __init__(self, film: Radiograph) -> None:
        self.film = film
        self.masks = film.anatomy.masks()
        # An organ that has grown is the organ.
        for kind, names in _ORGANS.items():
            if kind in film.drawn:
                for name in names:
                    self.masks[name] = self.masks[name] | film.signal(kind)
        if "hilar enlargement" in film.drawn:
            for lesion in film.drawn["hilar enlargement"].lesions:
                mask = np.abs(lesion) > VISIBLE
                name = f"{self._side(mask)} hilar structures"
                self.masks[name] = self.masks[name] | mask
        self.concepts = {name: box for name, mask in self.masks.items() if (box := tight(mask, 0)) is not None}

    def lesions(self, kind: str) -> list[np.ndarray]:
        """Boolean masks [HEIGHT, WIDTH] of what a reader would box, one a lesion."""
        found = [np.abs(lesion) > VISIBLE for lesion in self.film.drawn[kind].seen]
        if kind in _ORGANS:
            found = [mask | self.masks[_ORGANS[kind][0]] for mask in found]
        if kind == "hilar enlargement":
            found = [mask | self.masks[f"{self._side(mask)} hilar structures"] for mask in found]
        return found

    def _side(self, mask: np.ndarray) -> str:
        return SIDES[int(self.film.anatomy.x[mask].mean() < 0)]

    def boxes(self, kind: str) -> tuple[Box, ...]:
        """The finding's boxes, 1 to 3; lesions that lie on each other share one."""
        boxes: list[Box] = []
        for mask in self.lesions(kind):
            box = tight(mask)
            while box is not None and (other := next((b for b in boxes if _touch(b, box)), None)):
                boxes.remove(other)
                box = Box(min(box.x0, other.x0), min(box.y0, other.y0), max(box.x1, other.x1), max(box.y1, other.y1))
            if box is not None:
                boxes.append(box)
        return tuple(sorted(boxes))

    def regions(self, kind: str) -> tuple[Box, ...]:
        """For each lesion the box of the smallest concept that holds it; none where a lesion lies in no concept."""
        found = []
        for lesion in self.film.drawn[kind].seen:
            holders = _holders(np.abs(lesion), {name: (box,) for name, box in self.concepts.items()})
            if not holders:
                return ()
            found.append(self.concepts[min(holders, key=lambda name: self.concepts[name].area)])
        return tuple(sorted(set(found)))

    def acceptable(self, kind: str) -> tuple[str, ...]:
        """The concepts that are right answers to where the finding is.

        The smallest whose boxes hold at least nine tenths of the signal, and those nested in it that hold most of it.
        """
        signal = np.abs(self.film.drawn[kind].whole)
        regions: dict[str, tuple[Box, ...]] = {name: (box,) for name, box in self.concepts.items()}
        regions |= {
            name: tuple(self.concepts[part] for part in parts)
            for name, parts in PAIRS.items()
            if all(part in self.concepts for part in parts)
        }
        holders = _holders(signal, regions)
        if not holders:
            return ()
        smallest = min(holders, key=lambda name: paint(regions[name]).sum())
        whole = paint(regions[smallest])
        nested = {
            name: boxes
            for name, boxes in regions.items()
            if name != smallest and (paint(boxes) & whole).sum() >= HOLDS * paint(boxes).sum()
        }
        return (smallest, *_holders(signal, nested, MOST))


def _touch(one: Box, other: Box) -> bool:
    return max(one.x0, other.x0) < min(one.x1, other.x1) and max(one.y0, other.y0) < min(one.y1, other.y1)


def paint(boxes: tuple[Box, ...]) -> np.ndarray:
    """Boolean [HEIGHT, WIDTH]: the pixels of the boxes."""
    mask = np.zeros((HEIGHT, WIDTH), bool)
    for x0, y0, x1, y1 in boxes:
        mask[int(y0) : int(y1), int(x0) : int(x1)] = True
    return mask


def _holders(signal: np.ndarray, regions: Mapping[str, tuple[Box, ...]], share: float = HOLDS) -> list[str]:
    """The regions whose boxes hold at least this share of the signal."""
    whole = signal.sum()
    return [name for name, boxes in regions.items() if signal[paint(boxes)].sum() >= share * whole]
