"""Explaining one image: the frames, what it refuses, and the picture."""

from __future__ import annotations

import sys
from importlib.abc import MetaPathFinder
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
import toys
from PIL import Image

from harness.cli.main import main
from harness.contracts.attributor import Attribution, Attributor
from harness.contracts.case import Case
from harness.contracts.model import Capability, Model
from harness.errors import HarnessError
from harness.explaining.explain import explain_answer
from harness.explaining.explanation import Explanation
from harness.explaining.picture import wrap
from harness.imaging.frame import Box
from harness.registry import Registry
from harness.testing.region import RegionModel
from plugins.attributors.occlusion import Occlusion

QUESTION = (
    "Is there evidence of cardiomegaly in the image? Answer directly with yes or no without any explanation."
)


class Concepts(Attributor):
    """A stand-in that says everything an attributor can say."""

    name: ClassVar[str] = "concepts"

    def attribute(self, case: Case) -> Attribution:
        scores = {"heart": 1.5, "left lung": 0.2, "right lung": 0.0, "both $lungs$": 0.4}
        tokens = case.model.tokens(case.answer)
        return Attribution(
            boxes=[Box(56, 56, 112, 112)],
            concept="heart",
            concept_scores=scores,
            concept_boxes={name: Box(0, 0, 10, 10) for name in list(scores)[:3]},
            token_scores=[0.1 * k for k, _ in enumerate(tokens)],
        )


class WholeImage(Attributor):
    """A stand-in that gives up."""

    name: ClassVar[str] = "gives-up"

    def attribute(self, case: Case) -> Attribution:
        zeros = [0.0 for _ in case.model.tokens(case.answer)]
        return Attribution(
            boxes=[case.content], fallback=True, concept_scores={"heart": 0.0}, token_scores=zeros
        )


class BlackBox(RegionModel):
    """A model that can only answer."""

    name: ClassVar[str] = "black-box"
    capabilities: ClassVar[frozenset[Capability]] = frozenset({"generate"})


def picture(width: int = 300, height: int = 400) -> np.ndarray:
    return np.random.default_rng(0).integers(100, 200, (height, width, 3), dtype=np.uint8)


def explained(attributor: Attributor, answer: str | None = None, model: Model | None = None) -> Explanation:
    return explain_answer(picture(), QUESTION, model or RegionModel(), attributor, answer)


def texts(explanation: Explanation) -> str:
    fig = explanation.to_matplotlib()
    found = [*fig.texts, *(text for ax in fig.axes for text in ax.texts)]
    assert not any(text.get_parse_math() for text in found if "$" in text.get_text())
    return "\n".join(text.get_text() for text in found)


def test_boxes_come_back_in_native_pixels() -> None:
    result = explained(Concepts())
    assert result.answer == "yes" and list(result.tokens or []) == ["yes"]
    # 300 x 400 becomes 168 x 224: 28 columns of padding come first, and a frame pixel is 400/224 native.
    scale = 400 / 224
    np.testing.assert_allclose(result.boxes[0], [28 * scale, 56 * scale, 84 * scale, 112 * scale], rtol=1e-6)


def test_a_given_answer_is_explained_and_not_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(RegionModel, "answer", lambda *_: pytest.fail("asked the model"))
    result = explained(Concepts(), "no it is not")
    assert result.answer == "no it is not" and len(result.tokens or []) == 4


def test_a_fault_of_the_model_or_the_method_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> str:
        raise ModuleNotFoundError("No module named 'torch'", name="torch")

    monkeypatch.setattr(Concepts, "attribute", fail)
    with pytest.raises(HarnessError, match="attributor 'concepts' failed: it needs torch, which is not installed; `pi"):
        explained(Concepts())
    monkeypatch.setattr(RegionModel, "answer", fail)
    with pytest.raises(HarnessError, match="model 'toy-region' failed: it needs torch, which is not installed; `pip"):
        explained(WholeImage())


def test_names_the_missing_capability() -> None:
    with pytest.raises(
        HarnessError, match="'occlusion' needs score, which the model 'black-box' does not offer"
    ):
        explained(Occlusion(), model=BlackBox())


def test_draws_a_png_of_everything(tmp_path: Path) -> None:
    answer = "It costs $5 or $x_{$ \x07 \n" + "the heart is wide " * 40 + "so yes"
    result = explained(Concepts(), answer)
    result.save(tmp_path / "out.png")
    with Image.open(tmp_path / "out.png") as image:
        assert image.format == "PNG" and image.width == 1650 and image.height > 1000
    shown = texts(result)
    for text in (
        QUESTION[:40],
        "Decisive concept: heart",
        "both $lungs$",
        "1.50",
        "concepts  ·  toy-region",
        " $x_{$",
    ):
        assert text in shown
    assert "\x07" not in shown


def test_says_that_nothing_was_decisive() -> None:
    assert "No concept is decisive: whole image" in texts(explained(WholeImage()))


def test_small_scores_look_small_where_nothing_was_decisive() -> None:
    class Faint(Attributor):
        name: ClassVar[str] = "faint"

        def attribute(self, case: Case) -> Attribution:
            scores = {"heart": 0.004, "left lung": 0.0}
            return Attribution(
                boxes=[case.content], fallback=True, concept_scores=scores, token_scores=[0.004]
            )

    fig = explained(Faint()).to_matplotlib()
    bars = [patch for ax in fig.axes for patch in ax.patches if patch.get_width() == 0.004]
    assert len(bars) == 1 and bars[0].axes.get_xlim()[1] > 0.1
    assert "4.0e-03" in texts(explained(Faint()))


def test_draws_a_saliency_map_alone(tmp_path: Path) -> None:
    result = explained(Occlusion())
    result.save(tmp_path / "map.png")
    fig = result.to_matplotlib()
    assert len(fig.axes) == 1 and len(fig.axes[0].images) == 2
    assert result.tokens is None


def test_boxes_of_a_saliency_map_alone_follow_the_benchmarks_rule() -> None:
    result = explained(Occlusion())
    saliency = result.attribution.saliency
    assert saliency is not None
    # The frame's columns 28 to 196 hold the image, 300 x 400; the hottest tenth of its warm pixels is one part.
    inside = saliency[:, 28:196]
    rows, columns = np.nonzero(inside >= np.quantile(inside[inside > 0], 0.9))
    edges = np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1])
    np.testing.assert_allclose(result.boxes, [edges * 400 / 224], rtol=1e-6)
    # The region, x 32 to 64 and y 64 to 96, covers most of the cell from (28, 56), whose middle is (42, 70).
    assert edges[0] + 28 < 42 < edges[2] + 28 and edges[1] < 70 < edges[3]


@pytest.mark.parametrize("bad", [Attribution(), Attribution(saliency=np.full((224, 224), np.nan))])
def test_an_attribution_of_no_use_is_named(bad: Attribution) -> None:
    class Useless(Attributor):
        name: ClassVar[str] = "useless"

        def attribute(self, case: Case) -> Attribution:
            return bad

    with pytest.raises(HarnessError, match="The attributor 'useless' gave"):
        explained(Useless())


def test_an_unwritable_path_is_named(tmp_path: Path) -> None:
    with pytest.raises(HarnessError, match="cannot be written"):
        explained(WholeImage()).save(tmp_path / "missing" / "out.png")


def test_without_matplotlib_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    explanation = explained(WholeImage())
    for name in ("matplotlib", "harness.explaining.picture"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.setattr(sys, "meta_path", [Without("matplotlib"), *sys.meta_path])
    with pytest.raises(HarnessError, match="cannot be drawn: it needs matplotlib, which is not installed; `pip inst"):
        explanation.to_matplotlib()


class Without(MetaPathFinder):
    """As if one library were not installed."""

    def __init__(self, library: str) -> None:
        self.library = library

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        if name == self.library:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


def test_wrapping_keeps_every_character_and_the_width() -> None:
    rng = np.random.default_rng(0)
    tokens = [("x" * int(rng.integers(1, 9)) + " " * (k % 2), float(k)) for k in range(60)]
    tokens.append(("y" * 50, 0.5))
    lines = wrap(tokens, 20)
    assert all(sum(len(text) for text, _ in line) <= 20 for line in lines)
    assert "".join(text for line in lines for text, _ in line) == "".join(text for text, _ in tokens)
    assert [len(line) for line in wrap([("a\nb", 1.0), ("c", 2.0)], 20)] == [1, 2]


def test_the_command_takes_variants_and_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    registry = toys.registry()
    monkeypatch.setattr(Registry, "discover", classmethod(lambda cls: registry))
    monkeypatch.chdir(tmp_path)
    Image.fromarray(picture()).save("film.png")
    words = ["explain", "film.png", "--model", "toy", "--attributor", "good@one", "--answer", "yes: no"]
    assert main([*words, "--question", "Is it, #1?", "--write-config"]) == 0
    Path("explain.yaml").write_text(capsys.readouterr().out)
    assert main(["explain", "film.png", "--config", "explain.yaml"]) == 0
    out = capsys.readouterr().out
    assert "yes: no  (toy)" in out and "film-good@one.png" in out and Path("film-good@one.png").is_file()
    assert main(words) == 2
    assert capsys.readouterr().err == (
        "harness: The question is empty; ask something by --question TEXT, as in "
        '`harness explain IMAGE --question "Is there evidence of cardiomegaly in the image?"`.\n'
    )
    assert main([*(word.replace("good@one", "good@") for word in words), "--question", "Is it?"]) == 2
    assert "Bad variant 'good@'" in capsys.readouterr().err
