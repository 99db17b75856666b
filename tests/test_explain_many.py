"""Several images and methods in one call: one load, one answer an image, what fails by name, and the page of all."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import ClassVar

import browser as chrome
import numpy as np
import pytest
import toys
from browser import Browser
from PIL import Image

import harness
from harness.cli.main import main
from harness.contracts.attributor import Attribution, Attributor
from harness.contracts.case import Case
from harness.contracts.model import Answer
from harness.errors import HarnessError, NotApplicable
from harness.explaining.explain import explain_answer
from harness.explaining.explanation import CUT_OFF, NO, Explanation
from harness.explaining.images import find_images, names_of
from harness.explaining.page import Page
from harness.explaining.several import Failure
from harness.imaging.frame import Box
from harness.registry import Registry
from harness.testing.region import RegionModel

QUESTION = "Is there <b>evidence</b> of it?"
NASTY = "</style><img src=x onerror=alert(1)>"


class Said(Attributor):
    """A stand-in that warns."""

    name: ClassVar[str] = "said"

    def notes(self, sources: Collection[str]) -> list[str]:
        return ["It was set up oddly."]

    def attribute(self, case: Case) -> Attribution:
        return Attribution(boxes=[Box(56, 56, 112, 112)], concept="heart", notes=["The film seems to be mirrored."])


class Refusing(Attributor):
    """A stand-in that can say nothing on this model."""

    name: ClassVar[str] = "refusing"

    def attribute(self, case: Case) -> Attribution:
        raise NotApplicable("it has nothing to say")


class Control(Said):
    """A control."""

    name: ClassVar[str] = "control"
    control: ClassVar[bool] = True


class Unready(Said):
    """A stand-in whose weights nobody gave."""

    name: ClassVar[str] = "unready"

    def load(self) -> None:
        raise HarnessError("unready needs weights.")


class Counting(RegionModel):
    """A model that counts."""

    name: ClassVar[str] = "counting"
    loads: ClassVar[int] = 0
    asked: ClassVar[int] = 0

    def load(self) -> None:
        type(self).loads += 1

    def answer(self, image: np.ndarray, question: str) -> str:
        type(self).asked += 1
        return "no"


def film(level: int = 120) -> np.ndarray:
    return np.random.default_rng(level).integers(level, level + 60, (64, 48, 3), dtype=np.uint8)


def explained(answer: str, method: Attributor | None = None) -> Explanation:
    return explain_answer(film(), QUESTION, RegionModel(), method or Said(), answer)


def texts(explanation: Explanation) -> str:
    return "\n".join(text.get_text() for text in explanation.to_matplotlib().texts)


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> Registry:
    """The toys, and the methods above."""
    found = toys.registry()
    for cls in (Said, Refusing, Control, Unready):
        found.adopt("attributor", cls)
    found.adopt("model", Counting)
    monkeypatch.setattr(Registry, "discover", classmethod(lambda cls: found))
    Counting.loads = Counting.asked = 0
    return found


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two films, one broken, and what is no image."""
    monkeypatch.chdir(tmp_path)
    films = tmp_path / "films"
    films.mkdir()
    for name in ("b.png", "a.PNG"):
        Image.fromarray(film()).save(films / name, format="PNG")
    (films / "c.png").write_bytes(b"\x89PNG and nothing")
    (films / "notes.txt").write_text("no image")
    return films


@pytest.mark.parametrize(("answer", "no"), [("No", True), ("Yes", False), ("It is no mass. Yes.", False), ("", False)])
def test_a_no_is_not_explained_as_if_there_were_evidence(answer: str, no: bool) -> None:
    result = explained(answer or "Perhaps")
    assert result.says_no is no and (NO in result.caveats) is no
    assert result.headline == ("Hiding it unsettles the no: heart" if no else "Decisive concept: heart")
    shown = texts(result)
    assert ("The answer is no: marked are regions whose hiding made it less sure" in shown) is no
    assert result.headline in shown


def test_what_the_command_prints_is_in_the_result_and_in_the_picture() -> None:
    result = explained("Yes")
    assert result.caveats == ["The film seems to be mirrored.", "It was set up oddly."]
    assert all(caveat in texts(result) for caveat in result.caveats)
    cut = explain_answer(film(), QUESTION, RegionModel(), Said(), Answer("The heart is no", cut_off=True))
    assert cut.caveats[0] == CUT_OFF and not cut.says_no


def test_folders_and_names(folder: Path) -> None:
    assert [path.name for path in find_images([folder])] == ["a.PNG", "b.png", "c.png"]
    assert [path.name for path in find_images([folder / "b.png", folder])] == ["b.png", "a.PNG", "c.png"]
    assert names_of([Path("x/a.png"), Path("y/a.dcm"), Path("A.png"), Path("b.png")]) == ["a", "a-2", "A-3", "b"]
    (folder.parent / "none").mkdir()
    with pytest.raises(HarnessError, match=r"The folder \S*none holds no image"):
        find_images([folder.parent / "none"])


def test_a_folder_by_two_methods(folder: Path, registry: Registry, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["explain", str(folder), "--question", QUESTION, "--model", "counting"]
    assert main([*words, "--attributor", "said", "--attributor", "refusing"]) == 1
    out, err = capsys.readouterr()
    assert (Counting.loads, Counting.asked) == (1, 2)
    assert sorted(path.name for path in Path("explanations").iterdir()) == ["a-said.png", "b-said.png", "index.html"]
    assert "a, said" in out and "All on a page: explanations/index.html" in out
    assert "Not explained: a, refusing" in err and "nothing to say" in err and "Not explained: c: The image" in err
    page = Path("explanations/index.html").read_text()
    assert page.count("<article>") == 2 and "c: The image" in page and "a, refusing: " in page
    assert "<b>evidence" not in page and "&lt;b&gt;evidence" in page


def test_every_method_that_works(folder: Path, registry: Registry, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["explain", str(folder / "a.PNG"), "--question", QUESTION, "--all-attributors", "--output", "all.html"]
    main([*words, "--model", "counting"])
    out, err = capsys.readouterr()
    assert "Left out: control: a control, which explains nothing" in err
    assert "Left out: unready: unready needs weights." in err
    assert "a, said" in out and "a, answers-only" in out and "a, control" not in out
    assert Path("all.html").is_file() and not Path("explanations").exists()


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["films", "--output", "out.png"], "out.png is one picture, and there are several"),
        (["films", "--output", "films"], "The pictures would lie among the images in films"),
        (["films/a.PNG", "--output", "out.jpg"], "The picture is a PNG; give --output a name that ends in .png"),
        (["films/a.PNG", "--output", "films/a.PNG"], "The picture would replace the image films/a.PNG"),
        (["films/a.PNG", "--output", "no/out.html"], "The page cannot be written to no/out.html: the folder no does"),
        (["films/c.png"], "The image films/c.png is neither PNG, JPEG nor DICOM"),
        (["films/a.PNG", "--attributor", "unready"], "unready needs weights."),
    ],
)
def test_what_cannot_be_is_one_sentence(
    words: list[str], why: str, folder: Path, registry: Registry, capsys: pytest.CaptureFixture[str]
) -> None:
    method = [] if "--attributor" in words else ["--attributor", "said"]
    assert main(["explain", *words, *method, "--model", "counting", "--question", QUESTION]) == 2
    assert why in " ".join(capsys.readouterr().err.split())


def test_in_python(folder: Path, registry: Registry) -> None:
    about = {"model": "counting", "registry": registry}
    found = harness.explain_all([folder, film(7), folder / "b.png"], QUESTION, attributors=Said(), **about)
    assert [name for name, _ in found.named] == ["a", "b", "image-4", "b-2"]
    assert len(found) == 4 and found[0].attributor == "said" and {one.answer for one in found} == {"no"}
    assert [failure.image for failure in found.failures] == ["c"]
    found.save_page("all.html")
    assert Path("all.html").read_text().count("<article>") == 4
    every = harness.explain_all([film()], QUESTION, attributors="all", answer="yes", **about)
    assert {"said", "answers-only"} <= {one.attributor for one in every}
    assert any("control" in line for line in every.left_out)
    with pytest.raises(HarnessError, match="No image was given"):
        harness.explain_all([], QUESTION, attributors=Said, **about)
    with pytest.raises(HarnessError, match="The question is empty"):
        harness.explain_all([film()], " ", attributors=Said, **about)


def test_the_page_in_a_browser(tmp_path: Path) -> None:
    executable = chrome.find()
    if executable is None:
        pytest.skip("there is no browser")
    page = Page()
    page.add(NASTY, explained(f"{NASTY}. No."))
    page.add("second", explained("Yes"))
    page.fail(Failure("third", "said", NASTY))
    (tmp_path / "page.html").write_text(page.html(), encoding="utf-8")
    view = Browser(executable, tmp_path / "profile")
    try:
        for width in (1280, 390):
            view.resize(width, 1000)
            view.open(tmp_path / "page.html")
            assert view.run("document.documentElement.scrollWidth") <= width
            assert view.run("[...document.images].every(one => one.complete && one.naturalWidth == 400)")
        assert view.run("document.images.length") == 2 and view.run("document.querySelectorAll('h2').length") == 3
        assert NASTY in view.run("document.querySelector('h2').textContent")
        assert "no evidence" in view.run("document.querySelector('article').textContent")
        assert view.complaints == []
        assert [one for one in view.requests if not one.startswith(("file:", "data:"))] == []
    finally:
        view.close()
