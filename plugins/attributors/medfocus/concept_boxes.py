"""Where the anatomical concepts lie on a film, remembered: what all variants of MedFocus begin with."""

from __future__ import annotations

from abc import abstractmethod
from collections import OrderedDict
from collections.abc import Collection
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from harness.contracts.attributor import Attributor
from harness.contracts.model import Capability
from harness.contracts.plugin import NoOptions
from harness.errors import HarnessError
from harness.imaging.frame import Box
from harness.run.cache import shared
from plugins.attributors.baselines import Baseline, baseline_field
from plugins.attributors.medfocus.hiding import Edited
from plugins.attributors.medfocus.kept_boxes import frame_key, recipe
from plugins.attributors.medfocus.located import Located, from_json
from plugins.attributors.medfocus.references import DEFAULT_POOL, Pool, load_pool
from plugins.attributors.medfocus.regions import clip
from plugins.attributors.medsam import BoxRefiner, MedSAM, medsam_files

PHANTOM = "phantom"  # the source that the default pool's references are like
_REMEMBERED = 4096  # images whose boxes are kept; a box takes well under a kilobyte
# No boxes depend on these, or on more than a hash.
_AFTERWARDS = {"pool", "medsam", "composites", "tau", "baseline", "intervention", "editor", "passes"}


class ConceptBoxes(Attributor):
    """An attributor that begins with the concepts' boxes. A variant says where they lie, by :meth:`_find`."""

    needs: ClassVar[frozenset[Capability]] = frozenset({"score"})

    class Options(NoOptions):
        """What all variants can be told."""

        pool: Path = Field(
            default=DEFAULT_POOL,
            description="Reference pool: an .npz file of normal chest X-rays with masks of the 11 concepts. The "
            "default holds phantoms; `harness references build` makes one of films of your own, or of Chest ImaGenome.",
        )
        refine: Literal["auto", "none", "medsam"] = Field(
            default="auto",
            description="Box refinement. auto: MedSAM where its weights are given, else none. Refinements "
            "without weights were tried on (earlier) phantoms and left out, as each lowered the mean IoU of the boxes "
            "(random walker by 0.12, Chan-Vese by 0.18, snapping to edges by 0.002).",
        )
        medsam: Path | None = Field(
            default=None,
            description="MedSAM weights: a segment-anything file, best as safetensors (`harness weights convert` makes "
            "them of its .pth), a transformers SamModel folder, or ORG/NAME on the hub.",
        )
        baseline: Baseline = baseline_field()
        intervention: Literal["box", "editor"] = Field(
            default="box",
            description="How a region is hidden. box: it becomes the baseline. editor: an editor draws it anew without "
            "any finding.",
        )
        editor: str = Field(
            default="inpaint",
            description="The editor of intervention=editor: an installed one, with its default options.",
        )

    options: Options  # type: ignore[assignment]

    def __init__(self, options: NoOptions | None = None) -> None:
        super().__init__(options)
        if self.options.refine == "medsam" and self.options.medsam is None:
            raise HarnessError(
                f"{self.name}.refine=medsam needs the weights: set {self.name}.medsam to a file or folder."
            )
        self._memory: OrderedDict[str, Located] = OrderedDict()
        self._editor = Edited(self.options.editor, self.name) if self.options.intervention == "editor" else None

    @abstractmethod
    def _find(self, image: np.ndarray, content: Box) -> Located:
        """Where the concepts lie in a frame image, uint8 [side, side, 3]."""

    def files(self) -> list[Path]:
        """The pool, MedSAM's weights where it is in use, and so the editor's code."""
        medsam = self.options.medsam if self.options.refine != "none" else None
        editor = self._editor.files() if self._editor is not None else []
        return [self.options.pool, *([] if medsam is None else medsam_files(medsam)), *editor]

    def load(self) -> None:
        """Read the pool, so that a wrong one is refused at once and not at every image."""
        _ = self.pool

    def notes(self, sources: Collection[str]) -> list[str]:
        """Whose anatomy the boxes come from, unless phantoms explain phantoms."""
        if self.options.pool != DEFAULT_POOL:
            return [f"{self.name}: the references are {self.pool.origin}."]
        if set(sources) == {PHANTOM}:
            return []
        return [
            f"{self.name}: the references are {self.pool.origin}. On images that are no phantoms, the boxes of its "
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
        return MedSAM(self.options.medsam, plugin=self.name)

    def boxes(self, image: np.ndarray, content: Box) -> dict[str, Box]:
        """Each concept's box in a frame image, uint8 [side, side, 3]; one that is not there has none."""
        return self.located(image, content).boxes

    def located(self, image: np.ndarray, content: Box) -> Located:
        """Where the concepts lie in a frame image, how sure that is, and what looks wrong with the image.

        Remembered by the image's bytes, here and on disk, so that all questions, modes, models, runs and processes
        share one search.
        """
        key = frame_key(self._recipe, image, content)
        if key not in self._memory:
            self._memory[key] = from_json(shared().get(key, lambda: self._locate(image, content).as_json()))
            if len(self._memory) > _REMEMBERED:
                self._memory.popitem(last=False)
        return self._memory[key]

    @cached_property
    def _recipe(self) -> dict[str, Any]:
        options = self.options.model_dump(mode="json", exclude=_AFTERWARDS)
        return recipe(self.name, options, self.files())

    def _locate(self, image: np.ndarray, content: Box) -> Located:
        found = self._find(image, content)
        if self.refiner is None:
            return found
        refined = self.refiner.refine(image, list(found.boxes.values()))
        pairs = zip(found.boxes.items(), refined, strict=True)
        return replace(found, boxes={name: clip(new, content) or old for (name, old), new in pairs})
