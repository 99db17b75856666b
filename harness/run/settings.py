"""The settings of a run: the one list from which the command line, a file, Python and the journal's header come."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, field_validator

from harness.contracts.mode import MODES, Mode
from harness.imaging.upsample import Upsampling
from harness.run.shards import Shard
from harness.settings import Names, Settings, each_once, setting

EMBEDDED_LIMIT = 240
UPSAMPLING = "how values of image tokens and of a grid's cells become a map; bilinear is the paper's"


def _some(modes: list[Mode]) -> list[Mode]:
    if not modes:
        raise ValueError("no mode was given; the modes are direct and reasoning")
    return modes


Modes = Annotated[list[Mode], AfterValidator(_some), AfterValidator(each_once)]


class RunSettings(Settings):
    """What an evaluation does. ``harness eval --help`` shows each field as a flag, ``--config FILE.yaml`` reads them,
    and :func:`harness.evaluate` takes them by the same names.

    A flag of a list is named after one of its items, and may be repeated.
    """

    attributors: Names = setting(
        [], "method to rate: NAME, or NAME@VARIANT to rate one method again under options of its own", in_header=True
    )
    models: Names = setting(
        [], "model to explain: NAME or NAME@VARIANT; none for every model that the benchmark has records of"
    )
    modes: Modes = setting(list(MODES), "how the question is answered")
    metrics: Names = setting([], "further metric to measure, besides those that declare themselves default")
    bench: Path | None = setting(
        None,
        "folder with direct.json and reasoning.json in MedGround-Bench's format, or the name of a source that ships "
        "one; none for the embedded benchmark, which needs no data",
        metavar="DIR|SOURCE",
    )
    data_root: Path | None = setting(None, "folder that holds the sources' data sets", metavar="DIR")
    limit: int | None = setting(
        None,
        "at most so many records, evenly spread; 0 for all; none for all of a bench and "
        f"{EMBEDDED_LIMIT} of the embedded benchmark",
        ge=0,
    )
    records: Names = setting([], "explain this record alone", metavar="SOURCE:INDEX")
    seed: int = setting(0, "fixes all randomness", in_header=True, ge=0)
    upsampling: Upsampling = setting("bilinear", UPSAMPLING, in_header=True)
    noise: bool = setting(
        False,
        "explain each answer once more while the model rounds otherwise, so that rows know the noise of their maps and "
        "boards which maps are nothing else; takes twice as long",
        in_header=True,
    )
    options: list[str] = setting(
        [],
        "a plugin's option, as in occlusion.grid=8; `harness plugins show NAME` lists them",
        metavar="NAME.FIELD=VALUE",
        short="-o",
    )
    output: Path = setting(Path("harness-results"), "folder of the journal and the reports", metavar="DIR")
    fresh: bool = setting(False, "start anew, not where the last run stopped")
    dry_run: bool = setting(False, "tell what would be run, what is there already and about how long the rest takes")
    retry_failed: bool = setting(False, "explain once more what failed")
    max_failures: str | None = setting(
        None, "end the run once more results than that failed in it: a number, or a share as in 10%", metavar="N|P%"
    )
    timeout: float | None = setting(None, "a result that takes longer has failed", metavar="SECONDS", gt=0)
    gallery: int = setting(0, "keep pictures of so many records, evenly spread, for the leaderboard's HTML page", ge=0)
    keep_maps: bool = setting(
        False, "keep each result's map, boxes and scores, for `harness rescore` and for programs of yours"
    )
    observers: Names = setting([], "further observer, which keeps files of each result")
    shard: str | None = setting(
        None,
        "explain the K-th of N parts of the records alone, in a folder of its own in the output; parts can run at the "
        "same time, and `harness leaderboard` joins them",
        in_header=True,
        metavar="K/N",
    )
    executor: str | None = setting(
        None, "who does the work; none for the one that declares itself default, this process", metavar="NAME"
    )
    workers: int | None = setting(None, "how many workers the executor has; none leaves it to the executor", ge=1)
    threads: int | None = setting(None, "CPU threads to use; none for all cores", ge=1)
    cache: str | None = setting(
        None,
        "folder that keeps what the next run would compute again, as MedFocus's boxes; `off` keeps nothing; none for "
        "$HARNESS_CACHE, else the user's cache folder",
        metavar="DIR",
    )

    @field_validator("shard")
    @classmethod
    def _a_part(cls, text: str | None) -> str | None:
        return None if text is None else str(Shard.parse(text))

    @field_validator("max_failures")
    @classmethod
    def _a_number_or_share(cls, text: str | None) -> str | None:
        if text is not None and not re.fullmatch(r"\d+|\d+(\.\d+)?%", text.strip()):
            raise ValueError("it must be a number, or a share as in 10%")
        return None if text is None else text.strip()

    def failures_allowed(self, results: int) -> int | None:
        """How many of so many results may fail before the run ends; None for all."""
        if self.max_failures is None:
            return None
        if self.max_failures.endswith("%"):
            return int(results * float(self.max_failures[:-1]) / 100)
        return int(self.max_failures)

    @property
    def at_most(self) -> int | None:
        """At most how many records are explained; None for all."""
        if self.limit is None:
            return EMBEDDED_LIMIT if self.bench is None else None
        return self.limit or None
