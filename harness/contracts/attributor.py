"""The contract of an attribution method, and what it says."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from harness.contracts.case import Case
from harness.contracts.model import Capability, Capture, Model
from harness.contracts.plugin import Plugin
from harness.errors import NotApplicable as NotApplicable
from harness.imaging.frame import Box


@dataclass
class Attribution:
    """What a method says: a saliency map or boxes (frame pixels), and what else it can tell.

    ``saliency``: float [side, side], any scale; the harness turns it into boxes by the paper's rule.
    ``boxes``: boxes in frame pixels, the best first; they win over the map where both are given.
    ``concept``, ``concept_scores``, ``concept_boxes``: the chosen anatomical concept, every concept's score (higher is
    more important) and box. ``token_scores``: one value an answer token; ``concept_token_scores``: these for every
    concept that has a score. ``fallback``: the method gave up on choosing a region and returned the whole image.
    ``completeness``: by how many nats what it attributes misses what it should sum to.
    ``confidence``: how sure the method is, 0 to 1, that it looked where it should have, as of where organs lie.
    ``kept``: the share of the answer's probability that stays where what is marked is hidden, 0 to 1.
    ``notes``: what a reader of this explanation must know, in sentences; those about all of them are the method's.
    """

    saliency: np.ndarray | None = None
    boxes: Sequence[Box] | None = None
    concept: str | None = None
    concept_scores: dict[str, float] | None = None
    concept_boxes: dict[str, Box] | None = None
    token_scores: list[float] | None = None
    fallback: bool = False
    completeness: float | None = None
    concept_token_scores: dict[str, list[float]] | None = None
    confidence: float | None = None
    kept: float | None = None
    notes: Sequence[str] = ()


class Attributor(Plugin):
    """An attribution method. ``needs`` and ``captures`` state what it asks of a model.

    ``grounding``: it asks the model where in the image something is; one that says that it cannot ground is left out.
    ``same_as`` names a method that this one is by algebra: where they agree, boards show one line of the two.
    ``control``: it knows nothing of the model; boards show what the others gain over the strongest control.
    """

    control: ClassVar[bool] = False
    same_as: ClassVar[str | None] = None
    needs: ClassVar[frozenset[Capability]] = frozenset({"score"})
    captures: ClassVar[frozenset[Capture]] = frozenset()
    grounding: ClassVar[bool] = False

    def load(self) -> None:
        """Bring what the method needs into memory; called once before the first use. May raise ``HarnessError``."""

    def notes(self, sources: Collection[str]) -> list[str]:
        """What a reader of its results must know about how the method is set up, in sentences.

        Asked once it is loaded. ``sources``: the names of those that the images come from, empty where that
        is not known. An evaluation prints the notes and keeps them in the journal, so that boards show them.
        """
        return []

    @abstractmethod
    def attribute(self, case: Case) -> Attribution:
        """Explain one case. Raises :class:`NotApplicable` where it can say nothing on the model."""


def missing(method: Attributor | type[Attributor], model: Model | type[Model]) -> list[str]:
    """What a method needs and a model does not offer. Grounding is missing only where the model says so."""
    ground = ["grounding"] if method.grounding and model.grounds is False else []
    return [*sorted(method.needs - model.capabilities), *ground]
