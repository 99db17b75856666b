"""The floor: every method on models whose cause is certain by construction.

``python -m scripts.floor_board`` rates all methods that need no weights on four models, each of which reads the mean
brightness of one rectangle and nothing else (:class:`harness.testing.region.RegionModel`), over noise films on which
that rectangle is bright, and writes ``leaderboard/floor.md``. The rectangles are whole cells of the
8 x 8 grid of image tokens, so that no method misses for want of resolution. What claims to be faithful must reach an
average precision of 0.9 here; a method that does not, and why, is named under the table.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import ClassVar

import numpy as np
from rich.console import Console

from harness import HarnessError, Model, Registry, Sample, Source
from harness.bench.records import Record, write_records
from harness.contracts.editor import region_mask
from harness.contracts.mode import MODES
from harness.contracts.plugin import NoOptions
from harness.evaluating.loop import run
from harness.imaging.frame import FRAME_SIDE, Box
from harness.run.settings import RunSettings
from harness.testing.region import RegionModel, make_case
from leaderboard.board import make_board

CELL = FRAME_SIDE // 8
CELLS = ((1, 1, 3, 3), (5, 2, 7, 5), (2, 5, 6, 7), (4, 4, 5, 5))
RECTANGLES = [Box(*(CELL * edge for edge in edges)) for edges in CELLS]
FILMS = 6
METRIC, BAR = "average-precision", 0.9
OUT = Path("leaderboard/floor.md")
# Why a method stays below the bar, and what showed it.
WHY = {
    "rise": "64 random masks are few: with 1,024 of them the same method passes (rise@many).",
    "tam": "its filter of ranks, 3 x 3 tokens wide, smears rectangles of few tokens: without it the same method passes "
    "(tam@unfiltered).",
    "eagle": "its map gives every region the first one's heat less what the score changed since: where the first "
    "region suffices, as here, nothing changes after it and the map is even.",
    "medfocus": "it names anatomy, and these films have none.",
    "medfocus-consensus": "it names anatomy, and these films have none.",
    "prompting": "these models say yes or no and no boxes.",
    "center-prior": "a control.",
    "random": "a control.",
    "whole-image": "a control.",
    "question-prior": "a control, which this source has no fit for.",
    "body-prior": "a control, which this source has no fit for.",
}
NEEDING_MORE = {"prompting-medsam", "maps-from-files"}


class Floor(Source):
    """Noise films with a bright rectangle, a quarter of them for each model."""

    name: ClassVar[str] = "floor"

    def samples(self) -> Iterator[Sample]:
        """Six films a rectangle."""
        for index in range(FILMS * len(RECTANGLES)):
            yield Sample(self.name, index, f"floor:{index}", "a bright rectangle", (RECTANGLES[index // FILMS],))

    def image(self, sample: Sample) -> np.ndarray:
        """A little noise, and the rectangle."""
        rng = np.random.default_rng(sample.index)
        image = rng.integers(60, 80, (FRAME_SIDE, FRAME_SIDE, 1), dtype=np.uint8).repeat(3, axis=2)
        x0, y0, x1, y1 = (int(edge) for edge in sample.boxes[0])
        image[y0:y1, x0:x1] += 120
        return image


class _Reads(RegionModel):
    place: ClassVar[int]

    def __init__(self, options: NoOptions | None = None) -> None:
        super().__init__(RECTANGLES[self.place], 8, 8)


MODELS: list[type[Model]] = [
    type(f"Reads{k}", (_Reads,), {"__doc__": f"Reads rectangle {k}.", "name": f"floor-{k}", "place": k})
    for k in range(len(RECTANGLES))
]


def superpixel_ceiling() -> float:
    """What the best map of superpixels reaches: each has the share of it that lies in the rectangle."""
    from plugins.attributors.superpixels import superpixels
    from plugins.metrics.average_precision import AveragePrecision

    reached = []
    for sample in Floor().samples():
        image = Floor().image(sample)
        regions = superpixels(make_case(RegionModel(), image), 32)
        true = region_mask(image.shape, sample.boxes, "foreground")
        shares = np.bincount(regions.ravel(), true.ravel()) / np.maximum(1, np.bincount(regions.ravel()))
        reached.append(AveragePrecision().of(shares[regions].ravel(), true.ravel()))
    return float(np.mean(reached))


def main() -> None:
    """Run, print, write."""
    registry = Registry.discover()
    registry.adopt("source", Floor)
    for cls in MODELS:
        registry.adopt("model", cls)
    names = [cls.name for cls in registry.all("attributor") if cls.name not in NEEDING_MORE]
    records = [
        Record(MODELS[k // FILMS].name, Floor.name, k, "yes", mode, "Yes", "No", "Yes", "Yes")
        for mode in MODES
        for k in range(FILMS * len(RECTANGLES))
    ]
    with TemporaryDirectory() as folder:
        write_records(Path(folder) / "bench", records)
        settings = RunSettings.of(
            {
                "attributors": [*names, "rise@many", "tam@unfiltered"],
                "options": ["rise@many.masks=1024", "tam@unfiltered.filter=false"],
                "metrics": [METRIC],
                "bench": Path(folder) / "bench",
                "modes": ["direct"],
                "output": Path(folder) / "run",
                "limit": 0,
            }
        )
        run(registry, settings, Console(file=io.StringIO()))
        board = make_board([Path(folder) / "run"])
    found = {score.attributor: score.means[METRIC] for score in board.rankings[0].scores}
    ceiling = superpixel_ceiling()
    lines = [
        "# Floor: models whose cause is certain by construction",
        "",
        "Average precision of each method's map, or boxes, against the rectangle that the model reads, over "
        f"{FILMS * len(RECTANGLES)} films; the bar is {BAR}. The best map that 32 superpixels allow reaches "
        f"{ceiling:.3f}. Attention and relevance of these models follow what they read by construction; on a real "
        "model nothing says that they do. Made by `python -m scripts.floor_board`.",
        "",
        "| Method | Average precision | Where below the bar, why |",
        "| --- | ---: | --- |",
    ]
    for name, figure in sorted(found.items(), key=lambda item: (-(item[1] or 0), item[0])):
        why = "" if figure is not None and figure >= BAR else WHY.get(name.partition("@")[0], "not known")
        lines.append(f"| {name} | {'–' if figure is None else f'{figure:.3f}'} | {why} |")
    OUT.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print("\n".join(lines))


if __name__ == "__main__":
    try:
        main()
    except HarnessError as error:
        sys.exit(str(error))
