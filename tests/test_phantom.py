"""The phantom against closed forms, numeric ray integrals and its own promises of exactness."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest

from harness.contracts.editor import region_mask
from harness.contracts.source import Sample
from harness.errors import HarnessError
from harness.imaging.frame import Box
from plugins.editors.phantom import PhantomEditor
from plugins.phantom import splits
from plugins.phantom.film import film
from plugins.phantom.patient import normal_patient, sample_patient
from plugins.phantom.projection import PIXEL_MM, Projection, ellipsoid
from plugins.phantom.render import Film
from plugins.phantom.vocabulary import CONCEPTS, FINDINGS, KINDS
from plugins.sources.phantom import enumerate_samples

SEEDS = range(6_000_000, 6_000_012)


@pytest.fixture(scope="module")
def films() -> list[Film]:
    return [film(seed) for seed in SEEDS]


def test_an_ellipsoid_s_chord_is_the_integral_along_the_ray() -> None:
    x, y = np.array([0.0, 3.0, -5.0, 9.0]), np.array([0.0, 2.0, 4.0, 9.0])
    a, b, c, angle = 10.0, 7.0, 12.0, 0.4
    z = np.linspace(-13, 13, 200_001)
    k, s = np.cos(angle), np.sin(angle)
    u, v = (k * x + s * y)[:, None], (-s * x + k * y)[:, None]
    inside = (u / a) ** 2 + (v / b) ** 2 + (z / c) ** 2 <= 1
    assert ellipsoid(x, y, a, b, c, angle) == pytest.approx(inside.sum(1) * (z[1] - z[0]), abs=1e-3)


def test_a_tube_has_a_cylinder_s_chord() -> None:
    projection = Projection(replace(normal_patient(0), p={**normal_patient(0).p, "roll": 0.0, "yaw": 0.0, "pitch": 0.0,
                                              "shift_x": 0.0, "shift_y": 0.0, "size": 1.0}))  # fmt: skip
    radius, y = 9.0, np.linspace(-120, 120, 2000)
    tube = projection.tubes([np.stack([np.zeros_like(y), y, np.zeros_like(y)], 1)], radius)
    row = tube[tube.shape[0] // 2]
    x = (np.arange(len(row)) + 0.5 - len(row) / 2) * PIXEL_MM
    true = 2 * np.sqrt(np.clip(radius**2 - x**2, 0, None))
    well_inside = np.abs(x) < 0.8 * radius
    assert row[well_inside] == pytest.approx(true[well_inside], rel=0.04)
    assert row.sum() * PIXEL_MM == pytest.approx(np.pi * radius**2, rel=0.02)


def test_projection_inverts_the_view_of_a_plane() -> None:
    projection = Projection(sample_patient(3))
    for z in (-60.0, 0.0, 45.0):
        x, y = projection.plane(z)
        col, row = projection.project(np.stack([x[40, 70:80], y[40, 70:80], np.full(10, z)], 1))
        assert col == pytest.approx(np.arange(70, 80), abs=0.05)
        assert row == pytest.approx(np.full(10, 40), abs=0.05)


def test_a_seed_fixes_every_byte_and_seeds_differ() -> None:
    assert np.array_equal(Film(sample_patient(5)).render(), Film(sample_patient(5)).render())
    assert len({Film(sample_patient(seed)).render().tobytes() for seed in range(6)}) == 6


def test_without_its_findings_a_patient_is_the_normal_patient(films: list[Film]) -> None:
    for shown in films[:4]:
        bare = shown.render(frozenset(shown.findings))
        assert np.array_equal(bare, Film(normal_patient(shown.patient.seed)).render())


def test_all_kinds_occur_and_their_names_are_distinct() -> None:
    assert len(KINDS) >= 10
    assert len({finding.attribute for finding in FINDINGS}) == len(FINDINGS)
    drawn = {finding for seed in range(80) for finding in sample_patient(seed).findings}
    assert drawn == set(FINDINGS)


def test_every_concept_has_a_mask_on_the_side_of_its_name(films: list[Film]) -> None:
    for shown in films:
        masks = shown.anatomy.masks()
        assert list(masks) == list(CONCEPTS)
        for name, mask in masks.items():
            assert mask.sum() > 60, name
        for name in CONCEPTS:
            if name.startswith("left "):
                mirror = masks["right " + name.removeprefix("left ")]
                # The patient's left is on the image's right.
                assert np.nonzero(masks[name])[1].mean() > np.nonzero(mirror)[1].mean()


def test_removing_a_finding_changes_the_film_in_its_box_only(films: list[Film]) -> None:
    seen = 0
    for shown in films:
        before = shown.render().astype(int)
        for finding in shown.findings:
            change = np.abs(before - shown.render(frozenset({finding})))
            box = shown.box(finding)
            inside = region_mask(change.shape, [box], "foreground")
            assert change[inside].max() >= 12, finding
            # Blur and the film's curve leak a few grey levels at most past the box.
            assert change[~inside].max() <= 0.5 * change[inside].max(), finding
            assert change[~inside].mean() < 0.5
            seen += 1
    assert seen > 10


def test_a_finding_lies_in_the_concept_that_is_called_its_cause(films: list[Film]) -> None:
    shares = []
    for shown in films:
        masks = shown.anatomy.masks()
        for finding in shown.findings:
            rows, cols = np.nonzero(masks[finding.concept])
            box = shown.box(finding)
            x0, x1, y0, y1 = cols.min(), cols.max() + 1, rows.min(), rows.max() + 1
            both = max(0, min(x1, box.x1) - max(x0, box.x0)) * max(0, min(y1, box.y1) - max(y0, box.y0))
            shares.append(both / min(box.area, (x1 - x0) * (y1 - y0)))
    assert min(shares) > 0.2
    assert np.mean(shares) > 0.7


def _sample(seed: int) -> Sample:
    return next(iter(enumerate_samples([seed])))


def test_the_editor_is_exact_inside_and_leaves_the_rest(films: list[Film]) -> None:
    shown = next(f for f in films if len(f.findings) > 1)
    sample = _sample(shown.patient.seed)
    image = shown.image()
    inside = region_mask(image.shape, sample.boxes, "foreground")
    edited = PhantomEditor().edit(image, sample.boxes, f"No {sample.attribute}", "foreground", 0, sample)
    finding = next(f for f in shown.findings if f.attribute == sample.attribute)
    assert np.array_equal(edited[inside][:, 0], shown.render(frozenset({finding}))[inside])
    assert np.array_equal(edited[~inside], image[~inside])
    kept = PhantomEditor().edit(image, sample.boxes, "No abnormality", "background", 0, sample)
    assert np.array_equal(kept[inside], image[inside])
    assert np.array_equal(kept[~inside][:, 0], shown.render(frozenset(shown.findings))[~inside])


def test_the_editor_refuses_what_it_cannot_do() -> None:
    image, other = np.zeros((8, 8, 3), np.uint8), Sample("vindr_cxr", 0, "a.dicom", "nodule", (Box(0, 0, 1, 1),))
    with pytest.raises(HarnessError, match="phantoms only"):
        PhantomEditor().edit(image, [], "No nodule", sample=other)
    with pytest.raises(HarnessError, match="'No fun'"):
        PhantomEditor().edit(image, [], "No fun", sample=_sample(SEEDS[0]))


def test_the_splits_never_meet() -> None:
    ranges = [splits.TRAIN, splits.DEVELOP, splits.TEST, splits.POOL, splits.BENCH]
    for a, b in combinations(ranges, 2):
        assert a[-1] < b[0] or b[-1] < a[0]
