"""The embedded source: phantom patients whose findings, boxes and causes are known exactly.

A sample is one finding on one patient's film. The list of samples ships as ``phantom_bench/samples.json`` (seeds, not
images); ``scripts/build_phantom_bench.py`` writes it, and :func:`enumerate_samples` says what it holds.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import ClassVar

import numpy as np

from harness.contracts.source import Sample, Source
from harness.errors import HarnessError
from harness.hookspecs import hookimpl
from harness.imaging.frame import Box, to_boxes
from plugins.phantom.vocabulary import FINDING

BENCH = Path(__file__).parent / "phantom_bench"


class Phantom(Source):
    """Digital chest phantoms with exact boxes and known causes; needs no data."""

    name: ClassVar[str] = "phantom"
    bench: ClassVar[Path | None] = BENCH
    editor: ClassVar[str | None] = "phantom"
    licence: ClassVar[str] = "Apache-2.0 (rendered by the harness itself; no patient is behind them)"
    redistributable: ClassVar[bool] = True

    def samples(self) -> Iterator[Sample]:
        """The listed findings, in the order of the patients' seeds."""
        for index, (image, attribute, box) in enumerate(_listed()):
            yield _sample(index, image, attribute, box)

    def image(self, sample: Sample) -> np.ndarray:
        """Render the patient's film, uint8 [height, width, 3]."""
        from plugins.phantom.film import film, patient_seed  # scipy: not needed to list the plugins

        return film(patient_seed(sample.image)).image()


def enumerate_samples(seeds: Iterable[int]) -> Iterator[Sample]:
    """Every finding that the films of these patients show, by rendering them."""
    from plugins.phantom.film import film

    index = 0
    for seed in seeds:
        shown = film(seed)
        for finding in shown.findings:
            yield _sample(index, f"phantom:{seed}", finding.attribute, shown.box(finding))
            index += 1


def _sample(index: int, image: str, attribute: str, box: Sequence[float]) -> Sample:
    return Sample("phantom", index, image, attribute, to_boxes([box]), concepts=(FINDING[attribute].concept,))


@lru_cache(maxsize=1)
def _listed() -> list[tuple[str, str, Box]]:
    path = BENCH / "samples.json"
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
        return [(str(image), str(attribute), Box(*box)) for image, attribute, box in rows]
    except (OSError, ValueError, TypeError) as error:
        raise HarnessError(f"{path} cannot be read ({error}); install the package again.") from error


@hookimpl
def sources() -> Sequence[type[Source]]:
    """The sources of this plugin."""
    return [Phantom]
