"""What methods that need no model are given in the place of one."""

from __future__ import annotations

from typing import Any, ClassVar

from harness.contracts.model import Model
from harness.errors import HarnessError


class NoModel(Model):
    """Stands for a model that nobody said to need."""

    name: ClassVar[str] = "none"

    def answer(self, image: Any, question: str) -> str:
        """Raises ``HarnessError``."""
        raise HarnessError(
            "The method's `needs` is empty, so that no model was loaded; it must name what it asks of one."
        )

    def score(self, images: Any, question: str, answer: str) -> Any:
        """Raises ``HarnessError``."""
        return self.answer(images, question)

    def trace(self, image: Any, question: str, answer: str, captures: Any) -> Any:
        """Raises ``HarnessError``."""
        return self.answer(image, question)
