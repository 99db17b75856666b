"""Make an explanation: ask a model, have a method explain the answer, check what it says."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import SupportsFloat

import numpy as np

from harness.contracts.attributor import Attribution, Attributor, missing
from harness.contracts.case import Case
from harness.contracts.model import Answer, Model
from harness.errors import HarnessError
from harness.explaining.explanation import Explanation
from harness.imaging.frame import FRAME_SIDE, Box
from harness.imaging.read import letterbox
from harness.imaging.upsample import Upsampling
from harness.participants import reason
from harness.run.shared_case import boxes_of, seed_everything


def explain_answer(
    image: np.ndarray,
    question: str,
    model: Model,
    attributor: Attributor,
    answer: str | None = None,
    seed: int = 0,
    upsampling: Upsampling = "bilinear",
) -> Explanation:
    """Explain a model's answer to a question about an image.

    Parameters
    ----------
    image
        uint8 [height, width, 3], native.
    question
        Asked as it is.
    model, attributor
        Loaded, both.
    answer
        The text to explain, stripped, as chat templates strip it; None for the model's own.
    seed
        Fixes all randomness.
    upsampling
        How values of image tokens and of cells become a map.

    Returns
    -------
    Explanation
        What the method says, with its boxes in native pixels.

    Raises
    ------
    HarnessError
        Where the model lacks a capability that the attributor needs, or answers nothing; and where the attributor
        fails, or gives what an evaluation would not accept.
    """
    check_capabilities(attributor, model, answer is not None)
    frame, box = letterbox(image, FRAME_SIDE)
    if answer is None:
        answer = ask(model, image, question)
    cut_off = isinstance(answer, Answer) and answer.cut_off
    answer = answer.strip()
    with whose(f"The attributor {attributor.name!r} cannot say how it is set up"):
        notes = [str(note) for note in attributor.notes(())]
    case = Case(model, frame, question, answer, box.content, seed, attributor.captures, upsampling=upsampling)
    seed_everything(seed)
    attribution, found, tokens = _explain(attributor, case)
    return Explanation(
        image=image,
        question=question,
        answer=answer,
        model=model.name,
        attributor=attributor.name,
        attribution=attribution,
        boxes=[box.to_native(part) for part in found],
        frame=box,
        tokens=tokens,
        cost=case.cost,
        cut_off=cut_off,
        notes=notes,
    )


def ask(model: Model, image: np.ndarray, question: str) -> Answer:
    """A model's answer about an image, uint8 [height, width, 3]. Raises ``HarnessError`` where it fails, or answers
    nothing."""
    with whose(f"The model {model.name!r} failed"):
        answer = model.answer(letterbox(image, FRAME_SIDE)[0], question)
        if not isinstance(answer, str):
            raise TypeError(f"it answered {type(answer).__name__} instead of text")
    if not answer.strip():
        raise HarnessError(f"The model {model.name!r} answered nothing; give the answer to explain.")
    return answer if isinstance(answer, Answer) else Answer(answer)


def check_capabilities(
    attributor: Attributor | type[Attributor], model: Model | type[Model], answer_given: bool = False
) -> None:
    """Raise ``HarnessError`` where the model lacks what the attributor, or asking for an answer, needs."""
    absent = missing(attributor, model)
    if absent:
        has = ", ".join(sorted(model.capabilities)) or "nothing"
        raise HarnessError(
            f"The attributor {attributor.name!r} needs {' and '.join(absent)}, "
            f"which the model {model.name!r} does not offer (it offers {has}); "
            f"`harness plugins show {model.name}` lists the attributors that it works with."
        )
    if not answer_given and "generate" not in model.capabilities:
        raise HarnessError(f"The model {model.name!r} cannot generate an answer; give the answer to explain.")


def _explain(attributor: Attributor, case: Case) -> tuple[Attribution, list[Box], list[str] | None]:
    """What the attributor says, its boxes in the frame, and the tokens that it scores: None where it scores none.

    Raises ``HarnessError`` for what an evaluation would not accept, and for token scores that the picture cannot show.
    """
    with whose(f"The attributor {attributor.name!r} failed"):
        attribution = attributor.attribute(case)
    tokens: list[str] | None = None
    with whose(f"The attributor {attributor.name!r} gave nothing usable", TypeError, ValueError):
        boxes = boxes_of(attribution, case)
        scored = attribution.token_scores is not None or bool(attribution.concept_token_scores)
    if scored:
        with whose(f"The model {case.model.name!r} cannot tell the answer's tokens, which the attributor scored"):
            tokens = list(case.model.tokens(case.answer))
    with whose(f"The attributor {attributor.name!r} gave nothing usable", TypeError, ValueError):
        check_extras(attribution, tokens)
    return attribution, boxes, tokens


@contextmanager
def whose(fault: str, *sentences: type[Exception]) -> Iterator[None]:
    """Turn whatever goes wrong in a plugin into ``HarnessError``: whose ``fault`` it is, and why. ``sentences``: the
    exceptions whose text says that by itself."""
    try:
        yield
    except HarnessError:
        raise
    # A plugin that calls sys.exit() must not end the program in silence.
    except (Exception, SystemExit) as error:
        why = str(error) if isinstance(error, sentences) else reason(error)
        raise HarnessError(f"{fault}: {why.rstrip('.')}.") from error


def check_extras(said: Attribution, tokens: Sequence[str] | None) -> None:
    """Raise ``TypeError`` or ``ValueError`` for a concept or scores that cannot be shown."""
    if said.concept is not None and not isinstance(said.concept, str):
        raise TypeError(f"its concept is {type(said.concept).__name__} instead of text")
    scores = {} if said.concept_scores is None else dict(said.concept_scores)
    of_tokens = [] if said.token_scores is None else [list(said.token_scores)]
    of_tokens += [list(values) for values in (said.concept_token_scores or {}).values()]
    for what, values in (("concept", list(scores.values())), *(("token", some) for some in of_tokens)):
        for value in values:
            if not isinstance(value, SupportsFloat) or not math.isfinite(value):
                raise ValueError(f"a {what}'s score is {value!r} instead of a finite number")
    if said.kept is not None and not (isinstance(said.kept, SupportsFloat) and 0 <= said.kept <= 1):
        raise ValueError(f"what the answer keeps is {said.kept!r} instead of a share from 0 to 1")
    for values in of_tokens:
        if tokens is not None and len(tokens) != len(values):
            raise ValueError(f"it scored {len(values)} tokens of an answer of {len(tokens)}")
