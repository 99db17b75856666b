"""What a model's answer owes to the pixels that a method marks: areas under the deletion and insertion curves.

Source: Petsiuk et al. 2018, "RISE". Pixels go black, or come back into a black image, in the order of their
importance; at each step the answer's tokens get a mean probability. No annotation has a part in it. Both curves start
or end in black, not in a blurred image, as the interventions of this benchmark do.
"""

from __future__ import annotations

from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field

from harness.contracts.case import Case
from harness.contracts.explained import Explained
from harness.contracts.metric import Metric, Need
from harness.contracts.plugin import NoOptions


class _Curve(Metric):
    """The area under a curve of the answer's mean token probability."""

    needs: ClassVar[frozenset[Need]] = frozenset({"map", "model"})

    class Options(NoOptions):
        steps: Annotated[
            int, Field(ge=2, le=1000, description="equal parts of the image that go one after the other; a pass each")
        ] = 10

    options: Options

    def measure(self, explained: Explained) -> float:
        if explained.case is None:
            raise ValueError("it needs the model that gave the answer")
        order = importance(explained.heat, explained.case)
        return self.area(order, explained.case, self.options.steps)

    def area(self, order: np.ndarray, case: Case, steps: int) -> float:
        raise NotImplementedError


class Deletion(_Curve):
    """Area under the answer's probability while the marked pixels go black, the most important first."""

    name: ClassVar[str] = "deletion"
    title: ClassVar[str] = "Deletion"
    higher_is_better: ClassVar[bool] = False
    worst: ClassVar[float] = 1.0
    legend: ClassVar[str] = (
        "the area under the curve of the answer's mean token probability while the image's pixels go black, the most "
        "important first; less is better. Maps give the order, boxes two classes; ties are random. It needs no "
        "annotation, and rewards a method for what blackening does to this model, evidence or not."
    )

    def area(self, order: np.ndarray, case: Case, steps: int) -> float:
        black = np.zeros_like(case.image)
        return curve_area(case, steps, order, case.image, black)


class Insertion(_Curve):
    """Area under the answer's probability while the marked pixels come back into a black image."""

    name: ClassVar[str] = "insertion"
    title: ClassVar[str] = "Insertion"
    legend: ClassVar[str] = (
        "the area under the curve of the answer's mean token probability while the image's pixels come back into a "
        "black image, the most important first; more is better."
    )

    def area(self, order: np.ndarray, case: Case, steps: int) -> float:
        black = np.zeros_like(case.image)
        return curve_area(case, steps, order, black, case.image)


def importance(heat: np.ndarray, case: Case) -> np.ndarray:
    """The image's pixels within the frame, int [P] into its flat rows, the most important first.

    Ties, of which a coarse map is full, are in a random order fixed by the case's seed: scan order would favour the
    top.
    """
    height, width = case.image.shape[:2]
    x0, y0, x1, y1 = (round(edge) for edge in case.content)
    inside = np.arange(height * width).reshape(height, width)[y0:y1, x0:x1].ravel()
    inside = np.random.default_rng(case.seed).permutation(inside)
    return inside[np.argsort(-heat.ravel()[inside], kind="stable")]


def curve_area(case: Case, steps: int, order: np.ndarray, begin: np.ndarray, end: np.ndarray) -> float:
    """The area, 0..1, under the answer's mean token probability while pixels go from one image to another.

    ``begin``, ``end``: uint8 [side, side, 3]. ``order``: which pixels go first, as :func:`importance` gives it.
    """
    images = []
    for step in range(steps + 1):
        taken = order[: round(step * len(order) / steps)]
        image = begin.copy()
        image.reshape(-1, 3)[taken] = end.reshape(-1, 3)[taken]
        images.append(image)
    curve = np.exp(case.score(images)).mean(axis=1)
    return float(np.mean((curve[1:] + curve[:-1]) / 2))
