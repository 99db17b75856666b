"""The findings of the second edition: what the questions ask about, and how common each is."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Kind:
    """A kind of finding.

    ``anywhere``: it can lie anywhere (in the lungs, along the wall, on any bone), so that knowing what is asked does
    not tell where to look. ``least``: what it must add to the film at least, attenuation x mm^2, to be there at all.
    """

    name: str
    anywhere: bool
    prevalence: float = 0.16
    least: float = 170.0


KINDS: tuple[Kind, ...] = (
    Kind("cardiomegaly", False, 0.18),
    Kind("widened mediastinum", False, 0.18),
    Kind("hilar enlargement", False),
    Kind("pleural effusion", False),
    Kind("pneumothorax", True),
    Kind("consolidation", True),
    Kind("lung mass", True),
    Kind("lung nodules", True),
    Kind("atelectasis", True),
    Kind("cavitary lesion", True),
    Kind("loculated fluid", True),
    Kind("pleural plaque", True),
    Kind("bone lesion", True),
    Kind("surgical clips", True),
)
KIND = {kind.name: kind for kind in KINDS}
ATTRIBUTES: tuple[str, ...] = tuple(KIND)
