"""The page: text is text, nothing is fetched, private images stay private, and a browser shows and sorts it."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from itertools import combinations
from pathlib import Path
from typing import Any, ClassVar

import browser as chrome
import numpy as np
import pytest
import toys
from browser import Browser
from PIL import Image
from rows import header, journal, row

from harness.contracts.observer import file_id
from harness.contracts.source import Source
from harness.markup import el, join, verbatim
from harness.registry import Registry
from harness.run.row import KEY
from harness.text import plain
from leaderboard.board import Board, make_board
from leaderboard.render.gallery_observer import FOLDER
from leaderboard.render.html import page
from leaderboard.render.html.gallery_reader import MOST, read_gallery
from leaderboard.render.html.plots import BOTTOM, LABEL, NEAR, TALL, spread_labels


class Shared(toys.ToySource):
    """A source that is free to share."""

    name: ClassVar[str] = "s"
    redistributable: ClassVar[bool] = True


class Private(Shared):
    """One that is not."""

    redistributable: ClassVar[bool] = False


def knowing(*sources: type[Source]) -> Registry:
    """Where these sources are installed."""
    registry = Registry()
    for source in sources:
        registry.adopt("source", source)
    return registry


SHARED = knowing(Shared)
NASTY = "</script><img src=x onerror=alert(1)>\"'&<b>\u202e"
HERE = Path(page.__file__).parent


def board_folder(
    folder: Path,
    names: list[str],
    count: int = 3,
    text: str = "finding",
    noise: bool = False,
) -> Path:
    """A run with a gallery of all its records."""
    random = np.random.default_rng(0)
    rows = []
    for index in range(count):
        for place, name in enumerate(names):
            iou = round(float(random.uniform(0, 1 / (place + 1))), 3)
            about: dict[str, Any] = {
                "image": f"image {index}", "attribute": f"{text} {index % 2}", "answer": f"Yes {text}",
                "size": [448, 448], "truth": [[100.0, 100.0, 200.0, 220.0]], "boxes": [[90.0, 90.0, 180.0, 260.0]],
                "peak": [150.0, 160.0] if place else None, "token_scores": None if place else [0.5, 0.0],
                "concept": None if place else text, "concept_scores": None if place else {text: 1.0, "other": 0.2},
            }  # fmt: skip
            rows.append(row(index, name, iou, text, **about, forward=4**place))
    journal(folder, header(names, {text: count}), rows)
    pictures = folder / FOLDER
    pictures.mkdir()
    for one in rows:
        key = [one[part] for part in KEY]
        record = pictures / file_id(*key[:4])
        # What a folder says of its own source counts for nothing.
        facts = {"redistributable": True, "tokens": ["Yes", f" {text}"]}
        record.with_suffix(".json").write_text(json.dumps(facts))
        grey = random.integers(0, 256, (224, 224) if noise else (8, 8), np.uint8)
        whole = Image.fromarray(grey).resize((224, 224), Image.Resampling.NEAREST)
        whole.save(record.with_suffix(".png"))
        if key[-1] != names[0] or noise:
            whole.save(pictures / f"{file_id(*key)}.png")
    return folder


def render(board: Board, private: bool = False) -> str:
    """The page where the source is free to share."""
    return page.render(board, private, SHARED)


class Reader(HTMLParser):
    """Elements with their attributes, and the text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def test_markup() -> None:
    assert el("a", "<x>", el("b", 'y"'), None, class_='"><', hidden=True, id=None) == (
        '<a class="&quot;&gt;&lt;" hidden>&lt;x&gt;<b>y&quot;</b></a>'
    )
    assert join("a\x1b\n b", el("br")) == "a b<br>" and verbatim(" <\n\u202e") == " &lt;\n"


def test_text_of_others_is_text(tmp_path: Path) -> None:
    document = render(make_board([board_folder(tmp_path / "run", [NASTY, "b"], text=NASTY)]))
    read = Reader(document)
    assert not read.open
    tags = [tag for tag, _ in read.elements]
    assert "img" not in tags and tags.count("script") == tags.count("style") == 1
    assert not any(name.startswith("on") or name == "style" for _, about in read.elements for name in about)
    assert "\u202e" not in document
    shown = "".join(read.words)
    assert shown.count("<img src=x onerror=alert(1)>") > 20  # and yet all of it can be read


def test_nothing_is_fetched(tmp_path: Path) -> None:
    document = render(make_board([board_folder(tmp_path / "run", ["a", "b"])]))
    for tag, about in Reader(document).elements:
        assert tag not in ("link", "iframe", "object", "embed", "base", "form")
        for name in ("src", "href", "xlink:href", "data", "srcset", "action"):
            assert (about.get(name) or "#").startswith(("#", "data:image/png;base64,"))
    for name in ("page.css", "page.js"):
        text = (HERE / name).read_text()
        assert not re.search(r"https?:|//\w|@import|url\(|fetch|XMLHttp|eval|innerHTML", text)


def test_the_policy_allows_our_own_style_and_script_alone(tmp_path: Path) -> None:
    document = render(make_board([board_folder(tmp_path / "run", ["a"])]))
    policy = next(about["content"] for tag, about in Reader(document).elements if "http-equiv" in about)
    assert policy and policy.startswith("default-src 'none'; img-src data:;") and "unsafe" not in policy
    for kind in ("style", "script"):
        inside = re.search(f"<{kind}>(.*?)</{kind}>", document, re.DOTALL)
        assert inside
        digest = base64.b64encode(hashlib.sha256(inside[1].encode()).digest()).decode()
        assert f"{kind}-src 'sha256-{digest}'" in policy


@pytest.mark.parametrize("known", [knowing(Private), knowing()], ids=["not free to share", "not installed"])
def test_private_images_stay_out(tmp_path: Path, known: Registry) -> None:
    """Whatever the folder says: a stranger's would publish the maps that lie in another one."""
    own, theirs = (board_folder(tmp_path / name, ["a", "b"]) for name in ("own", "theirs"))
    for path in (theirs / FOLDER).glob("*.png"):
        path.unlink()
    for path in (own / FOLDER).glob("*.json"):
        path.unlink()
    board = make_board([own, theirs])
    document = page.render(board, registry=known)
    assert "data:image" not in document and "not declared free to share: s." in document
    assert read_gallery(board, registry=known) == ([], ["s"])
    private = page.render(make_board([board_folder(tmp_path / "run", ["a", "b"])]), True, known)
    assert "data:image" in private and page.PRIVATE in private


def test_a_link_in_a_gallery_leads_nowhere(tmp_path: Path) -> None:
    folder = board_folder(tmp_path / "run", ["a", "b"], count=1)
    for path in list((folder / FOLDER).glob("*.png")):
        path.rename(tmp_path / path.name)
        path.symlink_to(tmp_path / path.name)
    assert read_gallery(make_board([folder]), registry=SHARED)[0] == []
    for path in list((folder / FOLDER).glob("*.png")):
        path.unlink()
        os.mkfifo(path)
    assert read_gallery(make_board([folder]), registry=SHARED)[0] == []  # and does not wait


def test_broken_pictures_are_left_out(tmp_path: Path) -> None:
    folder = board_folder(tmp_path / "run", ["a", "b"], count=2)
    one, two = sorted({file_id("s", index, "finding", "direct") for index in range(2)})
    (folder / FOLDER / f"{one}.png").write_bytes(b"no picture")
    for path in (folder / FOLDER).glob("*.png"):
        if path.stem not in (one, two):
            Image.new("L", (5000, 10)).save(path)  # maps of a wrong size
    (record,) = read_gallery(make_board([folder]), registry=SHARED)[0]
    assert record.maps == {} and len(record.rows) == 2


def test_a_page_of_many_noisy_maps_stays_small(tmp_path: Path) -> None:
    names = [f"method {k}" for k in range(12)]
    board = make_board([board_folder(tmp_path / "run", names, count=MOST + 3, noise=True)])
    shown, _ = read_gallery(board, registry=SHARED)
    assert len(shown) == MOST and all(len(record.maps) == 12 for record in shown)
    assert len(render(board)) < 5_000_000


def test_the_same_board_gives_the_same_page(tmp_path: Path) -> None:
    folder = board_folder(tmp_path / "run", ["a", "b"])
    assert render(make_board([folder])) == render(make_board([folder]))


def test_labels_of_a_plot_do_not_cover_each_other() -> None:
    random = np.random.default_rng(0)
    for _ in range(50):
        points = [(float(x), float(y)) for x, y in random.uniform((9, 12), (97, TALL - BOTTOM), (12, 2))]
        points += points[:2] + [(10.0, float(TALL - BOTTOM))] * 3
        heights = spread_labels(points)
        assert max(heights) <= TALL - BOTTOM
        for (one, y), (other, z) in combinations(list(zip((x for x, _ in points), heights, strict=True)), 2):
            assert abs(one - other) >= NEAR or abs(y - z) >= LABEL - 1e-9
    assert spread_labels([(50.0, 100.0), (51.0, 200.0)]) == [100, 200]  # none moves without need


def _luminance(colour: np.ndarray) -> float:
    linear = np.where(colour <= 0.04045, colour / 12.92, ((colour + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def _contrast(one: np.ndarray, other: np.ndarray) -> float:
    low, high = sorted((_luminance(one), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_text_can_be_read(scheme: int) -> None:
    """WCAG AA: 4.5 to 1, on paper, panels and the hottest colour."""
    block = re.findall(r":root \{(.*?)\}", (HERE / "page.css").read_text(), re.DOTALL)[scheme]
    named = dict(re.findall(r"--([a-z]+): ([^;]+);", block))
    colour = {
        name: np.array([int(value[k : k + 2], 16) / 255 for k in (1, 3, 5)])
        for name, value in named.items()
        if value.startswith("#")
    }
    heat, top = np.array([int(part) for part in named["heat"].split()]) / 255, float(named["top"])
    backgrounds = [colour["paper"], colour["panel"]]
    for ink in ("ink", "muted", "accent"):
        assert all(_contrast(colour[ink], paper) >= 4.5 for paper in backgrounds), ink
    for paper in backgrounds:
        assert _contrast(colour["ink"], top * heat + (1 - top) * paper) >= 4.5


@pytest.fixture
def window(tmp_path: Path) -> Iterator[Browser]:
    executable = chrome.find()
    if executable is None:
        pytest.skip("no Chromium or Chrome is installed")
    browser = Browser(executable, tmp_path / "profile")
    yield browser
    browser.close()


def test_in_a_browser(tmp_path: Path, window: Browser) -> None:
    file = tmp_path / "board.html"
    file.write_text(render(make_board([board_folder(tmp_path / "run", ["a", "b", NASTY], 6)])), encoding="utf-8")
    window.open(file)
    names = "[...document.querySelectorAll('table.ranking tbody th')].map(cell => cell.dataset.value)"
    ranked = window.run(names)
    assert len(ranked) == 3

    heads = window.run("[...document.querySelectorAll('table.ranking th button')].map(b => b.textContent)")
    place = heads.index("Passes")
    window.run(f"document.querySelectorAll('table.ranking th button')[{place}].click()")
    assert window.run(names) == ["a", "b", plain(NASTY)]  # 1, 4 and 16 passes
    sort = f"document.querySelectorAll('table.ranking thead th')[{place}].getAttribute('aria-sort')"
    assert window.run(sort) == "ascending" and "Passes, ascending" in window.run(
        "document.querySelector('[role=status]').textContent"
    )
    # By keyboard, from the same button: the other way round, and back to the ranking.
    window.run(f"document.querySelectorAll('table.ranking th button')[{place}].focus()")
    window.press("Enter", 13, "\r")
    assert window.run(names) == [plain(NASTY), "b", "a"] and window.run(sort) == "descending"
    window.run("document.querySelectorAll('table.ranking th button')[1].click()")
    assert window.run(names) == ranked and window.run(sort) is None

    pictures = "[...document.querySelectorAll('.pictures svg use')].map(u => u.getBoundingClientRect().width)"
    assert all(width > 50 for width in window.run(pictures)) and len(window.run(pictures)) == 6 * 4
    for width in (1280, 390):
        window.resize(width, 900)
        assert window.run("document.documentElement.scrollWidth") <= width
    assert window.complaints == []
    assert [url for url in window.requests if not url.startswith("data:image/png")] == [file.as_uri()]
