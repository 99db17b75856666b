"""Attribution methods, right on a plain film and wrong on one kind of image or answer, by the check that fails."""

from __future__ import annotations

from typing import Any

import numpy as np
from wrong_attributors import SIDE, Altered, RightTrace

from harness.contracts.attributor import Attribution, Attributor
from harness.contracts.case import Case
from harness.imaging.frame import Box


class DividesByTheMaximum(Altered):
    """A blank image makes its map NaN."""

    def alter(self, said: Any, case: Case) -> None:
        with np.errstate(invalid="ignore"):
            said.saliency *= case.image.max() / np.float64(case.image.max())


class HalvesTheContent(Altered):
    """Its upper half of one row is empty."""

    def alter(self, said: Any, case: Case) -> None:
        x0, y0, x1, y1 = case.content
        if y1 - y0 < 10:
            said.boxes = [Box(x0, y0, x1, y0 + (y1 - y0) // 2)]


class ContentIsSquare(Altered):
    """Takes the image for square, unless it is long."""

    def alter(self, said: Any, case: Case) -> None:
        x0, y0, x1, y1 = case.content
        if y1 - y0 > x1 - x0:
            raise IndexError("out of the image")


class EightBitsOnly(Altered):
    """Its contrast vanishes where nearly all is black."""

    def alter(self, said: Any, case: Case) -> None:
        if np.median(case.image) < 5 < case.image.max() and case.content.area == SIDE**2:
            raise ZeroDivisionError("no contrast")


class SquareGrid(RightTrace):
    """Takes the grid of image tokens for square."""

    def attribute(self, case: Case) -> Attribution:
        values = case.captured("rollout").mean(0)
        side = round(len(values) ** 0.5)
        values = values.reshape(side, side)
        return Attribution(saliency=np.kron(values, np.ones((SIDE // side, SIDE // side))))


class SecondToken(Altered):
    """Looks at the second token."""

    def alter(self, said: Any, case: Case) -> None:
        said.token_scores[1] = 0.0


class FewTokens(Altered):
    """Has room for 32 tokens."""

    def alter(self, said: Any, case: Case) -> None:
        np.zeros(32)[: len(said.token_scores)] = said.token_scores


ON_IMAGES: list[tuple[str, type[Attributor]]] = [
    ("blank image", DividesByTheMaximum), ("image of one row", HalvesTheContent), ("upright image", ContentIsSquare),
    ("sixteen bit image", EightBitsOnly), ("uneven grid", SquareGrid), ("one token", SecondToken),
    ("many tokens", FewTokens),
]  # fmt: skip
