"""MedFocus: which anatomical concept does the model's answer depend on? (arXiv 2605.20158)"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Collection
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from harness.contracts.attributor import Attribution, Attributor
from harness.contracts.case import Case
from harness.contracts.model import Capability
from harness.contracts.plugin import NoOptions
from harness.errors import HarnessError
from harness.imaging.frame import Box
from harness.run.cache import shared
from plugins.attributors.medfocus.concepts import COMPOSITES, CONCEPTS
from plugins.attributors.medfocus.consensus import Consensus
from plugins.attributors.medfocus.kept_boxes import frame_key, recipe
from plugins.attributors.medfocus.references import Pool, load_pool, mass
from plugins.attributors.medfocus.regions import clip, region_box
from plugins.attributors.medsam import BoxRefiner, MedSAM, medsam_files

DEFAULT_POOL = Path(__file__).parent / "pools" / "phantom.npz"
PHANTOM = "phantom"  # the source that the default pool's references are like
_REMEMBERED = 4096  # images whose boxes are kept; a box takes well under a kilobyte


class MedFocus(Attributor):
    """Hide each anatomical concept in turn and return the one that the answer depends on most."""

    name: ClassVar[str] = "medfocus"
    default: ClassVar[bool] = True
    needs: ClassVar[frozenset[Capability]] = frozenset({"score"})

    class Options(NoOptions):
        """The paper's defaults, except ``transfer``; ``transfer=mass`` and ``medsam=PATH`` give all of it."""

        pool: Path = Field(
            default=DEFAULT_POOL,
            description="Reference pool: an .npz file of normal chest X-rays with masks of the 11 concepts. The "
            "default holds phantoms; `harness references build` makes one of Chest ImaGenome.",
        )
        transfer: Literal["consensus", "mass"] = Field(
            default="consensus",
            description="How reference masks become boxes. mass, the paper's: the cells that receive most of "
            "a concept's mass from the best reference. consensus: the median over all references of boxes "
            "moved by the debiased barycentric map, which the blur of entropic transport does not widen. "
            "Mean IoU of the 11 boxes against exact masks of 40 phantoms: consensus 0.66, mass 0.27.",
        )
        refine: Literal["auto", "none", "medsam"] = Field(
            default="auto",
            description="Box refinement. auto: MedSAM where its weights are given, else none. Refinements "
            "without weights were tried on (earlier) phantoms and left out, as each lowered the mean IoU of the boxes "
            "(random walker by 0.12, Chan-Vese by 0.18, snapping to edges by 0.002).",
        )
        medsam: Path | None = Field(
            default=None,
            description="MedSAM weights: a segment-anything .pth file, a transformers SamModel folder, or ORG/NAME on "
            "the hub.",
        )
        composites: bool = Field(
            default=True,
            description="Also hide both lungs, clavicles, hila and costophrenic angles, each pair at once.",
        )
        tau: float = Field(
            default=0.75,
            ge=0,
            le=1,
            description="Return the whole image where, whatever concept is hidden, the answer keeps at least "
            "this share of its probability.",
        )
        coverage: float = Field(
            default=0.75,
            gt=0,
            le=1,
            description="Share of a concept's mass that its region holds (transfer=mass).",
        )
        choice_grid: int = Field(
            default=14, ge=4, le=56, description="Cells a side when choosing the reference (transfer=mass)."
        )
        grid: int = Field(default=56, ge=8, le=224, description="Cells a side when transporting the concepts.")
        epsilon: float = Field(
            default=0.05, ge=0.01, le=1, description="Entropy weight, in units of the cost's 90th percentile."
        )
        lam: float = Field(
            default=0.1, gt=0, le=100, description="Weight of both marginals: how much mass must be kept."
        )

    options: Options  # type: ignore[assignment]

    def __init__(self, options: NoOptions | None = None) -> None:
        super().__init__(options)
        if self.options.refine == "medsam" and self.options.medsam is None:
            raise HarnessError("medfocus.refine=medsam needs the weights: set medfocus.medsam to a file or folder.")
        self._memory: OrderedDict[str, dict[str, Box]] = OrderedDict()

    def files(self) -> list[Path]:
        """The pool, and MedSAM's weights where it is in use."""
        medsam = self.options.medsam if self.options.refine != "none" else None
        return [self.options.pool, *([] if medsam is None else medsam_files(medsam))]

    def load(self) -> None:
        """Read the pool, so that a wrong one is refused at once and not at every image."""
        _ = self.pool

    def notes(self, sources: Collection[str]) -> list[str]:
        """Whose anatomy the boxes come from, unless phantoms explain phantoms."""
        if self.options.pool != DEFAULT_POOL:
            return [f"medfocus: the references are {self.pool.origin}."]
        if set(sources) == {PHANTOM}:
            return []
        return [
            f"medfocus: the references are {self.pool.origin}. On images that are no phantoms, the boxes of its "
            "concepts are untested; `harness references build` makes a pool of real ones."
        ]

    @cached_property
    def pool(self) -> Pool:
        """The reference pool, read at first use."""
        return load_pool(self.options.pool)

    @cached_property
    def refiner(self) -> BoxRefiner | None:
        """The box refiner in use, loaded at first use."""
        if self.options.refine == "none" or self.options.medsam is None:
            return None
        return MedSAM(self.options.medsam)

    @cached_property
    def _consensus(self) -> Consensus:
        return Consensus(self.pool, self.options.grid, self.options.epsilon, self.options.lam)

    def boxes(self, image: np.ndarray, content: Box) -> dict[str, Box]:
        """Each concept's box in a frame image, uint8 [side, side, 3]; one without any mass has none.

        Remembered by the image's bytes, here and on disk, so that all questions, modes, models, runs and processes
        share one transfer.
        """
        key = frame_key(self._recipe, image, content)
        if key not in self._memory:
            found = shared().get(key, lambda: self._located(image, content))
            self._memory[key] = {name: Box(*edges) for name, edges in found.items()}
            if len(self._memory) > _REMEMBERED:
                self._memory.popitem(last=False)
        return self._memory[key]

    @cached_property
    def _recipe(self) -> dict[str, Any]:
        options = self.options.model_dump(mode="json", exclude={"pool", "medsam", "composites", "tau"})
        return recipe(options, self.files())

    def _located(self, image: np.ndarray, content: Box) -> dict[str, list[float]]:
        """:meth:`_locate` as JSON, which keeps every digit of a float."""
        return {name: [float(edge) for edge in box] for name, box in self._locate(image, content).items()}

    def _locate(self, image: np.ndarray, content: Box) -> dict[str, Box]:
        o, side = self.options, image.shape[0]
        target = mass(image, o.grid, content)
        if o.transfer == "consensus":
            found = self._consensus.boxes(target, side, content)
        else:
            index = self.pool.choose(mass(image, o.choice_grid, content), o.epsilon, o.lam)
            heat = self.pool.transfer(index, target, o.epsilon, o.lam)
            found = [region_box(h, o.coverage, side, content) for h in heat]
        boxes = {name: box for name, box in zip(CONCEPTS, found, strict=True) if box is not None}
        if self.refiner is not None:
            refined = self.refiner.refine(image, list(boxes.values()))
            boxes = {name: clip(new, content) or boxes[name] for name, new in zip(boxes, refined, strict=True)}
        return boxes

    def attribute(self, case: Case) -> Attribution:
        """The concept whose hiding costs the answer most, or the whole image where none costs enough."""
        boxes = self.boxes(case.image, case.content)
        regions: dict[str, tuple[Box, ...]] = {name: (box,) for name, box in boxes.items()}
        if self.options.composites:
            regions |= {
                name: tuple(boxes[part] for part in parts)
                for name, parts in COMPOSITES.items()
                if all(part in boxes for part in parts)
            }
        if not regions:
            return Attribution(boxes=[case.content], fallback=True)
        original = case.original
        masked = case.score([hide(case.image, region) for region in regions.values()])
        drops = np.maximum(0.0, original - masked)  # [concepts, T]
        deltas = drops.sum(1)
        best = int(np.argmax(deltas))
        fallback = math.exp(-deltas[best]) >= self.options.tau
        name = list(regions)[best]
        return Attribution(
            boxes=[case.content] if fallback else list(regions[name]),
            concept=None if fallback else name,
            concept_scores={n: float(d) for n, d in zip(regions, deltas, strict=True)},
            concept_boxes=dict(boxes),
            token_scores=[float(d) for d in drops[best]],
            fallback=fallback,
        )


def hide(image: np.ndarray, boxes: tuple[Box, ...]) -> np.ndarray:
    """A copy of the image [side, side, 3] with every pixel black whose centre lies in one of the boxes."""
    hidden = image.copy()
    for box in boxes:
        x0, y0, x1, y1 = (max(0, math.ceil(edge - 0.5)) for edge in box)
        hidden[y0:y1, x0:x1] = 0
    return hidden
