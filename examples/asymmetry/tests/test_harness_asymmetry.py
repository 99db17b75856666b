import numpy as np
from harness_asymmetry import Asymmetry

from harness import Box
from harness.testing import RegionModel, check_attributor, make_case


def test_keeps_the_contract() -> None:
    check_attributor(Asymmetry())


def test_a_spot_on_one_side_is_hottest_there_and_across() -> None:
    image = np.full((224, 224, 3), 90, np.uint8)
    image[100:120, 40:60] = 220
    saliency = Asymmetry(Asymmetry.Options(blur=2)).attribute(make_case(RegionModel(), image)).saliency
    assert saliency is not None
    assert saliency[110, 50] == saliency[110, 223 - 50] == saliency.max() and saliency[30, 50] == 0


def test_a_symmetric_film_has_a_flat_map() -> None:
    image = np.full((224, 224, 3), 90, np.uint8)
    image[100:120, [*range(40, 60), *range(164, 184)]] = 220
    case = make_case(RegionModel(), image, content=Box(28, 0, 196, 224))
    saliency = Asymmetry().attribute(case).saliency
    assert saliency is not None and saliency.max() < 1e-9
