"""Two controls of the causal filter, asked about the samples that survive it.

Each is an edit that should not flip the answer. Where it does, the filter's own edit may have flipped it for no better
reason.

*identity*
    The same editor, boxes, seed and strength, with a prompt that names what is there: the attribute, without "No".
    All that changes is the editor's own trace (its autoencoder, the seam of its mask, the pull of its guidance). An
    empty prompt would be a weaker control: without guidance, a diffusion editor's inversion reproduces its input. An
    exact editor gives the original back, bit for bit. An editor that does not follow prompts has no such edit: the
    control is not applicable.
*elsewhere*
    "No {attribute}" in boxes of the same sizes, at seeded places inside the image that touch neither the sample's own
    boxes nor each other. Does the answer flip because *something* was edited? Where there is no room the control is
    not applicable. Other findings of the image may be hit: they are not this question's evidence.

An answer holds under a control if its final word is still yes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from harness.building.causal import Edit
from harness.contracts.source import Sample
from harness.imaging.frame import Box

CONTROLS: tuple[str, ...] = ("identity", "elsewhere")
NO_ROOM = "no room: boxes of these sizes fit nowhere beside the true ones"
NO_PROMPT = "the editor does not follow prompts, so that it cannot be told to change nothing"

_TRIES = 16  # placing several boxes one after the other may fail where another order of places would do

Rectangle = tuple[int, int, int, int]


class NotApplicable(Exception):
    """A control that cannot be done for this sample, and why."""


def identity_edit(sample: Sample, follows_prompt: bool) -> Edit:
    """The edit that should change nothing. Raises ``NotApplicable`` for an editor that does not follow prompts."""
    if not follows_prompt:
        raise NotApplicable(NO_PROMPT)
    return Edit(sample.boxes, sample.attribute, "foreground")


def elsewhere(sample: Sample, width: int, height: int, seed: int) -> Edit:
    """The edit of the same size where no true box is. Raises ``NotApplicable`` where it fits nowhere."""
    places = place_boxes(sample.boxes, width, height, [seed, sample.index, *sample.source.encode()])
    if places is None:
        raise NotApplicable(NO_ROOM)
    return Edit(places, f"No {sample.attribute}", "foreground")


def place_boxes(boxes: Sequence[Box], width: int, height: int, seed: Sequence[int]) -> tuple[Box, ...] | None:
    """Boxes with the same sizes in whole pixels, each uniform over the free places of a width x height image.

    They lie inside the image and touch neither the given boxes nor each other; in the order of ``boxes``, of which
    those outside the image are left out. None where there is no room.
    """
    true = [rectangle for box in boxes if (rectangle := _pixels(box, width, height)) is not None]
    by_size = sorted(range(len(true)), key=lambda k: -_area(true[k]))  # the largest has the least choice
    rng = np.random.default_rng(seed)
    for _ in range(_TRIES if len(true) > 1 else 1):
        placed: dict[int, Rectangle] = {}
        for k in by_size:
            spot = _spot(true[k], [*true, *placed.values()], width, height, rng)
            if spot is None:
                break
            placed[k] = spot
        if true and len(placed) == len(true):
            return tuple(Box(*map(float, placed[k])) for k in range(len(true)))
    return None


def _spot(
    like: Rectangle, taken: Sequence[Rectangle], width: int, height: int, rng: np.random.Generator
) -> Rectangle | None:
    """A random place for a rectangle of the size of ``like`` that touches none of those taken."""
    w, h = like[2] - like[0], like[3] - like[1]
    free = np.ones((height - h + 1, width - w + 1), bool)  # by the rectangle's top left corner
    for x0, y0, x1, y1 in taken:
        free[max(0, y0 - h + 1) : y1, max(0, x0 - w + 1) : x1] = False
    corners = np.flatnonzero(free)
    if not len(corners):
        return None
    y, x = divmod(int(corners[rng.integers(len(corners))]), free.shape[1])
    return x, y, x + w, y + h


def _pixels(box: Box, width: int, height: int) -> Rectangle | None:
    """The pixels that a box touches, as :func:`harness.contracts.editor.region_mask` has them; None for none."""
    x0, y0, x1, y1 = box.clip(width, height)
    edges = math.floor(x0), math.floor(y0), math.ceil(x1), math.ceil(y1)
    return edges if _area(edges) > 0 else None


def _area(rectangle: Rectangle) -> int:
    x0, y0, x1, y1 = rectangle
    return max(0, x1 - x0) * max(0, y1 - y0)
