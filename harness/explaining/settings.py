"""The settings of explanations: the one list from which the command's flags and its files come."""

from __future__ import annotations

from pathlib import Path

from harness.imaging.upsample import Upsampling
from harness.run.settings import UPSAMPLING
from harness.settings import Names, Settings, setting


class ExplainSettings(Settings):
    """What ``harness explain`` does with images. ``--help`` shows each field as a flag, ``--config FILE.yaml`` reads
    them."""

    question: str | None = setting(
        None, "what to ask about the image, which must be given; asked as it is, with nothing added", metavar="TEXT"
    )
    model: str | None = setting(None, "model to ask: NAME, or NAME@VARIANT; none for the embedded benchmark's first")
    attributors: Names = setting(
        [], "method that explains: NAME, or NAME@VARIANT; none for the one that declares itself default"
    )
    all_attributors: bool = setting(
        False, "every method that works with the model and with what is here, except controls, side by side"
    )
    answer: str | None = setting(None, "the answer to explain; none for the model's own", metavar="TEXT")
    output: Path | None = setting(
        None,
        "the picture, or a page of all explanations where the name ends in .html, or else a folder for pictures and "
        "page; none for IMAGE-ATTRIBUTOR.png in the working folder, and for the folder `explanations` where several "
        "images or methods were given",
        metavar="FILE.png|FILE.html|DIR",
    )
    seed: int = setting(0, "fixes all randomness", ge=0)
    upsampling: Upsampling = setting("bilinear", UPSAMPLING)
    options: list[str] = setting(
        [],
        "a plugin's option; `harness plugins show NAME` lists those of one",
        metavar="NAME.FIELD=VALUE",
        short="-o",
    )
    threads: int | None = setting(None, "CPU threads to use; none for all cores", ge=1)
    cache: str | None = setting(
        None,
        "folder that keeps what the next run would compute again, as an attributor's boxes; `off` keeps nothing; none "
        "for $HARNESS_CACHE, else the user's cache folder",
        metavar="DIR",
    )
