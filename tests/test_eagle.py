"""EAGLE's search against a plain greedy loop over sets of regions."""

from __future__ import annotations

import numpy as np

from harness.contracts.case import Case
from harness.imaging.frame import Box
from harness.testing.region import SIDE, RegionModel, make_case
from plugins.attributors.eagle import Eagle, search
from plugins.attributors.superpixels import superpixels

CAUSE = Box(112, 56, 140, 112)
ANSWER = "yes it is"


def blocks() -> np.ndarray:
    """A film of 16 flat squares, which SLIC must find as they are, each of its own grey."""
    greys = np.random.default_rng(0).permutation(16) * 12 + 60
    return np.repeat(np.kron(greys.reshape(4, 4), np.ones((56, 56)))[..., None], 3, 2).astype(np.uint8)


def quarters() -> np.ndarray:
    """Six regions, 1..6, in two rows of three."""
    y, x = np.mgrid[:SIDE, :SIDE]
    return 1 + x * 3 // SIDE + 3 * (y * 2 // SIDE)


def test_search_is_greedy_over_sets() -> None:
    case = make_case(RegionModel(Box(60, 90, 180, 130)), blocks(), ANSWER)
    regions = quarters()
    order, scores = search(case, regions)

    def worth(members: set[int]) -> float:
        shown = np.isin(regions, list(members))[..., None]
        said = case.model.score([case.image * shown, case.image * ~shown], "", ANSWER)
        return float(np.exp(said[0]).mean() + 1 - np.exp(said[1]).mean())

    chosen: list[int] = []
    for place in range(6):
        rest = [k for k in range(1, 7) if k not in chosen]
        chosen.append(max(rest, key=lambda k: worth({*chosen, k})))
        np.testing.assert_allclose(scores[place], worth(set(chosen)))
    assert order.tolist() == chosen
    assert case.cost.forward == 6 * 7


def test_the_maximum_lies_on_the_cause() -> None:
    case = make_case(RegionModel(CAUSE), blocks(), ANSWER)
    saliency = Eagle(Eagle.Options(regions=16)).attribute(case).saliency
    assert saliency is not None
    hottest = saliency == saliency.max()
    assert hottest[70:98, 120:132].all() and hottest.mean() < 0.2


def test_the_padding_is_no_region() -> None:
    content = Box(0, 42, SIDE, SIDE - 42)
    case: Case = make_case(RegionModel(CAUSE), blocks(), ANSWER, content)
    regions = superpixels(case, 12)
    inside = np.zeros((SIDE, SIDE), bool)
    inside[42 : SIDE - 42] = True
    np.testing.assert_array_equal(regions > 0, inside)
    assert 6 <= len(np.unique(regions)) - 1 <= 24
    saliency = Eagle(Eagle.Options(regions=12)).attribute(case).saliency
    assert saliency is not None and (saliency[inside] > 0).all() and not saliency[~inside].any()


def test_a_blank_film_has_regions_too() -> None:
    case = make_case(RegionModel(CAUSE), np.zeros((SIDE, SIDE, 3), np.uint8), ANSWER)
    saliency = Eagle().attribute(case).saliency
    assert saliency is not None and np.isfinite(saliency).all()
