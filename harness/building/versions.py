"""The versions of a sample's image that models are asked about: the original, its edits, and those of the controls."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import Literal, TypeVar

import numpy as np

from harness.building.causal import GATES, Edit
from harness.building.controls import NotApplicable, elsewhere, identity_edit
from harness.building.questions import BuildSelection
from harness.contracts.source import Sample, read_sample
from harness.errors import RunError, one_line
from harness.imaging.frame import FRAME_SIDE
from harness.imaging.read import letterbox
from harness.run.errors_log import traceback_of
from harness.run.memory import out_of_memory
from harness.run.shared_case import checked

T = TypeVar("T")

_GATES = {gate.text: gate for gate in GATES}


@dataclass(frozen=True)
class Version:
    """One version of an image.

    Attributes
    ----------
    pixels
        uint8 [height, width, 3], native.
    edit
        The edit that made it; None for the original.
    file
        The edit's file, below the folder of edits; None for the original.
    """

    pixels: np.ndarray
    edit: Edit | None = None
    file: str | None = None

    @property
    def frame(self) -> np.ndarray:
        """The pixels in the models' frame, uint8 [side, side, 3]."""
        return letterbox(self.pixels, FRAME_SIDE)[0]


@dataclass(frozen=True)
class Missing:
    """Why there is no version, or no answer about it, in one line; with the traceback of what failed."""

    status: Literal["failed", "not_applicable"]
    error: str
    traceback: str | None = None


@dataclass
class Versions:
    """The versions of the images of a selection's samples.

    They are named after the record's text about them (:data:`harness.building.causal.GATES`), or after the control.
    Why one is missing is remembered, so that an edit that failed is not tried again for each model.
    """

    selection: BuildSelection
    seed: int
    _missing: dict[tuple[str, int, str], Missing] = field(default_factory=dict)

    def of(self, sample: Sample, names: Iterable[str]) -> dict[str, Version | Missing]:
        """A sample's versions of these names. Raises ``RunError`` for what is no fault of the sample."""
        image = or_missing(partial(self._original, sample))
        found: dict[str, Version | Missing] = {}
        for name in names:
            key = (sample.source, sample.index, name)
            if key not in self._missing:
                made = image if isinstance(image, Missing) else or_missing(partial(self._make, sample, image, name))
                if isinstance(made, Version):
                    found[name] = made
                    continue
                self._missing[key] = made
            found[name] = self._missing[key]
        return found

    def close(self) -> None:
        """Give the editors' memory back."""
        for cache in self.selection.caches.values():
            cache.close()

    def _original(self, sample: Sample) -> np.ndarray:
        checked(sample.boxes)
        return read_sample(self.selection.sources[sample.source], sample)

    def _make(self, sample: Sample, image: np.ndarray, name: str) -> Version:
        edit = self._edit(sample, image, name)
        if edit is None:
            return Version(image)
        pixels, file = self.selection.caches[sample.source].get(image, edit, sample)
        return Version(pixels, edit, file)

    def _edit(self, sample: Sample, image: np.ndarray, name: str) -> Edit | None:
        if name in _GATES:
            return _GATES[name].edit(sample)
        if name == "identity":
            return identity_edit(sample, self.selection.editors[sample.source].cls.follows_prompt)
        return elsewhere(sample, image.shape[1], image.shape[0], self.seed)


def or_missing(action: Callable[[], T]) -> T | Missing:
    """What an action returns, or why it failed. Raises ``RunError`` for what is no fault of one sample."""
    try:
        return action()
    except RunError:
        raise
    except NotApplicable as why:
        return Missing("not_applicable", str(why))
    except (Exception, SystemExit) as error:  # a plugin that calls sys.exit() must not end the build either
        if out_of_memory(error):
            raise RunError(
                f"Out of memory ({one_line(error)}); what is finished is kept, and the same command goes on there."
            ) from error
        return Missing("failed", one_line(error), traceback_of(error))
