"""A patient: the parameters of one body, its framing and exposure, and the findings it carries, all from one seed.

Body coordinates are millimetres: x to the image's right (the patient's left), y down, z towards the detector
(anterior); the origin lies in the midline at mid-chest.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class Patient:
    """One patient.

    ``p`` holds the scalar parameters by name; lengths in mm, angles in radians. ``kinds``: the findings it has;
    ``draw`` tells the draws of findings that one body can be given apart.
    """

    seed: int
    p: dict[str, float] = field(repr=False)
    kinds: tuple[str, ...] = ()
    draw: int = 0

    def rng(self, purpose: str) -> np.random.Generator:
        """A generator for one purpose, so that one structure's draws never shift another's."""
        return np.random.default_rng([self.seed, *purpose.encode()])
