"""Where the left half of a film differs from the right: an attribution method that asks no model at all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
from pydantic import Field
from scipy.ndimage import gaussian_filter

from harness import Attribution, Attributor, Capability, Case, NoOptions, hookimpl


class Asymmetry(Attributor):
    """How far each place differs from the one across the midline: most findings are on one side, few organs are."""

    name: ClassVar[str] = "asymmetry"
    needs: ClassVar[frozenset[Capability]] = frozenset()

    class Options(NoOptions):
        """How fine a difference counts."""

        blur: float = Field(default=6, ge=0, le=56, description="Standard deviation of a Gaussian, frame pixels.")

    options: Options

    def attribute(self, case: Case) -> Attribution:
        """The absolute difference between the film and its mirror image, both blurred; the padding has none."""
        x0, y0, x1, y1 = (round(edge) for edge in case.content)
        film = gaussian_filter(case.image[y0:y1, x0:x1].mean(-1), self.options.blur)
        saliency = np.zeros(case.image.shape[:2])
        saliency[y0:y1, x0:x1] = np.abs(film - film[:, ::-1])
        return Attribution(saliency=saliency)


@hookimpl
def attributors() -> Sequence[type[Attributor]]:
    """The attributors of this plugin."""
    return [Asymmetry]
