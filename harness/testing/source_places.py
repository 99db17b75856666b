"""Where a source's findings lie and how large they are, and how far one gets who knows no more than that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from harness.imaging.frame import Box
from harness.imaging.overlap import overlap, union_area
from harness.testing.constant_box import best_box

WHOLE = (0.0, 0.0, 1.0, 1.0)
FITTED = 300  # samples, evenly spread, that a box is fitted on at most: more change it by less than a cell


@dataclass(frozen=True)
class Place:
    """A sample's boxes, in shares of its image's width and height."""

    image: str
    attribute: str
    boxes: tuple[Box, ...]

    @property
    def hull(self) -> Box:
        """The box about all of them."""
        x0, y0, x1, y1 = zip(*self.boxes, strict=True)
        return Box(min(x0), min(y0), max(x1), max(y1))


@dataclass(frozen=True)
class Spread:
    """What is told of some samples: all are shares, but for counts.

    ``area``: the first decile, the median and the last decile of what the boxes of a sample cover together; ``x`` and
    ``y``: mean and standard deviation of the middle of all of its boxes; ``boxes``: median and largest number of them;
    ``prior``: mean IoU of the question-prior.
    """

    samples: int
    area: tuple[float, float, float]
    x: tuple[float, float]
    y: tuple[float, float]
    boxes: tuple[float, int]
    prior: float


def place(image: str, attribute: str, boxes: Sequence[Box], size: tuple[int, int]) -> Place | None:
    """Boxes in native pixels of an image of (width, height) as shares; None where nothing of them lies in it."""
    width, height = size
    inside = [box.clip(width, height) for box in boxes]
    shares = tuple(
        Box(box.x0 / width, box.y0 / height, box.x1 / width, box.y1 / height) for box in inside if box.area > 0
    )
    return Place(image, attribute, shares) if shares else None


def prior_ious(places: Sequence[Place]) -> list[float]:
    """The IoU, in order, of the best constant box of each sample's attribute, fitted where the sample is not.

    The images of an attribute, by name, are halved; a box fitted on either half answers for the other. Names are in the
    order of patients in most data sets, so that one of whom there are several images is seldom in both. An attribute on
    a single image gets the box that is best for all other attributes.
    """
    found = np.zeros(len(places))
    for attribute in {one.attribute for one in places}:
        members = [k for k, one in enumerate(places) if one.attribute == attribute]
        images = sorted({places[k].image for k in members})
        first = {*images[: (len(images) + 1) // 2]}
        halves = [[k for k in members if (places[k].image in first) is side] for side in (True, False)]
        for mine, others in (halves, halves[::-1]):
            fit = others or [k for k, one in enumerate(places) if one.attribute != attribute]
            if mine and fit:
                spread = [fit[i * len(fit) // min(len(fit), FITTED)] for i in range(min(len(fit), FITTED))]
                box = Box(*best_box([places[k].boxes for k in spread], WHOLE))
                for k in mine:
                    found[k] = overlap([box], places[k].boxes).iou
    return found.tolist()


def spreads(places: Sequence[Place]) -> dict[str, Spread]:
    """What is told of the samples of each attribute, the most frequent first, and under "" of all."""
    if not places:
        return {}
    areas = np.array([union_area(one.boxes) for one in places])
    middles = np.array([((one.hull.x0 + one.hull.x1) / 2, (one.hull.y0 + one.hull.y1) / 2) for one in places])
    counts = np.array([len(one.boxes) for one in places])
    priors = np.array(prior_ious(places))
    names = np.array([one.attribute for one in places], object)

    def told(chosen: np.ndarray) -> Spread:
        low, middle, high = np.quantile(areas[chosen], (0.1, 0.5, 0.9))
        (x, y), (wide, tall) = middles[chosen].mean(axis=0), middles[chosen].std(axis=0)
        return Spread(
            samples=int(chosen.sum()),
            area=(float(low), float(middle), float(high)),
            x=(float(x), float(wide)),
            y=(float(y), float(tall)),
            boxes=(float(np.median(counts[chosen])), int(counts[chosen].max())),
            prior=float(priors[chosen].mean()),
        )

    found = {name: told(names == name) for name in dict.fromkeys(names)}
    ranked = sorted(found, key=lambda name: (-found[name].samples, name))
    return {"": told(np.ones(len(places), bool)), **{name: found[name] for name in ranked}}
