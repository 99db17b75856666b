"""Checks of an observer, on results whose truth is known."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from harness.contracts.explained import Explained
from harness.contracts.observer import Observer
from harness.run.settings import RunSettings
from harness.run.shared_case import seed_everything
from harness.testing.check import (
    Breach,
    CheckResult,
    Unfit,
    check_contract,
    demand,
    light_import,
    raised_by,
    run_checks,
    sentence,
)
from harness.testing.marked import ASTRAY, MARKS, TRUTH, content, failed, marked

_FOLDER = re.compile(r"\w[\w-]*")
_FILE = re.compile(r"[0-9a-f]{16}\.\w+")  # what a run that starts anew removes


def check_observer(observer: Observer) -> None:
    """Check an observer against the contract.

    Parameters
    ----------
    observer
        It sees a dozen results of the kit, two of which failed.

    Raises
    ------
    ConformanceError
        An ``AssertionError`` with a line for each check that fails.
    """
    demand(observer, run_observer_checks(observer))


def run_observer_checks(observer: Observer) -> list[CheckResult]:
    """How each check of ``CHECKS`` went, in order."""
    return run_checks(Observations(observer), CHECKS)


class Observations:
    """What one observer keeps of the kit's results."""

    def __init__(self, observer: Observer) -> None:
        self.plugin = self.observer = observer
        self.altered = False

    def of(self, name: str, record: int = 0) -> Any:
        """What it keeps of one of the kit's results, or raises."""
        return self.keeps(marked(name, record))

    def keeps(self, explained: Explained, global_seed: int = 0) -> Any:
        """What it keeps of a result, or raises."""
        before = content(explained)
        kept: list[Any] = []
        seed_everything(global_seed)
        error = raised_by(lambda: kept.append(self.observer.observe(explained)))
        self.altered |= content(explained) != before
        if error is not None:
            raise error
        return kept[0]


def contract(seen: Observations) -> None:
    """It has a name, a docstring, described options and a folder of a plain name, and says when it is asked for."""
    check_contract(seen.observer, Observer, "observer")
    if not _FOLDER.fullmatch(seen.observer.folder):
        raise Unfit(f"Its folder is {seen.observer.folder!r}; it must be one word, the name of a folder in the run's.")
    asked = seen.observer.asked(RunSettings())
    if not (asked is None or isinstance(asked, Mapping)):
        raise Unfit(f"Its asked() returns {type(asked).__name__}, not the options by which it takes part, or None.")


def begins(seen: Observations) -> None:
    """It hears of all the records of a run before the first result."""
    error = raised_by(lambda: seen.observer.begin([marked(TRUTH, record).record for record in (0, 1)]))
    if error is not None:
        raise Unfit(sentence(error)) from error


def keeps_bytes(seen: Observations) -> None:
    """It keeps bytes by name."""
    for name in (TRUTH, ASTRAY):
        kept = seen.of(name)
        if not isinstance(kept, Mapping):
            raise Unfit(f"It returns {type(kept).__name__}, not a mapping of names to bytes.")
        for file, data in kept.items():
            if not isinstance(file, str) or not isinstance(data, bytes):
                raise Unfit(f"It keeps {type(data).__name__} by {type(file).__name__}; it must be bytes by text.")


def plain_names(seen: Observations) -> None:
    """Its files are called by a digest, so that no text of a data set becomes a path, and they can be found again."""
    for name in (TRUTH, ASTRAY):
        for file in seen.of(name):
            if not _FILE.fullmatch(file):
                raise Breach(
                    f"It calls a file {file!r}; call it file_id(*explained.record, explained.attributor) (of "
                    "harness.contracts.observer) and an ending such as .npz: a run that starts anew removes such alone."
                )


def own_files(seen: Observations) -> None:
    """What it keeps of one result does not take the place of what it keeps of another."""
    kept: dict[str, bytes] = {}
    for record, name in enumerate((TRUTH, ASTRAY)):
        for file, data in seen.of(name, record).items():
            if kept.setdefault(file, data) != data:
                raise Breach(f"Of two records it keeps files of one name, {file!r}; one takes the place of the other.")


def repeatable(seen: Observations) -> None:
    """It keeps the same bytes of the same result, whatever the time and the state of the random generators."""
    seen.of(ASTRAY)
    first = seen.of(TRUTH)
    if seen.keeps(marked(TRUTH), global_seed=1) != first:
        raise Breach("Of the same result it keeps other bytes the next time.")


def leaves_the_result_alone(seen: Observations) -> None:
    """It does not write to the result, which other observers see after it."""
    for name in MARKS:
        raised_by(lambda name=name: seen.of(name))  # type: ignore[misc]
    if seen.altered:
        raise Breach("It writes to the result that it sees (a map, a mask, boxes or scores); work on a copy.")


def all_that_methods_say(seen: Observations) -> None:
    """It copes with boxes without a map, a map without boxes, nothing, a dozen boxes, and an upright image."""
    for name in MARKS:
        error = raised_by(lambda name=name: seen.of(name))  # type: ignore[misc]
        if error is not None:
            raise Breach(f"Of a method that marks {name}: {sentence(error)}")


def failed_result(seen: Observations) -> None:
    """It copes with a result that failed, of which there is no attribution."""
    seen.keeps(failed(marked(TRUTH).place))


def unread_image(seen: Observations) -> None:
    """It copes with a result whose image could not be read."""
    seen.keeps(failed(None))


CHECKS = (
    contract, light_import, begins, keeps_bytes, plain_names, own_files, repeatable, leaves_the_result_alone,
    all_that_methods_say, failed_result, unread_image,
)  # fmt: skip
