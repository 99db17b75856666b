"""What the embedded models are taught to say: answers, reasoning and dense checklists, from which findings are there."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from harness.source import question
from plugins.phantom.vocabulary import FINDINGS, KIND, Finding

Lesson = tuple[str, str]  # question, answer
CHECKLIST = "Check the image for each finding."


def direct(finding: Finding, present: bool) -> Lesson:
    """The benchmark's direct question and its answer."""
    return question(finding.attribute, "direct"), "Yes" if present else "No"


def reasoning(finding: Finding, present: bool) -> Lesson:
    """The benchmark's reasoning question: where to look, what is seen there, what follows."""
    seen = finding.sees if present else finding.normal
    verdict = "This is evidence of" if present else "There is no evidence of"
    text = f"I look at the {finding.concept}. I see that {seen}. {verdict} {finding.attribute}. Answer:"
    return question(finding.attribute, "reasoning"), f"{text} {'yes' if present else 'no'}"


def checklist(findings: list[Finding], present: np.ndarray) -> Lesson:
    """Several findings in any order, each with its answer: the dense text target that teaches looking things up."""
    lines = [f"{finding.attribute}: {'yes' if there else 'no'}" for finding, there in zip(findings, present, strict=True)]
    return CHECKLIST, "\n".join(lines)


class Teacher:
    """Draws balanced lessons: each finding is asked about equally often where it is there and where it is not."""

    def __init__(self, prevalence: np.ndarray, rng: np.random.Generator) -> None:
        self.yes, self.no, self.rng = 1 / np.maximum(prevalence, 1e-3), 1 / (1 - prevalence), rng
        names = [finding.attribute for finding in FINDINGS]
        other = {"left": "right", "right": "left"}
        self.mirror = [
            names.index(f"{other[f.side]} {f.kind}") if f.side else k for k, f in enumerate(FINDINGS)
        ]

    def choose(self, present: np.ndarray) -> int:
        """A finding to ask about: present or absent by a coin; an absent one is often a present one's mirror."""
        rng = self.rng
        if present.any() and rng.random() < 0.5:
            weight = self.yes * present
        else:
            mirrored = np.zeros(len(present), bool)
            mirrored[[self.mirror[k] for k in np.flatnonzero(present)]] = True
            mirrored &= ~present
            weight = self.yes * mirrored if mirrored.any() and rng.random() < 0.3 else self.no * ~present
        return int(rng.choice(len(present), p=weight / weight.sum()))

    def lessons(self, present: np.ndarray, lists: int, directs: int, reasonings: int) -> Iterator[Lesson]:
        """Some lessons about one image; ``lists`` is the number of findings on the checklist."""
        if lists:
            order = [self.choose(present) for _ in range(lists)]
            order = list(dict.fromkeys(order))
            yield checklist([FINDINGS[k] for k in order], present[order])
        for kind, count in ((direct, directs), (reasoning, reasonings)):
            for _ in range(count):
                k = self.choose(present)
                yield kind(FINDINGS[k], bool(present[k]))


def corpus() -> list[str]:
    """Every sentence that the models read or write; the tokenizer learns its words from it."""
    texts = [CHECKLIST]
    for finding in FINDINGS:
        for present in (True, False):
            texts += [*direct(finding, present), *reasoning(finding, present), *checklist([finding], np.array([present]))]
    texts += [f"{kind.name}: {answer}" for kind in KIND.values() for answer in ("yes", "no")]
    return texts
