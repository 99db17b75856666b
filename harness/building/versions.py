"""Views: a sample's image as a model is shown it, the original or one of its edits."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

import numpy as np

from harness.bench.causal import GATES, Edit
from harness.building.controls import NotApplicable, elsewhere, identity
from harness.building.select import BuildPlan
from harness.contracts.source import Sample, read
from harness.errors import RunError, one_line
from harness.imaging.frame import FRAME_SIDE
from harness.imaging.read import letterbox
from harness.run.case import checked
from harness.run.memory import out_of_memory

Done = TypeVar("Done")

_GATES = {gate.text: gate for gate in GATES}


@dataclass(frozen=True)
class View:
    """Pixels, native and uint8 [height, width, 3]; the edit they show, None for the original, and its file."""

    pixels: np.ndarray
    edit: Edit | None = None
    file: str | None = None

    @property
    def frame(self) -> np.ndarray:
        """The pixels in the models' frame, uint8 [side, side, 3]."""
        return letterbox(self.pixels, FRAME_SIDE)[0]


@dataclass(frozen=True)
class Fault:
    """Why there is no view, or no answer about it: it ``failed``, or is ``not_applicable``."""

    status: str
    error: str


@dataclass
class Views:
    """The views of a plan's samples, by the names of :data:`harness.bench.causal.GATES`' texts and of the controls.

    A fault is remembered, so that an edit that failed is not tried again for each model.
    """

    plan: BuildPlan
    seed: int
    _faults: dict[tuple[str, int, str], Fault] = field(default_factory=dict)

    def of(self, sample: Sample, names: Iterable[str]) -> dict[str, View | Fault]:
        """The views of these names. Raises ``RunError`` for what is no fault of the sample."""
        image = attempt(partial(self._image, sample))
        found: dict[str, View | Fault] = {}
        for name in names:
            key = (sample.source, sample.index, name)
            if key not in self._faults:
                shown = image if isinstance(image, Fault) else attempt(partial(self._view, sample, image, name))
                if isinstance(shown, View):
                    found[name] = shown
                    continue
                self._faults[key] = shown
            found[name] = self._faults[key]
        return found

    def close(self) -> None:
        """Give the editors' memory back."""
        for cache in self.plan.caches.values():
            cache.close()

    def _image(self, sample: Sample) -> np.ndarray:
        checked(sample.boxes)
        return read(self.plan.sources[sample.source], sample)

    def _view(self, sample: Sample, image: np.ndarray, name: str) -> View:
        edit = self._edit(sample, image, name)
        if edit is None:
            return View(image)
        pixels, file = self.plan.caches[sample.source].get(image, edit, sample)
        return View(pixels, edit, file)

    def _edit(self, sample: Sample, image: np.ndarray, name: str) -> Edit | None:
        if name in _GATES:
            return _GATES[name].edit(sample)
        if name == "identity":
            return identity(sample, self.plan.editors[sample.source].follows_prompt)
        return elsewhere(sample, image.shape[1], image.shape[0], self.seed)


def attempt(action: Callable[[], Done]) -> Done | Fault:
    """What an action gives, or why it failed. Raises ``RunError`` for what is no fault of one sample."""
    try:
        return action()
    except RunError:
        raise
    except NotApplicable as reason:
        return Fault("not_applicable", str(reason))
    except (Exception, SystemExit) as error:  # a plugin that calls sys.exit() must not end the build either
        if out_of_memory(error):
            raise RunError(
                f"Out of memory ({one_line(error)}); what is finished is kept, and the same command goes on there."
            ) from error
        return Fault("failed", one_line(error))
