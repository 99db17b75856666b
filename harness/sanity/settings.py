"""The settings of a sanity check: the one list from which the command's flags and its files come."""

from __future__ import annotations

from pathlib import Path

from harness.contracts.mode import MODES
from harness.imaging.upsample import Upsampling
from harness.run.settings import UPSAMPLING, Modes, RunSettings
from harness.settings import Names, Settings, setting


class SanitySettings(Settings):
    """What ``harness sanity`` does. ``--help`` shows each field as a flag, ``--config FILE.yaml`` reads them."""

    attributors: Names = setting(
        [], "method to check: NAME, or NAME@VARIANT to check one method again under options of its own"
    )
    models: Names = setting(
        [], "model to shuffle: NAME or NAME@VARIANT; none for every model that the benchmark has records of"
    )
    modes: Modes = setting(list(MODES), "how the question is answered")
    bench: Path | None = setting(
        None, "folder with direct.json and reasoning.json; none for the embedded benchmark", metavar="DIR"
    )
    data_root: Path | None = setting(None, "folder that holds the sources' data sets", metavar="DIR")
    limit: int = setting(16, "at most so many records, evenly spread; 0 for all", ge=0)
    seed: int = setting(0, "fixes all randomness", ge=0)
    upsampling: Upsampling = setting("bilinear", UPSAMPLING)
    at_once: bool = setting(False, "shuffle all weights at once alone, not part by part from the output down as well")
    options: list[str] = setting(
        [],
        "a plugin's option; `harness plugins show NAME` lists those of one",
        metavar="NAME.FIELD=VALUE",
        short="-o",
    )
    output: Path = setting(
        Path("sanity.json"), "where the figures go, for `harness leaderboard --sanity`", metavar="FILE.json"
    )
    threads: int | None = setting(None, "CPU threads to use; none for all cores", ge=1)
    cache: str | None = setting(
        None,
        "folder that keeps what the next run would compute again, as an attributor's boxes; `off` keeps nothing; none "
        "for $HARNESS_CACHE, else the user's cache folder",
        metavar="DIR",
    )

    @property
    def as_run(self) -> RunSettings:
        """The run that would explain the same records."""
        shared = ("attributors", "models", "modes", "bench", "data_root", "limit", "seed", "upsampling", "options")
        return RunSettings.of({name: getattr(self, name) for name in shared})
