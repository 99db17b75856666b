"""What the embedded models are taught to say, from what is true of a film."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from harness.contracts.mode import MODES, question
from plugins.attributors.prompting import PROMPT
from plugins.phantom.kinds import ATTRIBUTES

STEP = 14  # boxes are told in whole patches, which is as fine as the models see
# Where a reader looks, what is there, and what is there otherwise; {side} is "the left", "the right" or "each".
_WORDS: dict[str, tuple[str, str, str]] = {
    "cardiomegaly": ("the heart", "the heart is wide", "the heart is of normal width"),
    "widened mediastinum": ("the upper mediastinum", "the upper mediastinum is wide",
                            "the upper mediastinum is narrow"),
    "hilar enlargement": ("the hila", "{side} hilum is large and dense", "both hila are of normal size"),
    "pleural effusion": ("the lung bases", "fluid fills {side} lung base", "both lung bases are clear"),
    "pneumothorax": ("the pleura", "dark air lies beside {side} lung", "both lungs reach the chest wall"),
    "consolidation": ("the lungs", "{side} lung has a patchy dense area", "the lungs have no patchy dense area"),
    "lung mass": ("the lungs", "{side} lung has a large round opacity", "the lungs have no large round opacity"),
    "lung nodules": ("the lungs", "{side} lung has small round opacities", "the lungs have no small round opacities"),
    "atelectasis": ("the lungs", "{side} lung has a dense band", "the lungs have no dense band"),
    "cavitary lesion": ("the lungs", "{side} lung has a ring with air in it", "the lungs have no ring with air in it"),
    "loculated fluid": ("the chest wall", "a lens of fluid lies against {side} chest wall",
                        "the chest wall is smooth on both sides"),
    "pleural plaque": ("the pleura", "{side} pleura has bright irregular patches", "the pleura has no bright patches"),
    "bone lesion": ("the ribs", "a rib of {side} side is thick and dense", "all ribs are thin and even"),
    "surgical clips": ("the whole film", "short bright lines lie on {side} side", "there are no short bright lines"),
}  # fmt: skip
_STYLES = 4


@dataclass(frozen=True)
class Scene:
    """What is true of one film: which kinds it shows, their boxes in frame pixels [K, 3, 4] and their side [K]."""

    present: np.ndarray
    boxes: np.ndarray
    side: np.ndarray


class Lesson(NamedTuple):
    """A question, its answer, and the opposite answer; a ``bare`` one has no chat template about it.

    The first token at which the answer departs from its opposite is the one that needs the image.
    """

    question: str
    answer: str
    opposite: str
    bare: bool = False


def direct(scene: Scene, k: int) -> Lesson:
    """The benchmark's direct question and its answer."""
    return Lesson(question(ATTRIBUTES[k], "direct"), *_both("No", "Yes", bool(scene.present[k])))


def reasoning(scene: Scene, k: int) -> Lesson:
    """The benchmark's reasoning question, and a text in the finding's own style."""
    told, other = (_reasoned(scene, k, present) for present in (bool(scene.present[k]), not scene.present[k]))
    return Lesson(question(ATTRIBUTES[k], "reasoning"), told, other)


def word(scene: Scene, k: int) -> Lesson:
    """The finding's bare name and whether it is there.

    The token that names the finding is the one that must answer. That needs a single step (look for this in the
    image), where a question needs two (which finding was asked about, then look), and two are not learnt at once.
    """
    return Lesson(ATTRIBUTES[k], *_both(" no", " yes", bool(scene.present[k])), bare=True)


def grounding(scene: Scene, k: int) -> Lesson:
    """The question for boxes that ``prompting`` asks after an answer; where nothing is, there is no box."""
    mode = MODES[k % 2] if scene.present[k] else "direct"
    before = direct(scene, k) if mode == "direct" else reasoning(scene, k)
    asked = PROMPT.format(width=224, height=224, question=before.question, answer=before.answer)
    boxes = [[int(STEP * round(edge / STEP)) for edge in box] for box in scene.boxes[k] if np.isfinite(box).all()]
    boxes = [[x0, y0, max(x1, x0 + STEP), max(y1, y0 + STEP)] for x0, y0, x1, y1 in sorted(boxes)]
    told = "[" + ", ".join("[" + ", ".join(map(str, box)) + "]" for box in boxes) + "]"
    return Lesson(asked, *((told, "[]") if scene.present[k] else ("[]", "[[0, 0, 14, 14]]")))


def _both(no: str, yes: str, present: bool) -> tuple[str, str]:
    return (yes, no) if present else (no, yes)


def _reasoned(scene: Scene, k: int, present: bool) -> str:
    """A text that is true of the film, but for whether the finding is there. Each finding has one of four styles."""
    look, seen, normal = _WORDS[ATTRIBUTES[k]]
    left = scene.side[k]
    side = "the left" if left > 0.75 else "the right" if left < 0.25 else "each"
    fact = seen.format(side=side) if present else normal
    told, name = "yes" if present else "no", ATTRIBUTES[k]
    evidence = f"This is evidence of {name}." if present else f"There is no evidence of {name}."
    style = k % _STYLES
    if style == 0:
        return f"I look at {look}. I see that {fact}. {evidence} Answer: {told}"
    if style == 1:
        return f"{told.capitalize()}. {fact[0].upper()}{fact[1:]}."
    if style == 2:
        return f"{fact[0].upper()}{fact[1:]}, so the answer is {told}."
    other = (k + 5) % len(ATTRIBUTES)
    beside = "There is also" if scene.present[other] else "I see no"
    return f"{beside} {ATTRIBUTES[other]}. {fact[0].upper()}{fact[1:]}. {evidence} The answer is {told}."


class Teacher:
    """Draws balanced lessons: each finding is asked about equally often where it is there and where it is not."""

    def __init__(self, prevalence: np.ndarray, rng: np.random.Generator) -> None:
        self.yes, self.no, self.rng = 1 / np.maximum(prevalence, 1e-3), 1 / (1 - prevalence), rng
        self.focus = np.ones(len(ATTRIBUTES))  # how much each finding is asked about beside the balance

    def choose(self, present: np.ndarray, known: np.ndarray) -> int:
        """A finding among ``known`` to ask about, present or absent by a coin."""
        there, absent = present & known, ~present & known
        about = there.any() and (self.rng.random() < 0.5 or not absent.any())
        weight = (self.yes * there if about else self.no * absent) * self.focus
        return int(self.rng.choice(len(present), p=weight / weight.sum()))

    def lessons(self, scene: Scene, counts: dict[str, int], known: np.ndarray | None = None) -> list[Lesson]:
        """Lessons about one film: ``counts`` of each kind (see ``KINDS``), about the ``known`` findings."""
        known = np.ones(len(scene.present), bool) if known is None else known
        made = []
        for kind, count in counts.items():
            for _ in range(count):
                asked = known & scene.present if kind == "grounding" and self.rng.random() < 0.85 else known
                if asked.any():
                    made.append(KINDS[kind](scene, self.choose(scene.present, asked)))
        return made


KINDS = {"word": word, "direct": direct, "reasoning": reasoning, "grounding": grounding}


def corpus() -> list[str]:
    """Every sentence that the models read or write; the tokenizer learns its words from it."""
    texts = []
    size = len(ATTRIBUTES)
    for k in range(size):
        for there in (True, False):
            for left in (1.0, 0.0, 0.5):
                boxes = np.full((size, 3, 4), np.nan)
                boxes[k, 0] = [14 * (k % 16), 14 * (k % 15), 14 * (k % 16) + 70, 14 * (k % 15) + 84]
                scene = Scene(np.full(size, there), boxes, np.full(size, left))
                for make in KINDS.values():
                    texts.append("\n".join(make(scene, k)[:2]))
    texts += [", ".join(str(edge) for edge in range(0, 225, STEP)) for _ in range(20)]
    return texts
