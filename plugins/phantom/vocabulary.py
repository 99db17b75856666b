"""The names that the phantom uses: anatomical concepts, kinds of finding, and which concept holds which finding."""

from __future__ import annotations

from dataclasses import dataclass
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


@dataclass(frozen=True)
class Kind:
    """A kind of finding: what it is called, where it lives, and how it looks in words.

    ``concept`` and ``sees`` have ``{side}`` in them where the kind is sided. ``prevalence`` is a chance a side.
    """

    name: str
    concept: str
    sees: str
    normal: str
    sided: bool = True
    prevalence: float = 0.16


KINDS: tuple[Kind, ...] = (
    Kind("cardiomegaly", "cardiac silhouette", "the heart is wide", "the heart is of normal width", False, 0.28),
    Kind("widened mediastinum", "upper mediastinum", "the upper mediastinum is wide on both sides",
         "the upper mediastinum is narrow", False, 0.26),
    Kind("aortic enlargement", "upper mediastinum", "the aortic knob bulges to the left",
         "the aortic knob is small", False, 0.26),
    Kind("pleural effusion", "{side} costophrenic angle", "the {side} costophrenic angle is filled with fluid",
         "the {side} costophrenic angle is sharp"),
    Kind("pneumothorax", "{side} lung", "the {side} lung has a pleural line with dark air beyond it",
         "the {side} lung reaches the chest wall"),
    Kind("consolidation", "{side} lung", "the {side} lung has a patchy dense area",
         "the {side} lung has no patchy dense area"),
    Kind("lung mass", "{side} lung", "the {side} lung has a large round opacity",
         "the {side} lung has no round opacity"),
    Kind("atelectasis", "{side} lung", "the {side} lung base has a dense band",
         "the {side} lung base has no band"),
    Kind("hilar enlargement", "{side} hilar structures", "the {side} hilum is large and dense",
         "the {side} hilum is of normal size"),
    Kind("clavicle fracture", "{side} clavicle", "the {side} clavicle is broken and displaced",
         "the {side} clavicle is smooth"),
)  # fmt: skip
KIND = {kind.name: kind for kind in KINDS}


@dataclass(frozen=True)
class Finding:
    """One finding in one patient; ``side`` is the patient's side, None for kinds without sides."""

    kind: str
    side: Side | None = None

    @property
    def attribute(self) -> str:
        """The finding as the benchmark's question names it, for instance "left pleural effusion"."""
        return f"{self.side} {self.kind}" if self.side else self.kind

    def _fill(self, text: str) -> str:
        return text.replace("{side}", self.side or "")

    @property
    def concept(self) -> str:
        """The concept that holds the finding: the known cause of a "yes"."""
        return self._fill(KIND[self.kind].concept)

    @property
    def sees(self) -> str:
        """What a reader sees where the finding is present."""
        return self._fill(KIND[self.kind].sees)

    @property
    def normal(self) -> str:
        """What a reader sees where the finding is absent."""
        return self._fill(KIND[self.kind].normal)


FINDINGS: tuple[Finding, ...] = tuple(
    Finding(kind.name, side) for kind in KINDS for side in (SIDES if kind.sided else (None,))
)
FINDING = {finding.attribute: finding for finding in FINDINGS}
