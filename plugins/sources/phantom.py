"""The embedded sources: phantom patients whose findings, boxes and causes are known exactly.

A sample is one finding on one patient's film. The lists of samples ship as ``samples.json`` (seeds, not images) beside
the records; ``scripts/build_phantom_bench.py`` writes them from what :mod:`plugins.phantom.truth` says.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from harness.contracts.source import Sample, Source, TruthKind
from harness.errors import HarnessError
from harness.hookspecs import hookimpl
from harness.imaging.frame import Box, to_boxes

BENCH = Path(__file__).parent / "phantom_bench"
PLANTED_BENCH = Path(__file__).parent / "planted_bench"


class Phantom(Source):
    """Digital chest phantoms with exact boxes, regions, signals and causes; needs no data."""

    name: ClassVar[str] = "phantom"
    default: ClassVar[bool] = True
    bench: ClassVar[Path | None] = BENCH
    editor: ClassVar[str | None] = "phantom"
    licence: ClassVar[str] = "Apache-2.0 (rendered by the harness itself; no patient is behind them)"
    redistributable: ClassVar[bool] = True

    def samples(self) -> Iterator[Sample]:
        """The listed findings, in the order of the patients' seeds."""
        assert self.bench is not None
        for index, row in enumerate(read_list(self.bench / "samples.json")):
            yield sample(self.name, index, row)

    def image(self, sample: Sample) -> np.ndarray:
        """Render the patient's film, uint8 [height, width, 3]."""
        from plugins.phantom.film import film  # scipy: not needed to list the plugins

        return film(sample.image).image()

    def mask(self, sample: Sample) -> np.ndarray | None:
        """The pixels that the finding visibly changes, bool [height, width]."""
        from plugins.phantom.film import film

        return film(sample.image).signal(sample.attribute)

    def priors(self, sample: Sample) -> dict[str, tuple[Box, ...]]:
        """The best constant box of the attribute in the film, and in the body by this film's true pose."""
        from plugins.phantom.film import film
        from plugins.phantom.priors import to_film

        fitted = read_list(BENCH / "priors.json")
        projection = film(sample.image).anatomy.projection
        question, body = fitted["question"][sample.attribute], fitted["body"][sample.attribute]
        return {"question": to_boxes([question]), "pose": (to_film(projection, body),)}


class PhantomPlanted(Phantom):
    """Phantoms on which the planted models answer by a mark and not by the lesion beside it."""

    name: ClassVar[str] = "phantom-planted"
    default: ClassVar[bool] = False
    bench: ClassVar[Path | None] = PLANTED_BENCH

    def mask(self, sample: Sample) -> np.ndarray | None:
        """The pixels of the mark, bool [height, width]."""
        from plugins.phantom.film import film
        from plugins.phantom.truth import paint

        return paint((film(sample.image).mark_boxes[sample.attribute],))


def sample(source: str, index: int, row: Mapping[str, Any]) -> Sample:
    """A row of ``samples.json`` as a sample."""
    further: tuple[TruthKind, ...] = ("region", "plausible", "others")
    return Sample(
        source, index, row["image"], row["attribute"], to_boxes(row["boxes"]), concepts=tuple(row["concepts"]),
        truths={kind: to_boxes(row[kind]) for kind in further if kind in row},
    )  # fmt: skip


@lru_cache(maxsize=4)
def read_list(path: Path) -> Any:
    """What a file of the benchmark holds."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise HarnessError(f"{path} cannot be read ({error}); install the package again.") from error


@hookimpl
def sources() -> Sequence[type[Source]]:
    """The sources of this plugin."""
    return [Phantom, PhantomPlanted]
