"""What the embedded models are taught to say, from which findings are there."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from harness.contracts.mode import question
from plugins.phantom.vocabulary import FINDINGS, KIND, Finding


class Lesson(NamedTuple):
    """A question, its answer, and the opposite answer; a ``bare`` one has no chat template about it.

    The first token at which the answer departs from its opposite is the one that needs the image.
    """

    question: str
    answer: str
    opposite: str
    bare: bool = False


def direct(finding: Finding, present: bool) -> Lesson:
    """The benchmark's direct question and its answer."""
    return Lesson(question(finding.attribute, "direct"), *_both("No", "Yes", present))


def reasoning(finding: Finding, present: bool) -> Lesson:
    """The benchmark's reasoning question: where to look, what is seen there, what follows."""
    texts = [
        f"I look at the {finding.concept}. I see that {seen}. {verdict} {finding.attribute}. Answer: {answer}"
        for seen, verdict, answer in (
            (finding.normal, "There is no evidence of", "no"),
            (finding.sees, "This is evidence of", "yes"),
        )
    ]
    return Lesson(question(finding.attribute, "reasoning"), *_both(texts[0], texts[1], present))


def word(finding: Finding, present: bool) -> Lesson:
    """The finding's bare name and whether it is there.

    The token that names the finding is the one that must answer. That needs a single step (look for this in the
    image), where a question needs two (which finding was asked about, then look), and two are not learnt at once.
    """
    return Lesson(finding.attribute, *_both(" no", " yes", present), bare=True)


def _both(no: str, yes: str, present: bool) -> tuple[str, str]:
    return (yes, no) if present else (no, yes)


class Teacher:
    """Draws balanced lessons: each finding is asked about equally often where it is there and where it is not."""

    def __init__(self, prevalence: np.ndarray, rng: np.random.Generator) -> None:
        self.yes, self.no, self.rng = 1 / np.maximum(prevalence, 1e-3), 1 / (1 - prevalence), rng
        self.focus = np.ones(len(FINDINGS))  # how much each finding is asked about beside the balance
        names = [finding.attribute for finding in FINDINGS]
        other = {"left": "right", "right": "left"}
        self.mirror = [names.index(f"{other[f.side]} {f.kind}") if f.side else k for k, f in enumerate(FINDINGS)]

    def choose(self, present: np.ndarray, known: np.ndarray) -> int:
        """A finding among ``known`` to ask about: present or absent by a coin; an absent one may be a mirror."""
        rng = self.rng
        there, absent = present & known, ~present & known
        if there.any() and (rng.random() < 0.5 or not absent.any()):
            weight = self.yes * there
        else:
            mirrored = np.zeros(len(present), bool)
            mirrored[[self.mirror[k] for k in np.flatnonzero(there)]] = True
            mirrored &= absent
            weight = self.yes * mirrored if mirrored.any() and rng.random() < 0.3 else self.no * absent
        weight = weight * self.focus
        return int(rng.choice(len(present), p=weight / weight.sum()))

    def lessons(self, present: np.ndarray, counts: dict[str, int], known: np.ndarray | None = None) -> list[Lesson]:
        """Lessons about one image: ``counts`` of each kind (word, direct, reasoning), about the ``known`` findings."""
        known = np.ones(len(present), bool) if known is None else known
        made = []
        for kind, count in counts.items():
            for _ in range(count):
                k = self.choose(present, known)
                made.append(_KINDS[kind](FINDINGS[k], bool(present[k])))
        return made


_KINDS = {"word": word, "direct": direct, "reasoning": reasoning}


def corpus() -> list[str]:
    """Every sentence that the models read or write; the tokenizer learns its words from it."""
    texts = []
    for finding in FINDINGS:
        for present in (True, False):
            texts += [
                *direct(finding, present)[:2],
                *reasoning(finding, present)[:2],
                "".join(word(finding, present)[:2]),
            ]
    texts += [f"{kind.name}: {answer}" for kind in KIND.values() for answer in ("yes", "no")]
    return texts
