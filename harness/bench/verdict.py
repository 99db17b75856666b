"""What a model's text states in the end: yes, no, or neither. Every repeat in a pattern is bounded: linear time."""

from __future__ import annotations

import re
from typing import Literal

Verdict = Literal["yes", "no"]

# Thoughts are no answer, also where the text begins within one or ends there.
_THOUGHT_END = r"<unused95>|</th(?:ink|ought)\w{0,9}>"
_THOUGHT = re.compile(rf"(?:<unused94>|<th(?:ink|ought)\w{{0,9}}>).*?(?:{_THOUGHT_END}|\Z)", re.I | re.S)
_PLAIN = str.maketrans("‘’“”", "''\"\"", "*_`")  # straight quotes, and no emphasis of Markdown
# "yes or no", "yes/no" and "yes | no" repeat the question; "yes and no" takes no side.
_TOGETHER = re.compile(
    r"\b(yes|no)(?:\W{1,3}n?or\W{1,3}|\W{0,2}[/|]\W{0,2})(?!\1)(?:yes|no)\b"
    r"|(?P<both>\b(?:yes\W{1,3}and\W{1,3}no(?! \w)|no\W{1,3}and\W{1,3}yes)\b)",
    re.I,
)
# A "no" that states something ends a clause ("No, ...") or begins a sentence ("No there is"); "no mass" states none.
_SAID = (
    r"(?<!not )(?<!not a )(?<!n't )(yes\b(?!\?|-\w| if\b)|no(?:(?=[.,;:!)\]}\"'<\n]|$| ?[(–—]| ?-(?!\w))(?!\. ?\d)"
    r"|(?= (?:there|it|i|this|that|the|we)\b)))"
)
_LEADING = rf"^[^\w?]{{0,9}}{_SAID}"
_WHOLE = r"(?:^|[.!\n])[^\w?:,;\n]{0,9}(yes|no)(?=[^\w?:,;\n]{0,3}(?:[.!\n]|$))(?!\. ?\d)"  # a whole sentence
# After punctuation, or as in "so yes" and "it is a no"; "I first thought yes" and "if yes" state nothing.
_ALONE = rf"(?:^|[^\w ] ?|\b(?:so|say|(?<!there )is|be|an?|thus|hence|then|therefore|clear|clearly|definitely) ){_SAID}"
# "Answer: no", "the answer to that is no", "\boxed{no}", "On reflection, no".
_MARKED = (
    r"(?<!if )(?<!if the )\b(?:answer\b(?:\W{0,12}|[^.!?\n]{1,80}?\W)|boxed\{(?:\\\w{1,9}\{)?|(?:conclusion|conclude"
    rf"|hence|therefore|thus|so|reflection|final|finally|overall|summary|verdict|correction|actually|wait)\W{{1,9}}){_SAID}"
)
_STATED = [re.compile(pattern, re.I) for pattern in (_MARKED, _WHOLE, _LEADING, _ALONE)]  # the stronger first
_ENDS = re.compile(r"[.!?;\n]|, but (?=there)", re.I)
# Without a yes or no, sentences that deny or affirm a finding answer, unless they doubt.
_DOUBTS = re.compile(
    r"\b(?:if|whether|determin|unclear|uncertain|(?:in)?sufficient|enough|may\b|might|could|would|(?:im)?possib|difficult"
    r"|unable|ruled?\b|exclude|(?:cannot|can't|not) (?:tell|say|confirm))",
    re.I,
)
_SEEN = r"(?:present|seen|visible|evident|identified|found|detected|observed)"
_OTHER = r"(?!need|doubt|question|reason|substitute|other|further|additional|medical|professional|prior)\w"
_DENIES = re.compile(
    rf"^(?:(?:final )?answer: |conclusion: )?no {_OTHER}|\bthere (?:is|are|was|were|appears to be) no {_OTHER}"
    rf"|\bthere (?:is|are)(?: not\b|n't| nothing| neither| hardly| little)|\bno (?:\w+ ){{1,4}}(?:is|are) {_SEEN}"
    rf"|\bi (?:can |could )?(?:see|find) no {_OTHER}|\b(?:image|x-ray|radiograph|film) (?:shows|reveals) no {_OTHER}"
    r"|\babsent\b|\b(?:no|without)\b (?:\w+ ){0,3}(?:evidence|signs?)\b"
    rf"|(?:\bnot|n't|\bcannot) (?:\w+ ){{0,2}}(?:see|show|find|identify|detect|observe|reveal|demonstrate|{_SEEN})\b",
    re.I,
)
_AFFIRMS = re.compile(
    r"\bthere (?:is|are|was|were|appears to be) (?!no\b|not\b|(?:an? )?(?:need|normal|good|adequate))\w"
    r"|(?:^|\b(?:is|shows?|see|reveals?|demonstrates?) )(?:\w+ ){0,2}(?<!about )(?<!for )(?<!any )evidence of\b"
    r"|(?:^|\bis |\bare |: )present\b",
    re.I,
)


def final_answer(text: str) -> Verdict | None:
    """The yes or no that a text states in the end; None where it states neither.

    Said after a marker ("Answer: ...") it counts most, then as a sentence by itself, then as the text's first word,
    then anywhere as a statement: the last of the first kind that there is. Without any, sentences such as "There is no
    effusion" count where they agree. Thoughts, the question's own "yes or no" and "no" before a noun state nothing.
    """
    plain = _TOGETHER.sub(" ", _plain(text))
    for pattern in _STATED:
        if found := pattern.findall(plain):
            return "yes" if found[-1].lower() == "yes" else "no"
    sentences = [said.strip(" -#>\"'") for said in _ENDS.split(plain) if not _DOUBTS.search(said)]
    # The question is about evidence, and so is its answer where a text has other statements too.
    about = [said for said in sentences if "evidence" in said.lower()] or sentences
    denied = {bool(denies) for said in about if (denies := _DENIES.search(said)) or _AFFIRMS.search(said)}
    return None if len(denied) != 1 else "no" if True in denied else "yes"


def both_stated(text: str) -> bool:
    """Whether a text states both yes and no as answers, whichever of them counts in the end."""
    plain = _plain(text)
    at_once = any(match["both"] for match in _TOGETHER.finditer(plain))
    plain = _TOGETHER.sub(" ", plain)
    return at_once or len({said.lower() for pattern in _STATED for said in pattern.findall(plain)}) == 2


def _plain(text: str) -> str:
    """A text without thoughts and emphasis, with single spaces and no empty lines."""
    said = re.split(_THOUGHT_END, _THOUGHT.sub(" ", text), flags=re.I)[-1].translate(_PLAIN)
    return "\n".join(line for line in (" ".join(part.split()) for part in said.splitlines()) if line)
