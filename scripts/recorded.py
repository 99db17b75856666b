"""The recorded answers of an embedded model, for scripts that look into it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from harness import Box, Registry
from harness.contracts.model import Model
from harness.imaging.frame import FRAME_SIDE
from harness.imaging.read import letterbox
from harness.run.select import select
from harness.run.settings import RunSettings
from harness.run.worker import seed_of


class Recorded(NamedTuple):
    """One answer: the frame uint8 [224, 224, 3], what of it is image, the question, the answer, and the case's seed."""

    frame: np.ndarray
    content: Box
    question: str
    answer: str
    seed: int


def recorded(model: str, limit: int) -> tuple[type[Model], list[Recorded]]:
    """The model's class, and so many of its answers in the embedded benchmark, evenly spread over both modes."""
    settings = RunSettings(attributors=["random"], models=[model], limit=limit)
    selection = select(Registry.discover(), settings)
    found = []
    for task in selection.every_task:
        frame, place = letterbox(selection.sources[task.record.dataset].image(task.sample), FRAME_SIDE)
        mode = task.record.mode
        asked = task.sample.question(mode)
        seed = seed_of(0, task.sample, mode)
        found.append(Recorded(frame, place.content, asked, task.record.prediction, seed))
    return selection.models[0].cls, found
