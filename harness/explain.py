"""One explanation of one answer about one image, and its picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from harness.images import letterbox

from harness.attributor import Attribution, Attributor, Case, Cost
from harness.errors import HarnessError
from harness.geometry import FRAME_SIDE, Box, Letterbox
from harness.model import Model


@dataclass(frozen=True)
class Explanation:
    """What was asked, what the model answered, and what the attributor says about it.

    ``image``: uint8 [height, width, 3], native; ``boxes``: the attribution's boxes in native pixels, where it
    has any; ``attribution``: as the attributor gave it, in the frame that ``frame`` describes. ``tokens``:
    the answer's tokens as text, one for each of ``attribution.token_scores``, where the attributor scores
    tokens.
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
    missing = sorted(attributor.needs - model.capabilities)
    if missing:
        has = ", ".join(sorted(model.capabilities)) or "nothing"
        raise HarnessError(
            f"The attributor {attributor.name!r} needs {' and '.join(missing)}, "
            f"which the model {model.name!r} does not offer (it offers {has})."
        )
    frame, box = letterbox(image, FRAME_SIDE)
    if answer is None:
        if "generate" not in model.capabilities:
            raise HarnessError(
                f"The model {model.name!r} cannot generate an answer; give the answer to explain."
            )
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
        boxes=[box.to_native(found) for found in attribution.boxes or ()],
        frame=box,
        tokens=None if attribution.token_scores is None else model.tokens(answer),
        cost=case.cost,
    )


def draw(explanation: Explanation, path: Path) -> None:
    """Write the explanation as a PNG picture. Raises ``HarnessError`` where the file cannot be written."""
    from harness.figure import figure

    picture = figure(explanation)
    try:
        picture.savefig(path, format="png", facecolor="white")
    except OSError as error:
        raise HarnessError(f"The picture cannot be written to {path}: {error.strerror or error}") from error
