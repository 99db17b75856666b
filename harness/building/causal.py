"""The causal filter: keep the samples whose marked region, and it alone, makes the model say yes (the paper).

``counterfactuals`` edits a sample's image once, for all models and modes; ``ask`` collects one model's four
answers; ``judge`` says which gate they fail, if any; ``Survival`` counts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from harness.bench.records import Record
from harness.bench.verdict import final_answer
from harness.contracts.editor import Editor, Region
from harness.contracts.mode import Mode
from harness.contracts.model import Answer, Model
from harness.contracts.source import Sample
from harness.imaging.frame import FRAME_SIDE, Box
from harness.imaging.read import letterbox


class Edit(NamedTuple):
    """What an editor is asked for: the boxes (native pixels), the prompt, and which side of the boxes."""

    boxes: tuple[Box, ...]
    prompt: str
    region: Region


class Gate(NamedTuple):
    """What one of a record's texts must say in the end, and why a sample that fails here was dropped.

    ``prompt`` and ``region`` are those of the edit that the text is about; None for the original.
    """

    text: str
    wanted: str
    reason: str
    prompt: str | None = None
    region: Region = "foreground"

    def edit(self, sample: Sample) -> Edit | None:
        """The edit of this sample that the text is about; None for the original."""
        if self.prompt is None:
            return None
        return Edit(sample.boxes, self.prompt.format(attribute=sample.attribute), self.region)


_WITHOUT, _NORMAL = "No {attribute}", "No abnormality"
GATES: tuple[Gate, ...] = (
    Gate("prediction", "yes", "original is not yes"),
    Gate("prediction_edited", "no", "not no without the finding", _WITHOUT, "foreground"),
    Gate("prediction_edited_kept", "yes", "not yes with the finding alone kept", _WITHOUT, "background"),
    Gate("prediction_edited_kept_normal", "yes", "not yes with all else normal", _NORMAL, "background"),
)
FAILED = "failed"  # the reason of a sample that could not be judged
CUT_OFF = "the answer was cut off"  # the reason of one whose text ends at the token limit


def edited(editor: Editor, image: np.ndarray, edit: Edit, sample: Sample, seed: int = 0) -> np.ndarray:
    """One edit of a sample's image, uint8 [height, width, 3] like ``image``.

    Raises ``ValueError`` where the editor returns another size or type.
    """
    found = editor.edit(image, edit.boxes, edit.prompt, edit.region, seed, sample)
    if found.shape != image.shape or found.dtype != np.uint8:
        raise ValueError(
            f"the editor {editor.name!r} made {found.dtype} {found.shape} of an image uint8 {image.shape}"
        )
    return found


def counterfactuals(
    editor: Editor, image: np.ndarray, sample: Sample, seed: int = 0
) -> tuple[np.ndarray, ...]:
    """A sample's three edits, each uint8 [height, width, 3] like ``image``, in the order of :data:`GATES`.

    "No {attribute}" inside the boxes, "No {attribute}" outside them, "No abnormality" outside them. Raises
    ``ValueError`` where the editor returns another size or type.
    """
    edits = (gate.edit(sample) for gate in GATES)
    return tuple(edited(editor, image, edit, sample, seed) for edit in edits if edit is not None)


def ask(model: Model, images: Sequence[np.ndarray], sample: Sample, mode: Mode) -> Record:
    """A loaded model's answers about the original and the three edits (native pixels), as a record.

    A model that does not say yes about the original is not asked about the edits, whose texts stay empty:
    the sample is lost already, and on a benchmark with hard findings that saves most of the work. From there
    on all four are asked for, because the release has all four.
    """
    question = sample.question(mode)
    texts: list[str] = []
    for image in images:
        lost = bool(texts) and (is_cut_off(texts[0]) or final_answer(texts[0]) != GATES[0].wanted)
        texts.append("" if lost else model.answer(letterbox(image, FRAME_SIDE)[0], question))
    named = {gate.text: text for gate, text in zip(GATES, texts, strict=True)}
    return Record(
        model=model.name, dataset=sample.source, index=sample.index, answer=sample.answer, mode=mode, **named
    )


def is_cut_off(text: str) -> bool:
    """Whether a text is known to end at its model's token limit."""
    return isinstance(text, Answer) and text.cut_off


def judge(record: Record) -> str | None:
    """The reason of the first gate that a record fails, or None: it survives.

    An answer that states neither yes nor no passes no gate; one that was cut off is not judged and passes none either,
    with ``CUT_OFF`` for a reason.
    """
    for gate in GATES:
        text = getattr(record, gate.text)
        if is_cut_off(text):
            return CUT_OFF
        if final_answer(text) != gate.wanted:
            return gate.reason
    return None


@dataclass
class Survival:
    """How many samples survive the filter, and why the others do not; by mode, model, source and attribute."""

    groups: dict[tuple[Mode, str, str, str], Counter[str]] = field(default_factory=dict)

    def add(self, record: Record, sample: Sample, reason: str | None) -> None:
        """Count one judged record; ``reason`` as :func:`judge` gives it, or ``FAILED``."""
        key = (record.mode, record.model, sample.source, sample.attribute)
        self.groups.setdefault(key, Counter())["survived" if reason is None else reason] += 1

    def count(
        self,
        mode: Mode | None = None,
        model: str | None = None,
        attribute: str | None = None,
        source: str | None = None,
    ) -> dict[str, int]:
        """Samples asked, answered yes, dropped for each reason, failed, and survived, over all groups that match.

        Those that failed or were cut off are not among those answered yes, whatever was said before.
        """
        total: Counter[str] = Counter()
        wanted = (mode, model, source, attribute)
        for key, group in self.groups.items():
            if all(want in (None, have) for want, have in zip(wanted, key, strict=True)):
                total.update(group)
        asked = total.total()
        return {
            "samples": asked,
            "said yes": asked - total[GATES[0].reason] - total[CUT_OFF] - total[FAILED],
            **{gate.reason: total[gate.reason] for gate in GATES},
            CUT_OFF: total[CUT_OFF],
            FAILED: total[FAILED],
            "survived": total["survived"],
        }
