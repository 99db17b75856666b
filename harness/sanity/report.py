"""What the test found, as a file: one schema writes it, and a board reads it."""

from __future__ import annotations

import json
from pathlib import Path
from statistics import fmean
from typing import Annotated, Any, Literal

from pydantic import Field

from harness.contracts.mode import Mode
from harness.errors import HarnessError
from harness.files import read_regular, write_whole
from harness.imaging.upsample import Upsampling
from harness.run.header import PluginFacts
from harness.run.line import JournalLine
from harness.run.row import Count

_LARGEST = 256 << 20  # bytes of a report that is still read
PASS_MARK = 0.5
PASSED, NOT_PASSED = "✓", "✗"
Correlation = Annotated[float, Field(ge=-1, le=1)]


class Compared(JournalLine):
    """One method on one model's answers of one mode.

    Attributes
    ----------
    model, mode, attributor
        Whose maps of whose answers.
    correlations
        For each record the rank correlation of the map with that after all weights were shuffled.
    missing, why
        Of how many further records there was no map, before or after, and why of the first.
    cascade
        The mean correlation once the weights of this part, and of all above it, were shuffled; from the output down.
        Empty where the weights were shuffled at once alone.
    """

    model: str
    mode: Mode
    attributor: str
    correlations: list[Correlation]
    missing: Count
    why: str | None
    cascade: dict[str, Correlation]


class Report(JournalLine):
    """A whole test: on what it ran, and what it found."""

    format: Literal[1]
    harness: str | None
    torch: str | None
    transformers: str | None
    device: str
    seed: Count
    limit: Count | None
    upsampling: Upsampling
    pass_mark: Correlation
    plugins: dict[Literal["attributor", "model"], dict[str, PluginFacts]]
    compared: list[Compared]


def passes(found: list[Compared]) -> bool:
    """Whether, on each model, the mean correlation is nearer to nothing than the pass mark.

    Let a map be the sum of a part that the weights decide and one that they do not, which after shuffling is the same:
    the correlation of before and after is then the share of the map's variance that the weights do not decide. Below
    one half the model has the larger say. A control that does not read the model has 1.
    """
    models = {one.model for one in found if one.correlations}
    means = [mean([one for one in found if one.model == model]) for model in models]
    return bool(means) and all(value is not None and abs(value) < PASS_MARK for value in means)


def mean(found: list[Compared]) -> float | None:
    """The mean correlation over all their records; None where there is none."""
    values = [value for one in found for value in one.correlations]
    return fmean(values) if values else None


def write_report(report: Report, path: Path) -> None:
    """Write a report. Raises ``HarnessError`` where the file cannot be written."""
    try:
        write_whole(path, (json.dumps(report.line(), indent=1) + "\n").encode())
    except OSError as error:
        raise HarnessError(f"{path} cannot be written: {error.strerror or error}.") from error


def read_report(path: Path) -> Report:
    """Read a report. Raises ``HarnessError`` that says what is wrong with the file."""
    try:
        line: Any = json.loads(read_regular(path, _LARGEST))
        return Report.read(line)
    except OSError as error:
        raise HarnessError(f"The report {path} cannot be read: {error.strerror or error}.") from error
    except (ValueError, RecursionError) as error:
        raise HarnessError(f"{path} is no report of `harness sanity`: {error}.") from error
