"""What the vision tower made of images is used again, bit for bit, and no further than it may be."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from small_models import ANSWER, FAMILIES, QUESTION, Case, frames, prepared

OTHER = "What else?"


@pytest.fixture(params=sorted(FAMILIES))
def case(request: pytest.FixtureRequest) -> Iterator[Case]:
    found = prepared(request.param)
    found.plugin._memory.clear()
    yield found
    found.plugin._memory.clear()


def looks(case: Case, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many images the vision tower is asked for, call by call."""
    owner: Any = type(case.plugin.model.model)
    asked: list[int] = []
    given = owner.get_image_features

    def count(self: Any, *args: Any, **kwargs: Any) -> Any:
        asked.append(1)
        return given(self, *args, **kwargs)

    monkeypatch.setattr(owner, "get_image_features", count)
    return asked


def test_a_batch_is_looked_at_once_and_the_bits_are_the_same(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    plugin, images = case.plugin, frames(5)
    with plugin._memory.off():
        anew = [plugin.score(images, question, ANSWER) for question in (QUESTION, OTHER)]
    asked = looks(case, monkeypatch)
    for _ in range(2):
        for question, scores in zip((QUESTION, OTHER), anew, strict=True):
            np.testing.assert_array_equal(plugin.score(images, question, ANSWER), scores)
    np.testing.assert_array_equal(plugin.score(images, OTHER, "no"), plugin.score(images, OTHER, "no"))
    assert plugin._batch_size == 2 and len(asked) == 3
    plugin.score(images[:4], QUESTION, ANSWER)
    assert len(asked) == 3
    # Any other batch is looked at, even one of the same images: its last digits may differ.
    plugin.score(images[1:], QUESTION, ANSWER)
    assert len(asked) == 5


def test_other_pixels_are_another_batch(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    plugin, images = case.plugin, frames(2)
    asked = looks(case, monkeypatch)
    first = plugin.score(images, QUESTION, ANSWER)
    changed = [images[0], images[1].copy()]
    changed[1][:, ::2] = 255 - changed[1][:, ::2]
    assert (plugin.score(changed, QUESTION, ANSWER) != first)[1].any() and len(asked) == 2


def test_shuffled_weights_and_rounding_see_anew(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    plugin, images = case.plugin, frames(2)
    first = plugin.score(images, QUESTION, ANSWER)
    asked = looks(case, monkeypatch)
    with plugin.rounding(1):
        plugin.score(images, QUESTION, ANSWER)
    assert len(asked) == 1
    np.testing.assert_array_equal(plugin.score(images, QUESTION, ANSWER), first)
    assert len(asked) == 1
    before = {name: value.clone() for name, value in plugin.model.state_dict().items()}
    try:
        plugin.shuffle(plugin.parts()[-2], 0)
        assert (plugin.score(images, QUESTION, ANSWER) != first).any() and len(asked) == 2
    finally:
        plugin.model.load_state_dict(before)


def test_it_keeps_no_more_than_it_may(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    plugin, memory = case.plugin, case.plugin._memory
    batches = [frames(2, seed=seed) for seed in range(4)]
    plugin.score(batches[0], QUESTION, ANSWER)
    (seen, size), = memory._kept.values()
    tokens, width = len(plugin.image_grid(batches[0][0])), plugin.model.config.text_config.hidden_size
    assert size == 2 * tokens * width * 4 and not len(seen.inputs["pixel_values"])
    monkeypatch.setattr(memory, "_most", 2 * size)
    asked = looks(case, monkeypatch)
    for batch in (*batches, batches[3], batches[2], batches[0]):
        plugin.score(batch, QUESTION, ANSWER)
    assert len(memory._kept) == 2 and len(asked) == 4  # the first was there, and had to be looked at again
    monkeypatch.setattr(memory, "_most", size - 1)
    plugin.score(batches[1], QUESTION, ANSWER)
    assert not memory._kept


def test_a_pass_that_fails_leaves_nothing_behind(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    plugin, images = case.plugin, frames(2)
    monkeypatch.setattr(plugin, "_logprobs", lambda *_: (_ for _ in ()).throw(ValueError("no")))
    with pytest.raises(ValueError, match="no"):
        plugin.score(images, QUESTION, ANSWER)
    assert not plugin._memory._kept and "get_image_features" not in vars(plugin.model.model)
    monkeypatch.undo()
    assert torch.is_tensor(plugin._logprobs(plugin._inputs(images, plugin._prompt(images[0], QUESTION), [1]), [1]))
