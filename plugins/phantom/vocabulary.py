"""The names of sides and of the anatomical concepts that the phantom has exact masks of."""

from __future__ import annotations

from typing import Literal

Side = Literal["left", "right"]
SIDES: tuple[Side, ...] = ("left", "right")
SIGN: dict[Side, float] = {"left": 1.0, "right": -1.0}  # of x: the patient's left is on the image's right

CONCEPTS: tuple[str, ...] = (
    "cardiac silhouette",
    "left lung",
    "right lung",
    "mediastinum",
    "upper mediastinum",
    "left clavicle",
    "right clavicle",
    "left hilar structures",
    "right hilar structures",
    "left costophrenic angle",
    "right costophrenic angle",
)
