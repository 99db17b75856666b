"""Two controls that know where such findings lie: a method that does not beat them has read nothing off this image."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from harness.contracts.attributor import Attribution, Attributor, NotApplicable
from harness.contracts.case import Case
from harness.contracts.model import Capability
from harness.hookspecs import hookimpl


class _Prior(Attributor):
    """A constant box, fitted by the source on patients of whom no record is."""

    control: ClassVar[bool] = True
    needs: ClassVar[frozenset[Capability]] = frozenset()
    knows: ClassVar[str]

    def attribute(self, case: Case) -> Attribution:
        """The source's boxes."""
        boxes = case.priors.get(self.knows)
        if not boxes:
            raise NotApplicable(
                f"{self.name} needs boxes that the source fitted on other patients, and this source has none."
            )
        return Attribution(boxes=list(boxes))


class QuestionPrior(_Prior):
    """The best constant box of the attribute that is asked about: it sees neither the image nor the model."""

    name: ClassVar[str] = "question-prior"
    knows: ClassVar[str] = "question"


class BodyPrior(_Prior):
    """The same in the body, put onto the film by its true pose: perfect registration that looks for nothing."""

    name: ClassVar[str] = "body-prior"
    knows: ClassVar[str] = "pose"


@hookimpl
def attributors() -> Sequence[type[Attributor]]:
    """The attributors of this plugin."""
    return [QuestionPrior, BodyPrior]
