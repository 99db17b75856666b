"""The cache of edits: made once, never trusted blindly; and the two controls."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import test_build
import toys
from PIL import Image
from toys import EVIDENCE, HEIGHT, WIDTH, ToyEditor, ToySource

from harness.building.causal import Edit
from harness.building.controls import NO_ROOM, NotApplicable, elsewhere, identity_edit, place_boxes
from harness.building.edits import EditCache, png
from harness.contracts.editor import region_mask
from harness.contracts.source import Sample
from harness.imaging.frame import Box
from plugins.editors.phantom import PhantomEditor
from plugins.sources.phantom import Phantom

IMAGE = np.random.default_rng(0).integers(0, 255, (30, 40, 3), dtype=np.uint8)
SAMPLE = Sample("toy", 0, "toy:0", "mass", (Box(3, 4, 9, 11),))
EDIT = Edit(SAMPLE.boxes, "No mass", "foreground")


@pytest.fixture(autouse=True)
def reset() -> None:
    toys.registry()


def cache(folder: Path, seed: int = 0, **identity: str) -> EditCache:
    return EditCache(ToyEditor, {"name": "toy", **identity}, folder, seed)


def test_an_edit_is_made_once(tmp_path: Path) -> None:
    first, name = cache(tmp_path).get(IMAGE, EDIT, SAMPLE)
    again, same = cache(tmp_path).get(IMAGE, EDIT, SAMPLE)
    assert len(ToyEditor.prompts) == 1 and name == same
    assert (first == ToyEditor().edit(IMAGE, *EDIT)).all() and (again == first).all()
    assert first.dtype == again.dtype == np.uint8
    assert [path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.png")] == [name]


def test_an_edit_that_others_may_have_written_is_made_anew(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    if not hasattr(os, "geteuid"):
        pytest.skip("no owners here")
    _, name = cache(tmp_path).get(IMAGE, EDIT, SAMPLE)
    (tmp_path / name).chmod(0o666)
    edits = cache(tmp_path)
    edits.get(IMAGE, EDIT, SAMPLE)
    assert len(ToyEditor.prompts) == 2 and edits.mended == 1
    assert f"as others may write to {tmp_path / name}; `chmod -R go-w {tmp_path}` forbids it." in caplog.text
    edits.get(IMAGE, EDIT, SAMPLE)
    assert len(ToyEditor.prompts) == 2


def test_the_key_is_all_that_an_edit_depends_on(tmp_path: Path) -> None:
    other = IMAGE.copy()
    other[0, 0, 0] ^= 1
    base = cache(tmp_path)
    keys = [
        base.key(IMAGE, EDIT, SAMPLE),
        base.key(other, EDIT, SAMPLE),
        base.key(IMAGE.reshape(40, 30, 3), EDIT, SAMPLE),
        base.key(IMAGE, EDIT._replace(prompt="No abnormality"), SAMPLE),
        base.key(IMAGE, EDIT._replace(region="background"), SAMPLE),
        base.key(IMAGE, EDIT._replace(boxes=(Box(3, 4, 9, 12),)), SAMPLE),
        base.key(IMAGE, EDIT, Sample("toy", 0, "toy:1", "mass", SAMPLE.boxes)),
        cache(tmp_path, seed=1).key(IMAGE, EDIT, SAMPLE),
        cache(tmp_path, version="2").key(IMAGE, EDIT, SAMPLE),
    ]
    assert len(set(keys)) == len(keys)
    # Neither the place in memory nor another finding with the same boxes makes another edit.
    assert base.key(np.asfortranarray(IMAGE), EDIT, SAMPLE) == keys[0]
    assert base.key(IMAGE, EDIT, Sample("toy", 5, "toy:0", "nodule", SAMPLE.boxes)) == keys[0]


@pytest.mark.parametrize("how", ["empty", "cut", "flipped", "other", "repainted", "folder"])
def test_a_broken_file_is_made_anew(tmp_path: Path, how: str) -> None:
    right, name = cache(tmp_path).get(IMAGE, EDIT, SAMPLE)
    path = tmp_path / name
    data = bytearray(path.read_bytes())
    if how == "empty":
        path.write_bytes(b"")
    elif how == "cut":
        path.write_bytes(data[: len(data) // 2])
    elif how == "flipped":
        data[len(data) // 2] ^= 4
        path.write_bytes(data)
    elif how == "other":  # a good file under a wrong name
        _, wrong = cache(tmp_path).get(IMAGE, EDIT._replace(prompt="No air"), SAMPLE)
        (tmp_path / wrong).replace(path)
    elif how == "repainted":
        Image.fromarray(IMAGE).save(path)
    else:
        path.unlink()
        path.mkdir()
    edits = cache(tmp_path)
    if how == "folder":  # nothing that the cache made: the disk's fault
        with pytest.raises(Exception, match="cannot be written"):
            edits.get(IMAGE, EDIT, SAMPLE)
        return
    found, _ = edits.get(IMAGE, EDIT, SAMPLE)
    assert (found == right).all() and edits.mended == 1
    again = cache(tmp_path)
    assert (again.get(IMAGE, EDIT, SAMPLE)[0] == right).all() and again.mended == 0
    assert not list(tmp_path.rglob("*.part"))


@pytest.mark.parametrize("grey", [True, False])
def test_png_is_lossless(tmp_path: Path, grey: bool) -> None:
    image = np.repeat(IMAGE[..., :1], 3, axis=2) if grey else IMAGE
    (tmp_path / "a.png").write_bytes(png(image))
    with Image.open(tmp_path / "a.png") as picture:
        assert picture.mode == ("L" if grey else "RGB")
        assert (np.asarray(picture.convert("RGB")) == image).all()


def test_an_editor_that_draws_from_the_global_generator_repeats_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ToyEditor, "edit", lambda self, image, *_: np.random.permutation(image))  # noqa: NPY002
    found = []
    for name in ("a", "b"):
        np.random.rand()  # noqa: NPY002
        found.append(cache(tmp_path / name).get(IMAGE, EDIT, SAMPLE)[0])
    assert (found[0] == found[1]).all()


# --- controls


def rectangles_touch(a: Box, b: Box) -> bool:
    return a.x0 < b.x1 and b.x0 < a.x1 and a.y0 < b.y1 and b.y0 < a.y1


def test_boxes_placed_elsewhere_keep_their_sizes_and_their_distance() -> None:
    rng = np.random.default_rng(5)
    placed = 0
    for trial in range(200):
        width, height = (int(n) for n in rng.integers(20, 90, 2))
        corners = rng.uniform(-5, 80, (int(rng.integers(1, 4)), 2))
        boxes = [Box(x, y, x + w, y + h) for (x, y), (w, h) in zip(corners, rng.uniform(1, 30, (3, 2)), strict=False)]
        mask = region_mask((height, width), boxes, "foreground")
        spots = place_boxes(boxes, width, height, [trial])
        assert spots == place_boxes(boxes, width, height, [trial])
        if spots is None:
            continue
        placed += 1
        sizes = [region_mask((height, width), [box], "foreground").sum() for box in boxes]
        assert [spot.area for spot in spots] == [size for size in sizes if size]
        for k, spot in enumerate(spots):
            assert spot == spot.clip(width, height)
            assert not mask[region_mask((height, width), [spot], "foreground")].any()
            assert not any(rectangles_touch(spot, other) for other in spots[:k])
    assert 60 < placed < 200


def test_every_free_place_is_equally_likely() -> None:
    # A 10 x 4 image with a 2 x 4 box at its left edge: seven places are free.
    spots = [place_boxes([Box(0, 0, 2, 4)], 10, 4, [seed]) for seed in range(700)]
    starts = [spot[0].x0 for spot in spots if spot is not None]
    counts = np.bincount(np.array(starts, int), minlength=9)
    assert not counts[:2].any() and (counts[2:] > 60).all() and counts.sum() == 700


@pytest.mark.parametrize("boxes", [[Box(0, 0, 40, 30)], [Box(10, 0, 31, 30)], [Box(50, 50, 60, 60)], []])
def test_where_there_is_no_room_it_says_so(boxes: list[Box]) -> None:
    assert place_boxes(boxes, 40, 30, [0]) is None
    with pytest.raises(NotApplicable, match="no room"):
        elsewhere(Sample("toy", 0, "x", "mass", tuple(boxes)), 40, 30, 0)


def test_places_depend_on_seed_and_sample() -> None:
    def spot(seed: int, index: int) -> tuple[Box, ...]:
        return elsewhere(Sample("toy", index, "x", "mass", (EVIDENCE,)), WIDTH, HEIGHT, seed).boxes

    assert spot(0, 0) == spot(0, 0)
    assert len({spot(0, 0), spot(1, 0), spot(0, 1)}) == 3


def test_the_exact_editors_identity_edit_gives_the_original_back() -> None:
    source, editor = Phantom(), PhantomEditor()
    for sample in [s for s in source.samples() if s.index % 40 == 0]:
        image = source.image(sample)
        edit = identity_edit(sample, editor.follows_prompt)
        assert edit.region == "foreground" and edit.boxes == sample.boxes
        assert (editor.edit(image, *edit, 0, sample) == image).all()
        assert not (editor.edit(image, sample.boxes, f"No {sample.attribute}", "foreground", 0, sample) == image).all()


def test_controls_find_an_editor_that_removes_whatever_it_is_told(tmp_path: Path) -> None:
    """The toy editor ignores the prompt: its survivors flip under the identity edit, and none elsewhere."""
    test_build.run(tmp_path, controls=True, modes=["direct"])
    (counts,) = test_build.report(tmp_path)["controls"]
    assert counts["survived"] == 3 and counts["survived with controls"] == 0
    nothing = {"not applicable": 0, "the answer was cut off": 0, "failed": 0}
    assert counts["identity"] == {"held": 0, "flipped": 3, **nothing}
    assert counts["elsewhere"] == {"held": 3, "flipped": 0, **nothing}
    # The records know nothing of controls.
    text = (tmp_path / "direct.json").read_text()
    assert text.count("\n") == 5 and "elsewhere" not in text
    assert "| direct | toy | toy | identity | 0 | 3 | 0 | 0 |" in (tmp_path / "report.md").read_text()


def test_an_editor_that_follows_no_prompt_has_no_identity(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ToyEditor, "follows_prompt", False)
    whole = Box(0, 0, WIDTH, HEIGHT)
    samples = [Sample("toy", k, f"toy:{k}", "mass", (EVIDENCE if k else whole,)) for k in range(2)]
    monkeypatch.setattr(ToySource, "samples", lambda self: iter(samples))
    # Everything is the box: only a model that is right for the wrong reason survives, and there is no elsewhere.
    monkeypatch.setattr(toys.ToyModel, "answer", lambda self, image, _: "yes" if image.mean() > 21 else "no")
    edit = ToyEditor.edit

    def keep(self: ToyEditor, image: np.ndarray, boxes: tuple[Box, ...], *args: object) -> np.ndarray:
        if args[1] == "background":
            return image
        return edit(self, image, boxes, *args) if boxes[0] == whole else np.full_like(image, 20)  # type: ignore[arg-type]

    monkeypatch.setattr(ToyEditor, "edit", keep)
    built = test_build.run(tmp_path, controls=True, modes=["direct"])
    (counts,) = test_build.report(tmp_path)["controls"]
    assert built.survived == 2 and built.failed == 0
    assert counts["identity"]["not applicable"] == 2
    assert (counts["elsewhere"]["not applicable"], counts["elsewhere"]["flipped"]) == (1, 1)
    assert counts["survived with controls"] == 1
    assert NO_ROOM in (tmp_path / "controls.json").read_text()
