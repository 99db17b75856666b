"""What a model's text says in the end: yes, no, or neither."""

from __future__ import annotations

import re
from typing import Literal

# "yes or no" and "yes/no" repeat the question.
_RESTATED = re.compile(r"\b(yes\W+or\W+no|no\W+or\W+yes|yes\s*/\s*no|no\s*/\s*yes)\b", re.IGNORECASE)
_VERDICT = re.compile(r"\b(yes|no)\b", re.IGNORECASE)


def final_answer(text: str) -> Literal["yes", "no"] | None:
    """The last stated yes or no, as a whole word in any case; None where the text states neither."""
    found = _VERDICT.findall(_RESTATED.sub(" ", text))
    return None if not found else "yes" if found[-1].lower() == "yes" else "no"
