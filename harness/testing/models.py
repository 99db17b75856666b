"""Checks of a vision-language model: what it declares it offers, in the shapes of the contract."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property, wraps
from typing import Any, get_args

import numpy as np

from harness.contracts.mode import question
from harness.contracts.model import Capability, Capture, Model, Trace
from harness.imaging.read import letterbox
from harness.run.shared_case import seed_everything
from harness.testing.check import (
    Breach,
    CheckResult,
    Moot,
    Unfit,
    check_contract,
    demand,
    light_import,
    load_plugin,
    raised_by,
    run_checks,
    sentence,
)
from harness.testing.pictures import film
from harness.testing.region import SIDE
from harness.testing.watched import ALL_CAPTURES, MORE_CAPTURES, arrays_of

QUESTION = question("pleural effusion", "direct")
TEXTS = ("yes", "The left costophrenic angle is blunted. Answer: yes")
WORDS = ("Yes", "No", "yes", "no", " yes", " no", " Yes", " No", " the", " left", ".")
CLOSE = 1e-3  # by so much may two ways to one log-probability differ in float32
FRACTIONS = (0.25, 0.75)


def check_model(model: Model, close: float = CLOSE) -> None:
    """Check a model against the contract. Of what it does not declare, only its absence is checked.

    Parameters
    ----------
    model
        It is loaded, and asked about three frames.
    close
        By how much log-probabilities that should be equal may differ. Give a half-precision model more, or check it in
        float32.

    Raises
    ------
    ConformanceError
        An ``AssertionError`` with a line for each check that fails.
    HarnessError
        Where the model cannot be loaded, or is not given what it needs.
    """
    demand(model, run_model_checks(model, close))


def run_model_checks(model: Model, close: float = CLOSE) -> list[CheckResult]:
    """How each check of ``CHECKS`` went, in order."""
    load_plugin(model)
    return run_checks(Asked(model, close), CHECKS)


class Asked:
    """A loaded model and what it says about three frames, each computed once, for all checks to look at."""

    def __init__(self, model: Model, close: float = CLOSE) -> None:
        self.plugin = self.model = model
        self.close = close
        films = (film(300, 300), film(350, 200, seed=1), np.zeros((300, 300, 3), np.uint8))
        self._frames = [letterbox(image)[0] for image in films]

    @property
    def frames(self) -> list[np.ndarray]:
        """The frames, uint8 [side, side, 3]; fresh copies, for a model that writes to them."""
        return [frame.copy() for frame in self._frames]

    def can(self, capability: Capability) -> bool:
        """Whether the model declares it."""
        return capability in self.model.capabilities

    @cached_property
    def answer(self) -> Any:
        """Its answer about the first frame."""
        seed_everything(0)
        return self.model.answer(self.frames[0], QUESTION)

    @cached_property
    def texts(self) -> tuple[str, ...]:
        """Answers to be scored: the kit's and, where it has one, the model's own."""
        own = self.answer if self.can("generate") else None
        return (*TEXTS, own) if isinstance(own, str) and own.strip() else TEXTS

    @cached_property
    def scores(self) -> dict[str, Any]:
        """The scores of each text, all frames in one batch."""
        return {text: self.model.score(self.frames, QUESTION, text) for text in self.texts}

    @cached_property
    def trace(self) -> Trace:
        """The trace of the last of the kit's texts with all captures that it has."""
        return self.model.trace(self.frames[0], QUESTION, TEXTS[-1], self.captures)

    @cached_property
    def captures(self) -> frozenset[Capture]:
        """What it captures of what the kit asks for."""
        more = (frozenset({name}) for name in MORE_CAPTURES)
        return ALL_CAPTURES.union(*(one for one in more if self.model.cannot_capture(one) is None))


def needing(*capabilities: Capability) -> Callable[[Callable[[Asked], None]], Callable[[Asked], None]]:
    """A check of models that declare all of the capabilities; of others there is nothing to judge."""

    def gate(check: Callable[[Asked], None]) -> Callable[[Asked], None]:
        @wraps(check)
        def gated(asked: Asked) -> None:
            if not all(map(asked.can, capabilities)):
                raise Moot
            check(asked)

        return gated

    return gate


def contract(asked: Asked) -> None:
    """It has a name, a docstring, described options and capabilities that exist."""
    capabilities, known = asked.model.capabilities, get_args(Capability)
    if not isinstance(capabilities, frozenset):
        raise Unfit(f"Its capabilities are {capabilities!r}; they must be a frozenset of {', '.join(known)}.")
    unknown = sorted(map(str, capabilities.difference(known)))
    if unknown:
        raise Unfit(f"Its capabilities name {unknown[0]!r}, which nothing asks for; known are {', '.join(known)}.")
    check_contract(asked.model, Model, "model")


def offers_what_it_declares(asked: Asked) -> None:
    """It has every method of the capabilities that it declares, which work, and of no other."""
    for capability, calls in _calls(asked.model, asked.frames[0]).items():
        for name, call in calls.items():
            error = raised_by(call)
            lacking = isinstance(error, NotImplementedError)
            if asked.can(capability) and lacking:
                raise Unfit(f"It declares {capability!r} but has no {name}().")
            if asked.can(capability) and error is not None:
                raise Unfit(f"Of {name}(): {sentence(error)}")
            if not asked.can(capability) and error is None:
                raise Breach(f"It has {name}() but does not declare {capability!r}: methods that need it will not run.")


@needing("generate")
def answers_in_text(asked: Asked) -> None:
    """Its answers are text, for a film and for a blank frame."""
    for answer in (asked.answer, asked.model.answer(asked.frames[-1], QUESTION)):
        if not isinstance(answer, str):
            raise Breach(f"An answer is {type(answer).__name__}, not text.")


@needing("generate")
def repeatable(asked: Asked) -> None:
    """Asked again it gives the same answer, whatever the state of the process's random generators."""
    first = asked.answer
    seed_everything(1)
    if asked.model.answer(asked.frames[0], QUESTION) != first:
        raise Breach("The same question about the same frame gets another answer; decode greedily.")


@needing("score")
def score_has_its_shape(asked: Asked) -> None:
    """Its scores are numbers [images, tokens], the same count of tokens for every image."""
    for text, scores in asked.scores.items():
        wanted = (len(asked.frames), len(asked.model.tokens(text)))
        if not isinstance(scores, np.ndarray) or scores.shape != wanted:
            shape = list(scores.shape) if isinstance(scores, np.ndarray) else type(scores).__name__
            raise Unfit(f"The scores of {wanted[0]} images and {wanted[1]} tokens are {shape}, not {list(wanted)}.")


@needing("score")
def scores_are_log_probabilities(asked: Asked) -> None:
    """Its scores are finite and never above zero."""
    for scores in asked.scores.values():
        if not np.isfinite(scores).all():
            raise Breach("A score is NaN or infinite.")
        if scores.max() > 1e-6:
            raise Breach(f"A score is {scores.max():.3g}, above zero: no logarithm of a probability.")


@needing("score")
def batch_equals_one_by_one(asked: Asked) -> None:
    """Scoring images in one batch gives what scoring them one by one gives, in their order."""
    for text, together in asked.scores.items():
        alone = np.concatenate([asked.model.score([frame], QUESTION, text) for frame in asked.frames])
        worst = float(np.abs(alone - together).max(initial=0))
        if worst > asked.close:
            raise Breach(f"Images scored together and one by one differ by up to {worst:.3g}.")


@needing("score")
def tokens_join(asked: Asked) -> None:
    """The tokens of an answer, joined, are the answer."""
    for text in asked.texts:
        tokens = asked.model.tokens(text)
        if not all(isinstance(token, str) for token in tokens) or "".join(tokens) != text:
            raise Breach(f"The tokens of {text!r} are {list(tokens)!r}, which do not join to it.")


@needing("generate", "score")
def greedy(asked: Asked) -> None:
    """No other word scores higher than the one that its answer says at that place."""
    if asked.answer not in asked.scores:
        raise Moot
    own = asked.model.score(asked.frames[:1], QUESTION, asked.answer)[0]
    tokens = list(asked.model.tokens(asked.answer))
    for place in sorted({0, 1, len(tokens) - 1} & set(range(len(tokens)))):
        said = "".join(tokens[:place])
        for word in WORDS:
            rival = list(asked.model.tokens(said + word))
            # Only where the rival departs from the answer at this very token do the two scores compare.
            if rival[:place] != tokens[:place] or len(rival) <= place or rival[place] == tokens[place]:
                continue
            score = asked.model.score(asked.frames[:1], QUESTION, said + word)[0, place]
            if score > own[place] + asked.close:
                raise Breach(
                    f"It answers {tokens[place]!r} at token {place}, where {rival[place]!r} scores higher "
                    f"({score:.3g} over {own[place]:.3g}); decode greedily, from the prompt that is scored."
                )


@needing("trace")
def grid_tiles_the_frame(asked: Asked) -> None:
    """Its image tokens' rectangles tile the frame without gap or overlap."""
    grid = asked.model.image_grid(asked.frames[0])
    hits = np.zeros((SIDE, SIDE), int)
    for x0, y0, x1, y1 in grid:
        if min(x0, y0) < 0 or max(x1, y1) > SIDE + 1e-6 or x0 >= x1 or y0 >= y1:
            raise Breach(f"The rectangle {[x0, y0, x1, y1]} is empty or leaves the frame's 0..{SIDE}.")
        # The pixels whose centres it holds; no centre lies in two half-open rectangles.
        rows, columns = (slice(*(int(np.ceil(edge - 0.5)) for edge in edges)) for edges in ((y0, y1), (x0, x1)))
        hits[rows, columns] += 1
    if (hits != 1).any():
        none, several = np.count_nonzero(hits == 0), np.count_nonzero(hits > 1)
        raise Breach(f"Of the frame's pixels {none} lie in no image token and {several} in several.")


@needing("trace")
def trace_has_its_shapes(asked: Asked) -> None:
    """A trace has all that was asked for, in the contract's shapes, finite."""
    tokens, images = len(asked.trace.logprobs), len(asked.model.image_grid(asked.frames[0]))
    for capture, name in [(one, name) for one in sorted(asked.captures) for name in arrays_of(one)]:
        found = getattr(asked.trace, name)
        if found is None:
            raise Breach(f"The trace was asked for {capture!r} and has no {name}.")
        wide = found.shape[-1] if np.ndim(found) else 0
        text = 0 if asked.trace.token_ids is None else len(asked.trace.token_ids)
        shapes = {
            "hidden": (images, wide), "hidden_gradient": (images, wide), "hidden_relevance": (images,),
            "token_logits": (text, images + text), "token_ids": (text,),
        }  # fmt: skip
        wanted = shapes.get(name.partition("@")[0], (tokens, images))
        if np.shape(found) != wanted or not wide:
            raise Breach(f"The trace's {name} is {list(np.shape(found))}, not {list(wanted)}.")
        if not np.isfinite(found).all():
            raise Breach(f"The trace's {name} holds NaN or infinite values.")


@needing("trace", "score")
def trace_agrees_with_score(asked: Asked) -> None:
    """A trace's log-probabilities are those of score."""
    score = asked.model.score(asked.frames[:1], QUESTION, TEXTS[-1])[0]
    traced = np.asarray(asked.trace.logprobs)
    if traced.shape != score.shape:
        raise Breach(f"The trace's log-probabilities are {list(traced.shape)}, the score's {list(score.shape)}.")
    worst = float(np.abs(traced - score).max())
    if worst > asked.close:
        raise Breach(f"The trace's log-probabilities differ from the score's by up to {worst:.3g}.")


@needing("trace")
def path_gradients_have_their_shape(asked: Asked) -> None:
    """Its path gradients are [fractions, side, side, 3], finite, and zero along a path that goes nowhere."""
    frame = asked.frames[0]
    wanted = (len(FRACTIONS), *frame.shape)
    for start in (np.zeros_like(frame), None):
        found = asked.model.path_gradients(frame, start, FRACTIONS, QUESTION, TEXTS[0])
        if np.shape(found) != wanted or not np.isfinite(found).all():
            raise Breach(f"Path gradients are {list(np.shape(found))}, not {list(wanted)}, or not finite.")
    if np.any(asked.model.path_gradients(frame, frame, FRACTIONS[:1], QUESTION, TEXTS[0])):
        raise Breach("Path gradients from an image to itself are not zero; they are gradients times the change.")


def leaves_the_frames_alone(asked: Asked) -> None:
    """It does not write to the frames that it is given."""
    given, frame = asked.frames[0], asked.frames[0]
    for calls in _calls(asked.model, given).values():
        for name, call in calls.items():
            raised_by(call)
            if not np.array_equal(given, frame):
                raise Breach(f"It writes to the frame that {name}() is given; work on a copy.")


CHECKS = (
    contract, light_import, offers_what_it_declares, answers_in_text, repeatable, score_has_its_shape,
    scores_are_log_probabilities, batch_equals_one_by_one, tokens_join, greedy, grid_tiles_the_frame,
    trace_has_its_shapes, trace_agrees_with_score, path_gradients_have_their_shape, leaves_the_frames_alone,
)  # fmt: skip


def _calls(model: Model, frame: np.ndarray) -> dict[Capability, dict[str, Callable[[], Any]]]:
    """One call of each method about a frame, by the capability that it belongs to."""
    text, black = TEXTS[0], np.zeros_like(frame)
    return {
        "generate": {"answer": lambda: model.answer(frame, QUESTION)},
        "score": {
            "score": lambda: model.score([frame], QUESTION, text),
            "tokens": lambda: model.tokens(text),
        },
        "trace": {
            "trace": lambda: model.trace(frame, QUESTION, text, frozenset({"rollout"})),
            "path_gradients": lambda: model.path_gradients(frame, black, FRACTIONS[:1], QUESTION, text),
            "image_grid": lambda: model.image_grid(frame),
        },
    }
