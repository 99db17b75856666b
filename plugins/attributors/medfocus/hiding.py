"""How a region is hidden from a model: painted over, or drawn anew without a finding by an editor."""

from __future__ import annotations

import inspect
import math
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import numpy as np

from harness.contracts.case import Case
from harness.contracts.editor import Editor
from harness.errors import HarnessError
from harness.imaging.frame import Box

PROMPT = "No abnormality"


def hide(image: np.ndarray, boxes: Sequence[Box], blank: np.ndarray) -> np.ndarray:
    """A copy of the image [side, side, 3] that is ``blank`` at every pixel whose centre lies in one of the boxes."""
    hidden = image.copy()
    for box in boxes:
        x0, y0, x1, y1 = (max(0, math.ceil(edge - 0.5)) for edge in box)
        hidden[y0:y1, x0:x1] = blank[y0:y1, x0:x1]
    return hidden


class Edited:
    """Counterfactuals by an editor: the image as it would look without a finding in some boxes."""

    def __init__(self, name: str, method: str) -> None:
        self._name, self._method = name, method

    @cached_property
    def editor(self) -> Editor:
        """The editor, loaded. Raises ``HarnessError`` where there is none of that name, or it cannot be loaded."""
        from harness.participants import choose
        from harness.registry import Registry

        try:
            found: Editor = choose(Registry.discover(), [], [("editor", self._name)])[0].load()
        except HarnessError as error:
            raise HarnessError(f"{self._method}.editor={self._name}: {error}") from error
        return found

    def files(self) -> list[Path]:
        """What results depend on: the editor's own code."""
        return [Path(inspect.getfile(type(self.editor)))]

    def without(self, case: Case, boxes: Sequence[Box]) -> np.ndarray:
        """The image drawn anew in the boxes. It is edited where it is no padding, which no editor knows."""
        x0, y0, x1, y1 = (round(edge) for edge in case.content)
        own = [Box(b.x0 - x0, b.y0 - y0, b.x1 - x0, b.y1 - y0) for b in boxes]
        edited = case.image.copy()
        edited[y0:y1, x0:x1] = self.editor.edit(case.image[y0:y1, x0:x1], own, PROMPT, "foreground", case.seed)
        return edited
