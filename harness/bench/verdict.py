"""What a model's text says in the end: yes, no, or neither."""

from __future__ import annotations

import re
from typing import Literal

# "yes or no" and "yes/no" repeat the question.
_RESTATED = re.compile(
    r"(?<![^\W_])(yes[\W_]+or[\W_]+no|no[\W_]+or[\W_]+yes|yes\s*/\s*no|no\s*/\s*yes)(?![^\W_])", re.IGNORECASE
)
# Not \b: an underscore of Markdown's _No_ ends a word.
_VERDICT = re.compile(r"(?<![^\W_])(yes|no)(?![^\W_])", re.IGNORECASE)


def final_answer(text: str) -> Literal["yes", "no"] | None:
    """The last stated yes or no, as a whole word in any case; None where the text states neither."""
    found = _VERDICT.findall(_RESTATED.sub(" ", text))
    return None if not found else "yes" if found[-1].lower() == "yes" else "no"
