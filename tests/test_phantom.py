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
from harness.imaging.overlap import overlap
from harness.testing.constant_box import best_box
from plugins.editors.phantom import PhantomEditor
from plugins.phantom import splits
from plugins.phantom.film import film
from plugins.phantom.kinds import ATTRIBUTES, KINDS
from plugins.phantom.marks import MARKS
from plugins.phantom.population import healthy, person
from plugins.phantom.priors import FILM, to_body, to_film
from plugins.phantom.projection import HEIGHT, PIXEL_MM, WIDTH, Projection, ellipsoid
from plugins.phantom.radiograph import VISIBLE, Radiograph
from plugins.phantom.truth import Truth, paint
from plugins.phantom.vocabulary import CONCEPTS

SEEDS = range(16_000_015, 16_000_027)


@pytest.fixture(scope="module")
def films() -> list[Radiograph]:
    return [Radiograph(person(seed)) for seed in SEEDS]


@pytest.fixture(scope="module")
def truths(films: list[Radiograph]) -> list[Truth]:
    return [Truth(shown) for shown in films]


def test_an_ellipsoid_s_chord_is_the_integral_along_the_ray() -> None:
    x, y = np.array([0.0, 3.0, -5.0, 9.0]), np.array([0.0, 2.0, 4.0, 9.0])
    a, b, c, angle = 10.0, 7.0, 12.0, 0.4
    z = np.linspace(-13, 13, 200_001)
    k, s = np.cos(angle), np.sin(angle)
    u, v = (k * x + s * y)[:, None], (-s * x + k * y)[:, None]
    inside = (u / a) ** 2 + (v / b) ** 2 + (z / c) ** 2 <= 1
    assert ellipsoid(x, y, a, b, c, angle) == pytest.approx(inside.sum(1) * (z[1] - z[0]), abs=1e-3)


def test_a_tube_has_a_cylinder_s_chord() -> None:
    straight = {"roll": 0.0, "yaw": 0.0, "pitch": 0.0, "shift_x": 0.0, "shift_y": 0.0, "size": 1.0}
    projection = Projection(replace(healthy(0), p={**healthy(0).p, **straight}))
    radius, y = 9.0, np.linspace(-120, 120, 2000)
    tube = projection.tubes([np.stack([np.zeros_like(y), y, np.zeros_like(y)], 1)], radius)
    row = tube[tube.shape[0] // 2]
    x = (np.arange(len(row)) + 0.5 - len(row) / 2) * PIXEL_MM
    true = 2 * np.sqrt(np.clip(radius**2 - x**2, 0, None))
    well_inside = np.abs(x) < 0.8 * radius
    assert row[well_inside] == pytest.approx(true[well_inside], rel=0.04)
    assert row.sum() * PIXEL_MM == pytest.approx(np.pi * radius**2, rel=0.02)


def test_projection_inverts_the_view_of_a_plane() -> None:
    projection = Projection(person(3))
    for z in (-60.0, 0.0, 45.0):
        x, y = projection.plane(z)
        col, row = projection.project(np.stack([x[40, 70:80], y[40, 70:80], np.full(10, z)], 1))
        assert col == pytest.approx(np.arange(70, 80), abs=0.05)
        assert row == pytest.approx(np.full(10, 40), abs=0.05)


def test_a_seed_fixes_every_byte_and_seeds_differ() -> None:
    assert np.array_equal(Radiograph(person(5)).render(), Radiograph(person(5)).render())
    assert len({Radiograph(person(seed)).render().tobytes() for seed in range(5)}) == 5


def test_without_its_findings_a_patient_is_the_healthy_patient(films: list[Radiograph]) -> None:
    for shown in films[:4]:
        bare = shown.render(frozenset(shown.findings))
        assert np.array_equal(bare, Radiograph(healthy(shown.patient.seed)).render())


def test_most_kinds_can_lie_anywhere_and_all_occur() -> None:
    assert len(KINDS) >= 12 and sum(kind.anywhere for kind in KINDS) > len(KINDS) / 2
    assert {kind for seed in range(60) for kind in person(seed).kinds} == set(ATTRIBUTES)


def test_every_concept_has_a_mask_on_the_side_of_its_name(films: list[Radiograph]) -> None:
    for shown in films[:6]:
        masks = shown.anatomy.masks()
        assert list(masks) == list(CONCEPTS)
        for name in CONCEPTS:
            assert masks[name].sum() > 30, name
            if name.startswith("left "):
                mirror = masks["right " + name.removeprefix("left ")]
                # The patient's left is on the image's right.
                assert np.nonzero(masks[name])[1].mean() > np.nonzero(mirror)[1].mean()


def test_removing_a_finding_changes_the_film_where_it_is_and_nowhere_else(
    films: list[Radiograph], truths: list[Truth]
) -> None:
    seen = 0
    for shown, truth in zip(films, truths, strict=True):
        before = shown.render().astype(int)
        for kind in shown.findings:
            change = np.abs(before - shown.render(frozenset({kind})))
            signal = shown.signal(kind)
            assert change[signal].max() >= 8, kind
            # The film's wide processing leaks a few grey levels at most.
            assert change[~signal].mean() < 0.6
            boxes = truth.boxes(kind)
            assert 1 <= len(boxes) <= 3
            if not shown.drawn[kind].missed:
                assert (signal & ~paint(boxes)).sum() <= 0.02 * signal.sum(), kind
            seen += 1
    assert seen > 15


def test_a_finding_that_the_plate_cuts_or_that_is_too_faint_is_on_no_film(films: list[Radiograph]) -> None:
    for shown in films:
        for finding in shown.drawn.values():
            whole = np.abs(finding.whole)
            ring = np.concatenate([whole[0], whole[-1], whole[:, 0], whole[:, -1]])
            assert (ring > VISIBLE).sum() < np.sqrt((whole > VISIBLE).sum())


def test_concepts_hold_nine_tenths_of_the_signal_or_most_of_it(films: list[Radiograph], truths: list[Truth]) -> None:
    found = 0
    for shown, truth in zip(films, truths, strict=True):
        for kind in shown.findings:
            signal = np.abs(shown.drawn[kind].whole)
            for name in truth.acceptable(kind):
                parts = [truth.concepts[name]] if name in truth.concepts else None
                if parts:
                    found += 1
                    assert signal[paint(tuple(parts))].sum() >= 0.5 * signal.sum()
    assert found > 10


def test_an_enlarged_organ_is_its_own_region(truths: list[Truth]) -> None:
    grown = [truth for truth in truths if "cardiomegaly" in truth.film.drawn]
    assert grown
    for truth in grown:
        assert truth.acceptable("cardiomegaly")[0] == "cardiac silhouette"
        assert overlap(truth.boxes("cardiomegaly"), truth.regions("cardiomegaly")).iou > 0.9


# -- planted causes ----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("kind", MARKS)
def test_a_mark_is_large_enough_and_lies_where_no_lesion_is(kind: str) -> None:
    for seed in SEEDS[:4]:
        shown = film(f"planted:{seed}:{kind}")
        box = shown.mark_boxes[kind]
        assert box.area >= 0.015 * HEIGHT * WIDTH
        if kind in shown.drawn:
            assert not (paint((box,)) & shown.signal(kind)).any() or MARKS[kind] == "plate"
        change = np.abs(shown.render().astype(int) - Radiograph(shown.patient).render())
        assert change[paint((box,))].max() > 60 and not change[~paint((box,))].any()


def test_the_letter_lies_in_the_lung_that_the_lesion_is_not_in() -> None:
    for seed in SEEDS:
        shown = film(f"planted:{seed}:cavitary lesion")
        if "cavitary lesion" in shown.drawn:
            box, x = shown.mark_boxes["cavitary lesion"], shown.anatomy.x
            row, col = int((box.y0 + box.y1) / 2), int((box.x0 + box.x1) / 2)
            assert np.sign(x[row, col]) != np.sign(x[shown.signal("cavitary lesion")].mean())


# -- priors ------------------------------------------------------------------------------------------------------------
def test_a_box_of_the_body_comes_back_to_the_film(films: list[Radiograph]) -> None:
    for shown in films:
        projection, box = shown.anatomy.projection, Box(90, 120, 150, 170)
        assert to_film(projection, to_body(projection, box)) == pytest.approx(box, abs=1.6)


def test_the_best_constant_box_is_the_best_of_all() -> None:
    draws = np.random.default_rng(1)
    truths = []
    for _ in range(40):
        x, y = draws.uniform(60, 120, 2)
        truths.append([(x, y, x + draws.uniform(60, 90), y + draws.uniform(50, 80))])
    found = best_box(truths, FILM, cells=16)

    def mean_iou(box: tuple[float, ...]) -> float:
        return float(np.mean([overlap([Box(*box)], [Box(*t) for t in some]).iou for some in truths]))

    wide, high = WIDTH / 16, HEIGHT / 16
    edges = [(c * wide, r * high) for c in range(17) for r in range(17)]
    every = [(x0, y0, x1, y1) for x0, y0 in edges for x1, y1 in edges if x1 > x0 and y1 > y0 and x1 - x0 < 9 * wide]
    some = [box for box in every if box[0] < 140 < box[2] and box[1] < 130 < box[3]]
    assert mean_iou(found) >= max(map(mean_iou, some[::7])) - 0.03  # the grid's own coarseness


# -- the editor --------------------------------------------------------------------------------------------------------
def _sample(image: str, kind: str) -> Sample:
    return Sample("phantom", 0, image, kind, Truth(film(image)).boxes(kind))


def test_the_editor_is_exact_inside_and_leaves_the_rest() -> None:
    image = next(name for seed in SEEDS if len(film(name := f"phantom:{seed}").findings) > 1)
    shown = film(image)
    kind = shown.findings[0]
    sample, pixels = _sample(image, kind), shown.image()
    inside = region_mask(pixels.shape, sample.boxes, "foreground")
    edited = PhantomEditor().edit(pixels, sample.boxes, f"No {kind}", "foreground", 0, sample)
    assert np.array_equal(edited[inside][:, 0], shown.render(frozenset({kind}))[inside])
    assert np.array_equal(edited[~inside], pixels[~inside])
    kept = PhantomEditor().edit(pixels, sample.boxes, "No abnormality", "background", 0, sample)
    assert np.array_equal(kept[inside], pixels[inside])
    assert np.array_equal(kept[~inside][:, 0], shown.render(frozenset(shown.findings))[~inside])


def test_the_editor_takes_the_mark_away_inside_and_the_lesion_outside() -> None:
    image = next(name for seed in SEEDS if "lung mass" in film(name := f"planted:{seed}:lung mass").drawn)
    shown, pixels = film(image), film(image).image()
    box = shown.mark_boxes["lung mass"]
    sample = Sample("phantom-planted", 0, image, "lung mass", (box,))
    gone = PhantomEditor().edit(pixels, [box], "No lung mass", "foreground", 0, sample)
    lesion = shown.signal("lung mass") & ~paint((box,))
    assert np.array_equal(gone[lesion], pixels[lesion]) and (gone != pixels)[paint((box,))].any()
    kept = PhantomEditor().edit(pixels, [box], "No lung mass", "background", 0, sample)
    assert np.array_equal(kept[paint((box,))], pixels[paint((box,))]) and (kept != pixels)[lesion].any()


def test_the_editor_refuses_what_it_cannot_do() -> None:
    image, other = np.zeros((8, 8, 3), np.uint8), Sample("vindr_cxr", 0, "a.dicom", "nodule", (Box(0, 0, 1, 1),))
    with pytest.raises(HarnessError, match="phantoms only"):
        PhantomEditor().edit(image, [], "No nodule", sample=other)
    name = f"phantom:{SEEDS[0]}"
    with pytest.raises(HarnessError, match="'No fun'"):
        PhantomEditor().edit(image, [], "No fun", sample=Sample("phantom", 0, name, "lung mass", ()))
    with pytest.raises(HarnessError, match="phantom:SEED"):
        film("phantom:x")


def test_the_splits_never_meet() -> None:
    ranges = [splits.TRAIN, splits.DEVELOP, splits.TEST, splits.POOL, splits.BENCH]
    for a, b in combinations(ranges, 2):
        assert a[-1] < b[0] or b[-1] < a[0]
