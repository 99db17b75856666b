"""Checks of a metric, on results whose truth is known."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, SupportsFloat, get_args

import numpy as np

from harness.contracts.explained import Explained
from harness.contracts.metric import Metric, Need
from harness.contracts.model import Capability
from harness.run.shared_case import seed_everything
from harness.testing.check import (
    Breach,
    CheckResult,
    Moot,
    Unfit,
    check_contract,
    demand,
    light_import,
    raised_by,
    run_checks,
    sentence,
)
from harness.testing.marked import ASTRAY, MARKS, TRUTH, content, failed, marked
from harness.testing.watched import Watched, noting

TITLE, LEGEND = 40, 2000  # characters
# What may be lacking where a metric does not ask for it.
LACKING: dict[Need, tuple[dict[str, Any], str]] = {
    "map": ({"attribution": None}, "what the method said (explained.attribution or explained.heat)"),
    "mask": ({"mask": None}, "the true mask (explained.mask)"),
    "model": ({"case": None}, "the model (explained.case)"),
}


def check_metric(metric: Metric) -> None:
    """Check a metric against the contract.

    Parameters
    ----------
    metric
        It measures a dozen results of the kit: what a method might have marked on a film whose true box, mask and
        concept are known, and whose model's answer depends on the true box alone.

    Raises
    ------
    ConformanceError
        An ``AssertionError`` with a line for each check that fails.
    """
    demand(metric, run_metric_checks(metric))


def run_metric_checks(metric: Metric) -> list[CheckResult]:
    """How each check of ``CHECKS`` went, in order."""
    return run_checks(Measurements(metric), CHECKS)


@dataclass(frozen=True)
class Measurement:
    """What a metric made of one result. ``raised``: what it raised, as a sentence. ``applies``: as it says.

    ``altered``: it wrote to the result. ``read``, ``asked``: the needs of what it read, and what it asked of the model.
    """

    value: Any
    raised: str | None
    applies: bool
    altered: bool
    read: set[Need]
    asked: set[Capability]

    @property
    def fault(self) -> str | None:
        """What is wrong with it, as a sentence."""
        if self.raised:
            return self.raised
        if self.value is None:
            return None
        if not isinstance(self.value, SupportsFloat) or np.ndim(self.value):  # type: ignore[arg-type]
            return f"It returns {type(self.value).__name__}, not a number or None."
        number = float(self.value)
        return None if math.isfinite(number) else f"The figure is {number}; return None for no figure."


class Measurements:
    """The figures of one metric, each measured once, for all checks to look at."""

    def __init__(self, metric: Metric) -> None:
        self.plugin = self.metric = metric
        self._made: dict[tuple[Any, ...], Measurement] = {}

    def of(self, name: str, lacking: Need | None = None, global_seed: int = 0, *more: Any) -> Measurement:
        """Of one of the kit's results. ``lacking``: a part that is taken away."""
        key = (name, lacking, global_seed, *more)
        if key not in self._made:
            result = marked(name)
            self._made[key] = self._measure(replace(result, **LACKING[lacking][0]) if lacking else result, global_seed)
        return self._made[key]

    def again(self, global_seed: int = 0) -> Measurement:
        """Of the plain result once more, after another was measured."""
        self.of(ASTRAY)
        return self.of(TRUTH, None, global_seed, "again")

    def numbers(self) -> dict[str, float]:
        """The figures that are right in form, by result."""
        found = {name: self.of(name) for name in MARKS}
        return {
            name: float(figure.value)
            for name, figure in found.items()
            if figure.applies and figure.fault is None and figure.value is not None
        }

    def _measure(self, explained: Explained, global_seed: int) -> Measurement:
        read: set[Need] = set()
        before, model = content(explained), explained.case.model if explained.case else None
        seen, said = noting(explained, read), list[Any]()
        seed_everything(global_seed)
        error = raised_by(lambda: said.append(bool(self.metric.applies(seen))))
        if error is None and said[0]:
            error = raised_by(lambda: said.append(self.metric.measure(seen)))
        return Measurement(
            value=said[1] if len(said) > 1 else None,
            raised=None if error is None else sentence(error),
            applies=bool(said) and said[0],
            altered=content(explained) != before,
            read=read,
            asked=set(model.calls) if isinstance(model, Watched) else set(),
        )


def contract(measured: Measurements) -> None:
    """It has a name, a docstring, described options, a title and a legend that fit a board, and its needs exist."""
    metric, known = measured.metric, get_args(Need)
    for word, asked in (("needs", metric.needs), ("wants", metric.wants)):
        if not isinstance(asked, frozenset) or asked.difference(known):
            raise Unfit(f"Its {word} are {asked!r}; they must be a frozenset of {', '.join(known)}.")
    worst = metric.worst
    if isinstance(worst, bool) or not isinstance(worst, (int, float)) or not math.isfinite(worst):
        raise Unfit(f"Its worst is {worst!r}; what a failed result counts as must be a finite number.")
    for word in ("higher_is_better", "percent"):
        if not isinstance(getattr(metric, word), bool):
            raise Unfit(f"Its {word} is {getattr(metric, word)!r}; it must be True or False.")
    check_contract(metric, Metric, "metric")
    for word, text, most in (("title", metric.title, TITLE), ("legend", metric.legend, LEGEND)):
        if len(text) > most or not text.isprintable():
            raise Unfit(f"Its {word} must be one line of at most {most} characters; it has {len(text)}.")
    if not metric.legend.endswith(".") or "better" not in metric.legend:
        raise Breach("Its legend must be a sentence that says which way is better, as by `more is better`.")
    wrong = "less is better" if metric.higher_is_better else "more is better"
    if wrong in metric.legend:
        raise Breach(f"Its legend says that {wrong}, and higher_is_better is {metric.higher_is_better}.")


def measures(measured: Measurements) -> None:
    """It measures a plain result: a finite number, or None where the method says nothing that it could measure."""
    for name in (TRUTH, ASTRAY):
        if measured.of(name).fault:
            raise Unfit(measured.of(name).fault)
    if not measured.of(TRUTH).applies:
        raise Moot  # such as one for the findings of one data set


def repeatable(measured: Measurements) -> None:
    """The same result gets the same figure again, whatever it measured in between."""
    _applying(measured)
    if not _same(measured.again(), measured.of(TRUTH)):
        raise Breach("The same result gets another figure; draw from default_rng with a seed of your own.")


def own_randomness(measured: Measurements) -> None:
    """It does not depend on the state of the process's random generators."""
    _applying(measured)
    first = measured.again()
    if not _same(first, measured.of(TRUTH)):
        raise Moot
    if not _same(measured.again(global_seed=1), first):
        raise Breach("It draws from a global generator (random, numpy.random, torch); draw from default_rng(seed).")


def leaves_the_result_alone(measured: Measurements) -> None:
    """It does not write to the result, which other metrics and observers see after it."""
    if any(measured.of(name).altered for name in MARKS):
        raise Breach("It writes to the result that it measures (a map, a mask, boxes or scores); work on a copy.")


def declared_needs(measured: Measurements) -> None:
    """It measures from exactly what its needs name."""
    _applying(measured)
    needs, whole = measured.metric.needs, measured.of(TRUTH)
    if not _same(measured.again(), whole):
        raise Moot
    for need, (_, what) in LACKING.items():
        if need not in needs | measured.metric.wants and not _same(measured.of(TRUTH, need), whole):
            raise Breach(f"It uses {what}, which is not there for each result, so its needs must name {need!r}.")
    figures = [measured.of(name) for name in MARKS]
    beyond = sorted(set[Capability]().union(*(figure.asked for figure in figures)) - {"score"})
    if beyond:
        raise Breach(f"It asks the model to {beyond[0]}; metrics have models that score, and not all do more.")
    idle = sorted((needs & LACKING.keys()).difference(*(figure.read for figure in figures)))
    if idle:
        raise Breach(f"It needs the {idle[0]} but never reads it, so that results without have no figure for nothing.")


def asked_of_failed_results(measured: Measurements) -> None:
    """It can be asked whether it applies to a result that failed, and the truth alone decides that."""
    metric, right = measured.metric, measured.of(TRUTH).applies
    for result in (failed(marked(TRUTH).place), failed(None)):
        said: list[Any] = []
        error = raised_by(lambda result=result, said=said: said.append(metric.applies(result)))  # type: ignore[misc]
        if error is not None:
            raise Breach(f"Asked by applies() about a result that failed: {sentence(error)}")
        if not isinstance(said[0], (bool, np.bool_)):
            raise Breach(f"Its applies() returns {said[0]!r}, not True or False.")
        if said[0] != right and not (result.place is None and "mask" in metric.needs):
            raise Breach("It applies to a result or not by what the method said; failed ones would not count then.")


def boxes_alone(measured: Measurements) -> None:
    """It copes with a method that gives boxes and no map."""
    _raise(measured.of("boxes alone").fault)


def map_alone(measured: Measurements) -> None:
    """It copes with a method that gives a map, and no concept or scores."""
    _raise(measured.of("a map alone").fault)


def nothing_marked(measured: Measurements) -> None:
    """It copes with a flat map, of which come neither boxes nor a hottest point."""
    _raise(measured.of("nothing").fault)


def many_boxes(measured: Measurements) -> None:
    """It copes with a dozen boxes."""
    _raise(measured.of("twelve boxes").fault)


def whole_image(measured: Measurements) -> None:
    """It copes with a method that marks the whole image."""
    _raise(measured.of("the whole image").fault)


def upright_image(measured: Measurements) -> None:
    """It copes with an image that is not square, which leaves bars in the frame."""
    _raise(measured.of("an upright image").fault)


def unknown_concept(measured: Measurements) -> None:
    """It copes with, or does not apply to, a record whose true concept nobody knows."""
    _raise(measured.of("an unknown concept").fault)


def worst_is_the_worst(measured: Measurements) -> None:
    """No figure is worse than its worst, which a failed result counts as: failing must not pay."""
    metric, numbers = measured.metric, measured.numbers()
    if not numbers:
        raise Moot
    order = min if metric.higher_is_better else max
    name = order(numbers, key=lambda name: numbers[name])
    if order(numbers[name], metric.worst) != metric.worst:
        raise Breach(
            f"A method that marks {name} gets {numbers[name]:.6g}, which is worse than a failed result's "
            f"{metric.worst:.6g}; set worst to what nothing can be worse than."
        )


def truth_is_not_worse(measured: Measurements) -> None:
    """A method that marks the truth gets no worse a figure than one that marks something else."""
    numbers = measured.numbers()
    if TRUTH not in numbers or ASTRAY not in numbers:
        raise Moot
    better = numbers[TRUTH] >= numbers[ASTRAY]
    if numbers[TRUTH] != numbers[ASTRAY] and better != measured.metric.higher_is_better:
        raise Breach(
            f"The truth gets {numbers[TRUTH]:.6g}, something else {numbers[ASTRAY]:.6g}, and higher_is_better is "
            f"{measured.metric.higher_is_better}: so the wrong one would lead the board."
        )


CHECKS = (
    contract, light_import, measures, repeatable, own_randomness, leaves_the_result_alone, declared_needs,
    asked_of_failed_results, boxes_alone, map_alone, nothing_marked, many_boxes, whole_image, upright_image,
    unknown_concept, worst_is_the_worst, truth_is_not_worse,
)  # fmt: skip


def _applying(measured: Measurements) -> None:
    """Raise :class:`Moot` where the metric does not apply to the plain result."""
    if not measured.of(TRUTH).applies:
        raise Moot


def _same(one: Measurement, other: Measurement) -> bool:
    return (one.applies, one.raised, one.value) == (other.applies, other.raised, other.value)


def _raise(fault: str | None) -> None:
    if fault is not None:
        raise Breach(fault)
