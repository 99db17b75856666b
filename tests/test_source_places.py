"""How hard a source is: shares of boxes against closed forms, and a guess that never saw the sample it answers for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from data_trees import write_dicom
from PIL import Image

from harness.errors import HarnessError
from harness.imaging.frame import Box
from harness.reading.image import image_size, stated_size
from harness.testing.source_places import Place, place, prior_ious, spreads


def at(image: str, attribute: str, *boxes: tuple[float, float, float, float]) -> Place:
    return Place(image, attribute, tuple(Box(*box) for box in boxes))


def test_boxes_become_shares_of_what_lies_in_the_image() -> None:
    found = place("a", "mass", [Box(-10, 50, 100, 100), Box(300, 0, 400, 9)], (200, 400))
    assert found == at("a", "mass", (0, 0.125, 0.5, 0.25))
    assert place("a", "mass", [Box(300, 0, 400, 9)], (200, 400)) is None and place("a", "mass", [], (2, 4)) is None


def test_spreads_are_of_samples() -> None:
    right = (0.5, 0.0, 1.0, 0.5)
    places = [at("a", "mass", (0, 0, 0.5, 0.5)), at("b", "mass", right, right), at("a", "heart", (0, 0, 1, 1))]
    found = spreads(places)
    assert list(found) == ["", "mass", "heart"] and [one.samples for one in found.values()] == [3, 2, 1]
    assert found["mass"].area == (0.25, 0.25, 0.25) and found["mass"].boxes == (1.5, 2)
    assert found["mass"].x == (0.5, 0.25) and found["mass"].y == (0.25, 0)
    assert spreads([]) == {}


def test_a_finding_that_is_always_in_one_place_is_guessed() -> None:
    places = [at(f"{k}", "heart", (0.25, 0.5, 0.75, 1)) for k in range(9)]
    assert prior_ious(places) == pytest.approx([1.0] * 9)


def test_the_guess_is_fitted_on_other_images() -> None:
    """In the first half of the images, by name, the finding is left; in the other right: what was fitted is wrong."""
    left, right = (0, 0.25, 0.25, 0.5), (0.75, 0.25, 1, 0.5)
    places = [at(f"{k}", "mass", left if k < 4 else right) for k in range(8)]
    draw = np.random.default_rng(0).permutation(8)
    assert prior_ious([places[k] for k in draw]) == [0.0] * 8  # in whatever order they come
    # Two samples of one image are never on both sides.
    twice = [at("a", "mass", left), at("a", "mass", left), at("b", "mass", right)]
    assert prior_ious(twice) == [0.0] * 3


def test_a_finding_on_a_single_image_is_guessed_from_the_others() -> None:
    masses = [at(f"{k}", "mass", (0.25, 0.25, 0.5, 0.75)) for k in range(4)]
    places = [at("a", "nodule", (0.25, 0.25, 0.5, 0.5)), *masses]
    assert prior_ious(places)[0] == pytest.approx(0.5)
    assert prior_ious(places[:1]) == [0.0]  # nothing to fit on


def test_many_samples_take_a_moment() -> None:
    draw = np.random.default_rng(1)
    corners = draw.uniform(0, 0.7, (1000, 2))
    places = [at(f"{k:04d}", f"finding {k % 2}", (x, y, x + 0.2, y + 0.2)) for k, (x, y) in enumerate(corners)]
    ious = prior_ious(places)
    assert 0.05 < np.mean(ious) < 0.25 and len(ious) == 1000


def test_a_file_s_head_says_its_size(tmp_path: Path) -> None:
    grey = np.zeros((30, 20), np.uint8)
    Image.fromarray(grey).save(tmp_path / "a.png")
    for path in (tmp_path / "a.png", write_dicom(tmp_path / "a.dcm", grey)):
        assert stated_size(path) == image_size(path) == (20, 30)
        path.write_bytes(path.read_bytes()[:-10] if path.suffix == ".dcm" else path.read_bytes()[:45])
        assert stated_size(path) == (20, 30)
    (tmp_path / "b.png").write_text("no picture")
    for path in (tmp_path / "b.png", tmp_path / "gone.png"):
        with pytest.raises(HarnessError, match=path.name):
            stated_size(path)
