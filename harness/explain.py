"""One explanation of one answer about one image, and its picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from harness.attributor import Attribution, Attributor, Case, Cost
from harness.errors import HarnessError
from harness.geometry import FRAME_SIDE, Box, Letterbox
from harness.images import letterbox
from harness.model import Model
from harness.saliency import saliency_to_boxes


@dataclass(frozen=True)
class Explanation:
    """What was asked, what the model answered, and what the attributor says about it.

    ``image``: uint8 [height, width, 3], native. ``attribution``: as the attributor gave it, in the frame
    that ``frame`` describes. ``boxes``: its boxes in native pixels, by the benchmark's rule where it gave a
    saliency map alone. ``tokens``: the answer's tokens as text, one for each of
    ``attribution.token_scores``, where the attributor scores tokens.
    """

    image: np.ndarray
    question: str
    answer: str
    model: str
    attributor: str
    attribution: Attribution
    boxes: Sequence[Box]
    frame: Letterbox
    tokens: Sequence[str] | None
    cost: Cost


def explain(
    image: np.ndarray,
    question: str,
    model: Model,
    attributor: Attributor,
    answer: str | None = None,
    seed: int = 0,
) -> Explanation:
    """Explain a model's answer to a question about an image, uint8 [height, width, 3] in native pixels.

    ``answer``: the text to explain; the model's own where None. The model must be loaded. Raises
    ``HarnessError`` where the model lacks a capability that the attributor needs.
    """
    check_capabilities(attributor, model, answer is not None)
    frame, box = letterbox(image, FRAME_SIDE)
    if answer is None:
        answer = model.answer(frame, question)
    case = Case(model, frame, question, answer, box.content, seed, attributor.captures)
    attribution = attributor.attribute(case)
    return Explanation(
        image=image,
        question=question,
        answer=answer,
        model=model.name,
        attributor=attributor.name,
        attribution=attribution,
        boxes=[box.to_native(found) for found in _frame_boxes(attributor, attribution, box.content)],
        frame=box,
        tokens=None if attribution.token_scores is None else model.tokens(answer),
        cost=case.cost,
    )


def check_capabilities(
    attributor: Attributor | type[Attributor], model: Model | type[Model], answer_given: bool = False
) -> None:
    """Raise ``HarnessError`` where the model lacks what the attributor, or asking for an answer, needs."""
    missing = sorted(attributor.needs - model.capabilities)
    if missing:
        has = ", ".join(sorted(model.capabilities)) or "nothing"
        raise HarnessError(
            f"The attributor {attributor.name!r} needs {' and '.join(missing)}, "
            f"which the model {model.name!r} does not offer (it offers {has})."
        )
    if not answer_given and "generate" not in model.capabilities:
        raise HarnessError(f"The model {model.name!r} cannot generate an answer; give the answer to explain.")


def _frame_boxes(attributor: Attributor, attribution: Attribution, content: Box) -> Sequence[Box]:
    """The attribution's boxes in the frame, by the benchmark's rule where it has a saliency map alone."""
    if attribution.boxes is not None:
        return attribution.boxes
    if attribution.saliency is None:
        raise HarnessError(f"The attributor {attributor.name!r} gave neither boxes nor a saliency map.")
    try:
        return saliency_to_boxes(attribution.saliency, content)
    except ValueError as error:
        raise HarnessError(f"The attributor {attributor.name!r} gave a bad saliency map: {error}.") from error


def draw(explanation: Explanation, path: Path) -> None:
    """Write the explanation as a PNG picture. Raises ``HarnessError`` where the file cannot be written."""
    from harness.figure import figure

    picture = figure(explanation)
    try:
        picture.savefig(path, format="png", facecolor="white")
    except OSError as error:
        raise HarnessError(f"The picture cannot be written to {path}: {error.strerror or error}") from error
