"""The settings of a build: the one list from which the command line, a file, Python and the journal's header come."""

from __future__ import annotations

from pathlib import Path

from pydantic import field_validator

from harness.contracts.mode import MODES
from harness.run.settings import Modes
from harness.settings import Names, Settings, setting


class BuildSettings(Settings):
    """What a build does. ``harness build --help`` shows each field as a flag, ``--config FILE.yaml`` reads them, and
    :func:`harness.build` takes them by the same names.

    A flag of a list is named after one of its items, and may be repeated.
    """

    models: Names = setting([], "model to ask; none for those of the benchmarks that the sources ship")
    sources: Names = setting(
        [],
        "where samples come from; none for all that the data root can serve, or, without one, those that need no data",
    )
    editor: str | None = setting(None, "what edits the images; none for the one that each source prefers")
    data_root: Path | None = setting(None, "folder that holds the sources' data sets", metavar="DIR")
    seed: int = setting(0, "fixes all randomness", in_header=True, ge=0)
    limit: int | None = setting(None, "at most so many samples, evenly spread; none or 0 for all", in_header=True, ge=0)
    modes: Modes = setting(list(MODES), "how the question is answered", in_header=True)
    controls: bool = setting(
        False, "also ask whether survivors flip under an edit that changes nothing, and under one elsewhere"
    )
    images: bool = setting(
        False, "embed the survivors' images in the Parquet files; never pass those of credentialed sources on"
    )
    options: list[str] = setting(
        [],
        "a plugin's option; `harness plugins show NAME` lists those of one",
        metavar="NAME.FIELD=VALUE",
        short="-o",
    )
    output: Path = setting(Path("harness-bench"), "where the benchmark goes", metavar="DIR")
    edits: Path | None = setting(
        None,
        "folder of edited images, which builds of yours may share; none for work/edits in the output",
        metavar="DIR",
    )
    fresh: bool = setting(False, "start anew, not where the last build stopped; edits are kept")
    threads: int | None = setting(None, "CPU threads to use; none for all cores", ge=1)

    @field_validator("limit")
    @classmethod
    def _all(cls, limit: int | None) -> int | None:
        return limit or None
