"""Three controls that know nothing of the model: a method that does not beat them explains nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from harness.contracts.attributor import Attribution, Attributor
from harness.contracts.case import Case
from harness.contracts.model import Capability
from harness.hookspecs import hookimpl

GRID = 8  # cells a side of the random map, as many as occlusion has


class Random(Attributor):
    """A random value for each cell of an 8 x 8 grid, from the sample's seed."""

    name: ClassVar[str] = "random"
    control: ClassVar[bool] = True
    needs: ClassVar[frozenset[Capability]] = frozenset()

    def attribute(self, case: Case) -> Attribution:
        """The random map."""
        return Attribution(saliency=case.spread(np.random.default_rng(case.seed).random((GRID, GRID))))


class CenterPrior(Attributor):
    """A round hill over the middle of the image."""

    name: ClassVar[str] = "center-prior"
    control: ClassVar[bool] = True
    aliases: ClassVar[tuple[str, ...]] = ("centre-prior",)
    needs: ClassVar[frozenset[Capability]] = frozenset()

    def attribute(self, case: Case) -> Attribution:
        """A Gaussian whose standard deviation is a quarter of the image's sides."""
        height, width = case.image.shape[:2]
        x0, y0, x1, y1 = case.content
        y = (np.arange(height) + 0.5 - (y0 + y1) / 2) / (y1 - y0)
        x = (np.arange(width) + 0.5 - (x0 + x1) / 2) / (x1 - x0)
        return Attribution(saliency=np.exp(-8 * (y[:, None] ** 2 + x**2)))


class WholeImage(Attributor):
    """The whole image: recall is 100%, and precision what share of an image a finding covers."""

    name: ClassVar[str] = "whole-image"
    control: ClassVar[bool] = True
    needs: ClassVar[frozenset[Capability]] = frozenset()

    def attribute(self, case: Case) -> Attribution:
        """One box, the part of the frame that holds image."""
        return Attribution(boxes=[case.content])


@hookimpl
def attributors() -> Sequence[type[Attributor]]:
    """The attributors of this plugin."""
    return [Random, CenterPrior, WholeImage]
