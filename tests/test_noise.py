"""The noise of maps: what a second explanation with another rounding tells of it, and which maps are flat."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import small_models
import toys
from evaluating import evaluate
from rich.console import Console
from rows import row

from harness.contracts.attributor import Attribution, Attributor
from harness.contracts.case import Case
from harness.hookspecs import hookimpl
from harness.imaging.frame import Box
from harness.run.noise import difference, is_flat
from harness.run.results import read_results
from harness.run.row import Row

WHOLE = Box(0, 0, toys.FRAME_SIDE, toys.FRAME_SIDE)


@pytest.mark.parametrize(
    ("ends", "noise", "flat"),
    [
        ([0.0, 1.0], 1.0, True),
        ([0.0, 1.0], 0.99, False),
        ([5.0, 5.0], 0.0, True),
        ([-2.0, 1.0], 2.0, False),
        ([1.0, 1.0000005], 0.0, True),  # the number format's noise is there in any case
        (None, 1.0, False),  # boxes are no map
    ],
)
def test_a_map_within_its_noise_is_flat(ends: list[float] | None, noise: float, flat: bool) -> None:
    assert is_flat(Row.read(row(0, "a", 0.5, map_range=ends, map_noise=noise))) == flat


def test_maps_of_nothing_but_noise_come_out_flat() -> None:
    """Two draws of one noise: the range of their difference is the square root of 2 times the range of either. A hill
    of twice the noise's range on top is no noise."""
    rng = np.random.default_rng(0)
    hill = np.zeros((8, 8))
    hill[2, 3] = 2 * 4.74  # the mean range of 64 draws of N(0, 1): tables of the studentised range
    flat = {"noise": 0, "hill": 0}
    ratios = []
    for _ in range(400):
        one, other = rng.standard_normal((2, 8, 8))
        noise = difference(one, other, Box(0, 0, 8, 8))
        ratios.append(noise / np.ptp(one))
        for name, extra in (("noise", 0 * hill), ("hill", hill)):
            ends = [float((one + extra).min()), float((one + extra).max())]
            flat[name] += is_flat(Row.read(row(0, "a", 0.5, map_range=ends, map_noise=noise)))
    assert np.mean(ratios) == pytest.approx(np.sqrt(2), rel=0.03)
    assert flat["noise"] > 380 and flat["hill"] < 20


def test_what_all_pixels_have_in_common_is_no_noise_and_neither_is_padding() -> None:
    one = np.arange(16.0).reshape(4, 4)
    other = one + 7
    other[1, 1] += 0.25
    other[:, 3] = 99
    assert difference(one, other, Box(0, 0, 3, 4)) == 0.25


@pytest.mark.parametrize("family", small_models.FAMILIES)
@pytest.mark.parametrize("kind", ["float32", "bfloat16"])
def test_rounding_by_chance_moves_a_score_as_far_as_the_format_does(family: str, kind: str) -> None:
    """The oracle is arithmetic of 53 bits: what a format loses against it is of the size that chance rounding shows."""
    case = small_models.prepared(family)
    plugin = small_models.load(family, case.folder, dtype=kind)
    exact = small_models.load(family, case.folder, dtype=kind)
    exact.model.double()
    asked = small_models.frames(6), small_models.QUESTION, small_models.ANSWER
    truth, plain = exact.score(*asked), plugin.score(*asked)
    moved = []
    for seed in (1, 2):
        with plugin.rounding(seed):
            moved.append(plugin.score(*asked) - plain)
            again = plugin.score(*asked)
        assert not np.array_equal(again - plain, moved[-1])  # chance goes on
    with plugin.rounding(1):
        assert np.array_equal(plugin.score(*asked) - plain, moved[0])  # by the seed
    assert np.array_equal(plugin.score(*asked), plain)  # nothing is left behind
    lost = np.std(plain - truth)
    assert lost / 4 < np.std(moved) < lost * 4


class Rounding(toys.ToyModel):
    """Its scores are off by chance where it rounds otherwise."""

    name: ClassVar[str] = "rounding"
    aliases: ClassVar[tuple[str, ...]] = ()
    off: ClassVar[np.random.Generator | None] = None

    def rounding(self, seed: int) -> AbstractContextManager[None]:
        return self._rounding(seed)

    @contextmanager
    def _rounding(self, seed: int) -> Iterator[None]:
        Rounding.off = np.random.default_rng(seed)
        yield
        Rounding.off = None

    def score(self, images: Sequence[np.ndarray], question: str, answer: str) -> np.ndarray:
        scores = super().score(images, question, answer)
        return scores if self.off is None else scores + self.off.uniform(-0.25, 0.25, scores.shape)


class Step(Attributor):
    """The left half of its map is the score."""

    name: ClassVar[str] = "step"

    def attribute(self, case: Case) -> Attribution:
        saliency = np.zeros(case.image.shape[:2])
        saliency[:, :112] = case.original.sum()
        return Attribution(saliency=saliency)


class Module:
    """A plugin module."""

    @hookimpl
    def attributors(self) -> Sequence[type[Attributor]]:
        return [Step]

    @hookimpl
    def models(self) -> Sequence[type[Any]]:
        return [Rounding]


def toy_rows(folder: Path, model: str, **settings: Any) -> tuple[dict[str, Row], str]:
    toys.write_records(folder / "bench", [replace(toys.record(0), model=model)])
    said = io.StringIO()
    evaluate(
        toys.registry(Module()), ["step", "good", "map"], bench=folder / "bench", output=folder / "out",
        console=Console(file=said, width=200), **settings,
    )  # fmt: skip
    return {one.attributor: one for one in read_results(folder / "out").rows}, said.getvalue()


def test_a_run_with_noise_measures_each_map_and_changes_nothing_else(tmp_path: Path) -> None:
    plain, _ = toy_rows(tmp_path / "plain", "rounding")
    noisy, _ = toy_rows(tmp_path / "noisy", "rounding", noise=True)
    assert {one.map_noise for one in plain.values()} == {None}
    assert noisy["good"].map_noise is None  # boxes have none
    assert 0 < (noisy["step"].map_noise or 0) <= 0.25 and (noisy["map"].map_noise or 0) > 0
    for name, one in noisy.items():
        assert one.model_copy(update={"map_noise": None}) == plain[name]
    again, _ = toy_rows(tmp_path / "again", "rounding", noise=True)
    assert again == noisy


def test_a_model_that_cannot_round_otherwise_says_so_once(tmp_path: Path) -> None:
    rows, said = toy_rows(tmp_path, "toy", noise=True)
    assert rows["step"].map_noise is None and rows["step"].status == "ok"
    assert said.count("toy cannot compute anything with another rounding") == 1
