"""Checks of a counterfactual editor."""

from __future__ import annotations

from typing import Any

import numpy as np

from harness.contracts.editor import Editor, Region, region_mask
from harness.contracts.source import Sample
from harness.imaging.frame import Box
from harness.run.shared_case import seed_everything
from harness.testing.check import (
    Breach,
    CheckResult,
    Moot,
    Unfit,
    check_contract,
    demand,
    light_import,
    load_plugin,
    raised_by,
    run_checks,
    sentence,
)
from harness.testing.pictures import film

REGIONS: tuple[Region, ...] = ("foreground", "background")
# Boxes in shares of the image's sides.
PLAIN = "one box"
BOXES: dict[str, tuple[tuple[float, float, float, float], ...]] = {
    PLAIN: ((0.2, 0.3, 0.45, 0.6),),
    "boxes at the edge": ((0, 0, 0.25, 0.2), (0.7, 0.8, 1, 1)),
    "the whole image": ((0, 0, 1, 1),),
    "a tiny box": ((0.5, 0.5, 0.5, 0.5),),
    "several boxes": ((0.1, 0.1, 0.3, 0.3), (0.2, 0.2, 0.4, 0.5), (0.6, 0.2, 0.8, 0.4), (0.6, 0.6, 0.9, 0.7)),
}


def check_editor(editor: Editor, image: np.ndarray | None = None, sample: Sample | None = None) -> None:
    """Check an editor against the contract.

    Parameters
    ----------
    editor
        It is loaded, and makes 13 edits.
    image
        uint8 [height, width, 3] to edit; None for a picture of the kit's.
    sample
        Where the image came from, for an editor that must know.

    Raises
    ------
    ConformanceError
        An ``AssertionError`` with a line for each check that fails.
    HarnessError
        Where the editor cannot be loaded, or is not given what it needs.
    """
    demand(editor, run_editor_checks(editor, image, sample))


def run_editor_checks(
    editor: Editor, image: np.ndarray | None = None, sample: Sample | None = None
) -> list[CheckResult]:
    """How each check of ``CHECKS`` went, in order."""
    load_plugin(editor)
    return run_checks(Edits(editor, film(160, 120) if image is None else image, sample), CHECKS)


class Edits:
    """The edits of one loaded editor, each made once, for all checks to look at."""

    def __init__(self, editor: Editor, image: np.ndarray, sample: Sample | None) -> None:
        self.plugin = self.editor = editor
        self.image, self.sample = image, sample
        self.wrote = False
        self._made: dict[tuple[Any, ...], Any] = {}

    def boxes(self, name: str) -> list[Box]:
        """The boxes of one of the ``BOXES`` in this image's pixels; one without area becomes 0.4 px wide."""
        height, width = self.image.shape[:2]
        sizes = (width, height, width, height)
        rows = [[round(edge * size) for edge, size in zip(row, sizes, strict=True)] for row in BOXES[name]]
        boxes = [Box(*row) for row in rows]
        return [box if box.area else box._replace(x1=box.x0 + 0.4, y1=box.y0 + 0.4) for box in boxes]

    def __call__(
        self, name: str = PLAIN, region: Region = "foreground", global_seed: int = 0, again: bool = False
    ) -> Any:
        """What the editor returns, or raises."""
        key = (name, region, global_seed, again)
        if key not in self._made:
            attribute = self.sample.attribute if self.sample else "cardiomegaly"
            prompt = "No abnormality" if region == "background" else f"No {attribute}"
            given = self.image.copy()
            out: list[Any] = []
            seed_everything(global_seed)
            error = raised_by(
                lambda: out.append(self.editor.edit(given, self.boxes(name), prompt, region, 7, self.sample))
            )
            self.wrote |= not np.array_equal(given, self.image)
            # A copy, for an editor that returns one array again and again.
            self._made[key] = np.array(out[0]) if out and isinstance(out[0], np.ndarray) else error or out[0]
        return self._made[key]

    def fault(self, name: str, region: Region) -> str | None:
        """What is wrong with one edit: it raised, has another form, or changes what it must keep."""
        edited = self(name, region)
        return form_fault(edited, self.image) or self.keep_fault(name, region)

    def keep_fault(self, name: str, region: Region) -> str | None:
        """Whether the edit changes what it must keep, as a sentence."""
        edited, tolerance = self(name, region), self.editor.tolerance
        kept = ~region_mask(self.image.shape, self.boxes(name), region)
        change = np.abs(edited.astype(int) - self.image).max(2) * kept
        if change.max() <= tolerance:
            return None
        where = "outside" if region == "foreground" else "inside"
        return (
            f"The {region} edit changes {np.count_nonzero(change > tolerance)} pixels {where} the boxes, by up to "
            f"{change.max()} grey levels where its tolerance is {tolerance}."
        )


def contract(edits: Edits) -> None:
    """It has a name, a docstring, described options and a tolerance that is a number of grey levels."""
    tolerance = edits.editor.tolerance
    if not isinstance(tolerance, int) or not 0 <= tolerance <= 255:
        raise Unfit(f"Its tolerance is {tolerance!r}, not a whole number of grey levels from 0 to 255.")
    check_contract(edits.editor, Editor, "editor")


def same_form(edits: Edits) -> None:
    """Its edits are uint8 arrays of the image's size."""
    for region in REGIONS:
        fault = form_fault(edits(PLAIN, region), edits.image)
        if fault:
            raise Unfit(f"In the {region}: {fault}")


def leaves_the_input_alone(edits: Edits) -> None:
    """It does not write to the image that it is given."""
    edits(), edits(PLAIN, "background")
    if edits.wrote:
        raise Breach("It writes to the image that it is given; edit a copy: image = image.copy().")


def repeatable(edits: Edits) -> None:
    """The same image, boxes, prompt and seed give the same bytes again."""
    edits(PLAIN, "background")
    if not _equal(edits(), edits(again=True)):
        raise Breach("The same seed gives another edit; draw from default_rng(seed) alone.")


def own_randomness(edits: Edits) -> None:
    """It does not depend on the state of the process's random generators."""
    if not _equal(edits(), edits(again=True)):
        raise Moot
    if not _equal(edits(), edits(global_seed=1)):
        raise Breach("It draws from a global generator (random, numpy.random, torch); draw from default_rng(seed).")


def foreground_keeps_outside(edits: Edits) -> None:
    """A foreground edit changes nothing outside the boxes, beyond its tolerance."""
    _raise(edits.keep_fault(PLAIN, "foreground"))


def background_keeps_inside(edits: Edits) -> None:
    """A background edit changes nothing inside the boxes, beyond its tolerance."""
    _raise(edits.keep_fault(PLAIN, "background"))


def boxes_at_the_edge(edits: Edits) -> None:
    """It copes with boxes that reach the image's edges."""
    _with_boxes(edits, "boxes at the edge")


def whole_image(edits: Edits) -> None:
    """It copes with a box that is the whole image, which leaves no background."""
    _with_boxes(edits, "the whole image")


def tiny_box(edits: Edits) -> None:
    """It copes with a box smaller than a pixel."""
    _with_boxes(edits, "a tiny box")


def several_boxes(edits: Edits) -> None:
    """It copes with several boxes, two of which overlap."""
    _with_boxes(edits, "several boxes")


CHECKS = (
    contract, light_import, same_form, leaves_the_input_alone, repeatable, own_randomness, foreground_keeps_outside,
    background_keeps_inside, boxes_at_the_edge, whole_image, tiny_box, several_boxes,
)  # fmt: skip


def form_fault(edited: Any, image: np.ndarray) -> str | None:
    """What an edit is that is no uint8 array of the image's shape; or what was raised in its place."""
    if isinstance(edited, BaseException):
        return sentence(edited)
    if not isinstance(edited, np.ndarray):
        return f"It returns {type(edited).__name__}, not an array."
    if edited.shape != image.shape or edited.dtype != np.uint8:
        return f"It returns {edited.dtype} {list(edited.shape)} for an image of uint8 {list(image.shape)}."
    return None


def _with_boxes(edits: Edits, name: str) -> None:
    """Raise :class:`Breach` for what goes wrong with these boxes and does not with one plain box."""
    for region in REGIONS:
        if edits.fault(PLAIN, region) is None:
            _raise(edits.fault(name, region))
        else:
            _raise(form_fault(edits(name, region), edits.image))


def _equal(a: Any, b: Any) -> bool:
    return isinstance(a, np.ndarray) and isinstance(b, np.ndarray) and np.array_equal(a, b)


def _raise(fault: str | None) -> None:
    if fault is not None:
        raise Breach(fault)
