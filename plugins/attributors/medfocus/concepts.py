"""MedFocus's anatomical concepts (arXiv 2605.20158); left and right are the patient's."""

from __future__ import annotations

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

COMPOSITES: dict[str, tuple[str, str]] = {
    "lungs": ("left lung", "right lung"),
    "clavicles": ("left clavicle", "right clavicle"),
    "hilar structures": ("left hilar structures", "right hilar structures"),
    "costophrenic angles": ("left costophrenic angle", "right costophrenic angle"),
}
