"""The causal filter: keep the samples whose marked region, and it alone, makes the model say yes (the paper).

``counterfactuals`` edits a sample's image once, for all models and modes; ``ask`` collects one model's four
answers; ``judge`` says which gate they fail, if any; ``Survival`` counts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from harness.answers import final_answer
from harness.benchmark import Record
from harness.editor import Editor
from harness.geometry import FRAME_SIDE
from harness.images import letterbox
from harness.model import Model
from harness.source import Mode, Sample


class Gate(NamedTuple):
    """What one of a record's texts must say in the end, and why a sample that fails here was dropped."""

    text: str
    wanted: str
    reason: str


GATES: tuple[Gate, ...] = (
    Gate("prediction", "yes", "original is not yes"),
    Gate("prediction_edited", "no", "not no without the finding"),
    Gate("prediction_edited_kept", "yes", "not yes with the finding alone kept"),
    Gate("prediction_edited_kept_normal", "yes", "not yes with all else normal"),
)


def counterfactuals(
    editor: Editor, image: np.ndarray, sample: Sample, seed: int = 0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A sample's three edits, each uint8 [height, width, 3] like ``image``, in the order of :data:`GATES`.

    "No {attribute}" inside the boxes, "No {attribute}" outside them, "No abnormality" outside them. Raises
    ``ValueError`` where the editor returns another size or type.
    """
    without = f"No {sample.attribute}"
    edits = (
        editor.edit(image, sample.boxes, without, "foreground", seed, sample),
        editor.edit(image, sample.boxes, without, "background", seed, sample),
        editor.edit(image, sample.boxes, "No abnormality", "background", seed, sample),
    )
    for edit in edits:
        if edit.shape != image.shape or edit.dtype != np.uint8:
            raise ValueError(
                f"the editor {editor.name!r} made {edit.dtype} {edit.shape} of an image uint8 {image.shape}"
            )
    return edits


def ask(model: Model, images: Sequence[np.ndarray], sample: Sample, mode: Mode) -> Record:
    """A loaded model's answers about the original and the three edits (native pixels), as a record.

    A model that does not say yes about the original is not asked about the edits, whose texts stay empty:
    the sample is lost already, and on a benchmark with hard findings that saves most of the work. From there
    on all four are asked for, because the release has all four.
    """
    question = sample.question(mode)
    texts: list[str] = []
    for image in images:
        lost = bool(texts) and final_answer(texts[0]) != GATES[0].wanted
        texts.append("" if lost else model.answer(letterbox(image, FRAME_SIDE)[0], question))
    named = {gate.text: text for gate, text in zip(GATES, texts, strict=True)}
    return Record(
        model=model.name, dataset=sample.source, index=sample.index, answer=sample.answer, mode=mode, **named
    )


def judge(record: Record) -> str | None:
    """The reason of the first gate that a record fails, or None: it survives.

    An answer that states neither yes nor no passes no gate.
    """
    for gate in GATES:
        if final_answer(getattr(record, gate.text)) != gate.wanted:
            return gate.reason
    return None


@dataclass
class Survival:
    """How many samples survive the filter, and why the others do not; by mode and model, and by attribute."""

    groups: dict[tuple[Mode, str, str], Counter[str]] = field(default_factory=dict)

    def add(self, record: Record, sample: Sample, reason: str | None) -> None:
        """Count one judged record; ``reason`` as :func:`judge` gives it."""
        key = (record.mode, record.model, sample.attribute)
        self.groups.setdefault(key, Counter())["survived" if reason is None else reason] += 1

    def count(
        self, mode: Mode | None = None, model: str | None = None, attribute: str | None = None
    ) -> dict[str, int]:
        """Samples asked, answered yes, dropped for each reason, and survived, over all groups that match."""
        total: Counter[str] = Counter()
        for key, group in self.groups.items():
            if all(want in (None, have) for want, have in zip((mode, model, attribute), key, strict=True)):
                total.update(group)
        asked = total.total()
        return {
            "samples": asked,
            "said yes": asked - total[GATES[0].reason],
            **{gate.reason: total[gate.reason] for gate in GATES},
            "survived": total["survived"],
        }

    def as_dict(self) -> dict[str, Any]:
        """All counts as plain data, in an order that does not depend on the order of counting."""
        runs = sorted({(mode, model) for mode, model, _ in self.groups})
        return {
            f"{mode} {model}": {
                **self.count(mode, model),
                "by attribute": {
                    attribute: self.count(mode, model, attribute)
                    for attribute in sorted({key[2] for key in self.groups if key[:2] == (mode, model)})
                },
            }
            for mode, model in runs
        }

    def lines(self) -> list[str]:
        """A sentence for each mode and model: how many survived, and how many were dropped for what."""
        out = []
        for mode, model in sorted({(mode, model) for mode, model, _ in self.groups}):
            counts = self.count(mode, model)
            drops = ", ".join(f"{counts[gate.reason]} {gate.reason}" for gate in GATES if counts[gate.reason])
            out.append(
                f"{model}, {mode}: {counts['survived']} of {counts['samples']} samples survive"
                + (f" (dropped: {drops})." if drops else ".")
            )
        return out
