"""Checks of an attribution method, on a small model whose only cause of the answer is known."""

from __future__ import annotations

from collections.abc import Sequence
from typing import get_args

from harness.contracts.attributor import Attribution, Attributor
from harness.contracts.model import Capability, Capture, Kind
from harness.testing.check import (
    Breach,
    CheckResult,
    Moot,
    Unfit,
    check_contract,
    demand,
    light_import,
    load_plugin,
    run_checks,
)
from harness.testing.trials import FAULTS, Trials, box_fault, extras_fault, map_fault

BLACK_BOX: frozenset[Capability] = frozenset({"generate"})


def check_attributor(method: Attributor) -> None:
    """Check an attribution method against the contract.

    Parameters
    ----------
    method
        It is loaded, and explains eight images of the kit's, the first several times.

    Raises
    ------
    ConformanceError
        An ``AssertionError`` with a line for each check that fails.
    HarnessError
        Where the method cannot be loaded, or is not given what it needs.
    """
    demand(method, run_attributor_checks(method))


def run_attributor_checks(method: Attributor) -> list[CheckResult]:
    """How each check of ``CHECKS`` went, in order."""
    load_plugin(method)
    return run_checks(Trials(method), CHECKS)


def contract(trials: Trials) -> None:
    """It has a name, a docstring, described options, and needs and captures that exist."""
    method = trials.method
    for declared, known, word in (
        (method.needs, get_args(Capability), "needs"),
        (method.captures, get_args(Kind), "captures"),
    ):
        if not isinstance(declared, frozenset):
            raise Unfit(f"Its {word} are {declared!r}; they must be a frozenset of {', '.join(known)}.")
        # A capture may name a layer besides.
        unknown = sorted(name for name in map(str, declared) if name.partition("@")[0] not in known)
        if unknown:
            raise Unfit(f"Its {word} name {unknown[0]!r}, which no model has; known are {', '.join(known)}.")
    if method.captures and "trace" not in method.needs:
        raise Unfit("It has captures, which come of a trace, but its needs do not name trace.")
    check_contract(method, Attributor, "attributor")


def explains(trials: Trials) -> None:
    """It returns an Attribution, with a map or boxes, for a plain chest film."""
    trial = trials.on()
    if trial.raised:
        raise Unfit(trial.raised)
    if not isinstance(trial.said, Attribution):
        raise Unfit(f"It returns {type(trial.said).__name__}, not harness.Attribution.")
    if trial.said.saliency is None and trial.said.boxes is None:
        raise Unfit("It returns neither a saliency map nor boxes.")


def map_of_the_frame(trials: Trials) -> None:
    """Its saliency map, if any, has the frame's size and finite values."""
    _raise(map_fault(trials.on()))


def boxes_in_the_frame(trials: Trials) -> None:
    """Its boxes, if any, are x0, y0, x1, y1 in frame pixels, not empty and within the frame."""
    _raise(box_fault(trials.on()))


def concept_and_scores(trials: Trials) -> None:
    """Its concept is text, its scores are finite, and there is one token score for each token of the answer."""
    _raise(extras_fault(trials.on()))


def repeatable(trials: Trials) -> None:
    """The same case gives the same bytes again, whatever it explained in between."""
    if trials.again().content() != trials.on().content():
        raise Breach("The same case with the same seed gives another result; draw from default_rng(case.seed) alone.")


def own_randomness(trials: Trials) -> None:
    """It does not depend on the state of the process's random generators."""
    first = trials.again().content()
    if first != trials.on().content():
        raise Moot
    if trials.again(global_seed=1).content() != first:
        raise Breach(
            "It draws from a global generator (random, numpy.random, torch); draw from default_rng(case.seed)."
        )


def leaves_the_image_alone(trials: Trials) -> None:
    """It does not write to the case's image, of which the original's score may be taken later."""
    if trials.on().wrote:
        raise Breach("It writes to case.image; alter a copy: image = case.image.copy().")


def declared_needs(trials: Trials) -> None:
    """It asks of a model exactly the capabilities that its needs name."""
    needs = trials.method.needs
    alone = trials.offered(needs)
    undeclared = sorted(alone.model.calls - needs)
    if undeclared:
        raise Breach(f"It uses {_list(undeclared)}, which its needs do not name; a model without would fail.")
    if alone.raised and not alone.model.captures - trials.method.captures:
        raise Breach(f"On a model that offers exactly what it needs: {alone.raised}")
    idle = sorted(needs.difference(*(trial.model.calls for trial in trials.all())))
    if idle:
        raise Breach(f"It needs {_list(idle)} but never uses it, which shuts it out from models that lack it.")


def declared_captures(trials: Trials) -> None:
    """It reads of a trace exactly the captures that it names."""
    captures = trials.method.captures
    # Beside methods that capture more, it would find more; alone it would not.
    read = frozenset[Capture]().union(*(trial.model.captures for trial in trials.all()))
    undeclared, idle = sorted(read - captures), sorted(captures - read)
    if undeclared:
        raise Breach(f"It reads {_list(undeclared)} of the trace, which its captures do not name.")
    if idle:
        raise Breach(f"It captures {_list(idle)} but never reads it, and every run pays for it.")


def true_cost(trials: Trials) -> None:
    """The passes that it is charged for are the passes that the model saw."""
    trial = trials.on()
    charged = (trial.cost.forward, trial.cost.backward)
    seen = (trial.model.forward, trial.model.backward)
    if charged != seen:
        raise Breach(
            f"The model saw {seen[0]} forward and {seen[1]} backward passes, {charged[0]} and {charged[1]} were "
            "charged; ask by case.score, case.ask, case.trace and case.path_gradients, not by case.model."
        )


def black_box(trials: Trials) -> None:
    """On a model that only answers it either works or is declined by its needs."""
    method = trials.method
    if not method.needs <= BLACK_BOX:
        return  # the harness declines the model, by its needs
    trial = trials.offered(BLACK_BOX)
    if trial.raised and trial.model.calls & trials.offered(method.needs).model.calls - BLACK_BOX:
        raise Moot  # what its needs fail to name
    if trial.raised:
        raise Breach(f"Its needs let it run on a model that only answers, but: {trial.raised}")


def blank_image(trials: Trials) -> None:
    """It copes with an image that is black throughout."""
    _specimen(trials, "a blank image")


def image_of_one_row(trials: Trials) -> None:
    """It copes with an image so long that only one row of the frame is image."""
    _specimen(trials, "an image of one row")


def upright_image(trials: Trials) -> None:
    """It copes with an image that is not square, which leaves bars in the frame."""
    _specimen(trials, "an upright image")


def sixteen_bit_image(trials: Trials) -> None:
    """It copes with an image of 16 bits whose bright marker leaves nearly nothing for the rest."""
    _specimen(trials, "a 16-bit image with a bright marker")


def uneven_grid(trials: Trials) -> None:
    """It copes with image tokens in 5 rows of 7, whose edges are fractions of a pixel."""
    _specimen(trials, "image tokens in 5 rows of 7")


def one_token(trials: Trials) -> None:
    """It copes with an answer of one token."""
    _specimen(trials, "an answer of one token")


def many_tokens(trials: Trials) -> None:
    """It copes with an answer of 60 tokens."""
    _specimen(trials, "an answer of 60 tokens")


CHECKS = (
    contract, light_import, explains, map_of_the_frame, boxes_in_the_frame, concept_and_scores, repeatable,
    own_randomness, leaves_the_image_alone, declared_needs, declared_captures, true_cost, black_box, blank_image,
    image_of_one_row, upright_image, sixteen_bit_image, uneven_grid, one_token, many_tokens,
)  # fmt: skip


def _specimen(trials: Trials, name: str) -> None:
    """Raise :class:`Breach` for what goes wrong on this specimen and does not on the plain one."""
    trial = trials.on(name)
    _raise(trial.raised)
    if not isinstance(trial.said, Attribution):
        raise Breach(f"It returns {type(trial.said).__name__}, not harness.Attribution.")
    if trial.said.saliency is None and trial.said.boxes is None:
        raise Breach("It returns neither a saliency map nor boxes.")
    for fault_of in FAULTS:
        if fault_of(trials.on()) is None:
            _raise(fault_of(trial))


def _raise(fault: str | None) -> None:
    if fault is not None:
        raise Breach(fault)


def _list(words: Sequence[str]) -> str:
    return " and ".join(words)
