"""The final yes or no of free text."""

from __future__ import annotations

import pytest

from harness.bench.verdict import final_answer


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("yes", "yes"),
        ("No.", "no"),
        ("**No**", "no"),
        ("_No_", "no"),
        ("__Yes__, there is.", "yes"),
        ("Answer: yes.", "yes"),
        ("Answer:No", "no"),
        ("<answer>yes</answer>", "yes"),
        ("YES!", "yes"),
        ("'no'", "no"),
        ("yes\n", "yes"),
        ("There is no effusion on the left. Still, the heart is wide. Yes", "yes"),
        ("Yes, at first sight. On reflection: no", "no"),
        ("The question is yes or no. The heart is wide, so yes.", "yes"),
        ("Answer with yes or no: no. (yes/no)", "no"),
        ("It is a yes/no question, and the answer is yes. [No / Yes]", "yes"),
        ("Yes. That answers it with 'yes' or 'no'.", "yes"),
        ("Yes. That answers it with **yes** or **no**.", "yes"),
        ("yes. I was asked for _yes_ or _no_.", "yes"),
        ("Yes, the film shows a nodule; it is not normal.", "yes"),
        ("Yes, as far as I know.", "yes"),
        ("No, for all its yesterdays", "no"),
        ("Yes. NO2 was not inhaled, snow is noted, and the nose is norm.", "yes"),
    ],
)
def test_the_last_verdict_counts(text: str, expected: str) -> None:
    assert final_answer(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   \n",
        "not sure",
        "I do not know.",
        "Nothing notable, nor anything abnormal.",
        "yes or no",
        "Yes/No",
        "no or yes?",
        "Please answer with yes\nor no.",
        "The eyes have it.",
        "yesno",
    ],
)
def test_no_verdict(text: str) -> None:
    assert final_answer(text) is None
