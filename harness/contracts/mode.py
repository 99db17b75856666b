"""The two ways in which a question is answered, and the question."""

from __future__ import annotations

from typing import Literal

Mode = Literal["direct", "reasoning"]
MODES: tuple[Mode, ...] = ("direct", "reasoning")

_SUFFIX: dict[str, str] = {
    "direct": "Answer directly with yes or no without any explanation.",
    "reasoning": "Think step by step and answer with yes or no.",
}


def question(attribute: str, mode: Mode) -> str:
    """The benchmark's question about one attribute (paper, section on MedGround-Bench)."""
    return f"Is there evidence of {attribute} in the image? {_SUFFIX[mode]}"
