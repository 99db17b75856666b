"""Asking the model itself where it looked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from harness.contracts.attributor import Attribution, Attributor
from harness.contracts.case import Case
from harness.contracts.model import Capability
from harness.hookspecs import hookimpl
from plugins.attributors.text_boxes import boxes_in

PROMPT = (
    "The image is {width} x {height} pixels. You were asked: {question}\nYou answered: {answer}\n"
    "Which regions of the image support this answer? Reply with their bounding boxes in pixels, as a JSON list "
    "[[x1, y1, x2, y2], ...], and nothing else."
)


class Prompting(Attributor):
    """Ask the model for the boxes that support its answer; a reply without any box counts as no box.

    A model that says that it cannot ground is not asked. One that does not say is, and where it never gives a box its
    figures are zero and a board's column Empty, the share of replies without one, is 100.
    """

    name: ClassVar[str] = "prompting"
    needs: ClassVar[frozenset[Capability]] = frozenset({"generate"})
    grounding: ClassVar[bool] = True

    def attribute(self, case: Case) -> Attribution:
        """The boxes of the model's reply, see :func:`plugins.attributors.text_boxes.boxes_in`."""
        height, width = case.image.shape[:2]
        reply = case.ask(PROMPT.format(width=width, height=height, question=case.question, answer=case.answer))
        return Attribution(boxes=boxes_in(reply, width, height, case.model.boxes_in))


@hookimpl
def attributors() -> Sequence[type[Attributor]]:
    """The attributors of this plugin."""
    return [Prompting]
