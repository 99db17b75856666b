"""The commands as functions: what they take in place of names, what they give, and what a notebook shows."""

from __future__ import annotations

import inspect
import io
import os
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import toys
from PIL import Image
from rich.console import Console

import harness
from harness.api import Evaluation
from harness.contracts.attributor import Attribution, Attributor
from harness.contracts.case import Case
from harness.contracts.plugin import NoOptions
from harness.errors import HarnessError
from harness.registry import Registry
from harness.run.journal_reading import read_journal
from harness.run.settings import RunSettings
from leaderboard import plugin as leaderboard_plugin

ROOT = Path(__file__).parents[1]
QUESTION = "Is there evidence of toy mass in the image?"


class Mine(Attributor):
    """A class that nobody installed."""

    name: ClassVar[str] = "mine"

    class Options(NoOptions):
        """One option."""

        share: float = 0.5

    options: Options  # type: ignore[assignment]

    def attribute(self, case: Case) -> Attribution:
        x0, y0, x1, y1 = case.content
        return Attribution(boxes=[harness.Box(x0, y0, x0 + (x1 - x0) * self.options.share, y1)])


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A benchmark of the toys, which with the leaderboard are all that is installed."""
    toys.registry()
    monkeypatch.setattr(Registry, "discover", classmethod(lambda cls: Registry(toys.world(leaderboard_plugin))))
    return toys.bench(tmp_path / "bench")


def run(folder: Path, attributors: Any = "good", **changes: Any) -> Evaluation:
    arguments: dict[str, Any] = {"models": "toy", "bench": folder, "output": folder.parent / "out"}
    return harness.evaluate(attributors, **arguments | changes)


def test_an_evaluation_gives_rows_a_data_frame_and_a_board(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    result = run(folder, ["good", "map"], modes="direct")
    assert capsys.readouterr().out == ""  # progress goes to stderr, the tables are the board's to show
    assert len(result.rows) == result.total == 8 and result.failed == 2  # one image is unreadable
    assert [row.line() for row in result.rows] == read_journal(folder.parent / "out")[1]
    frame = result.to_pandas()
    assert {"iou", "f1", "attributor", "status"} <= set(frame) and "metrics" not in frame and len(frame) == 8
    assert frame.groupby("attributor")["iou"].mean()["good"] == pytest.approx(0.75, abs=1e-3)
    board = result.board()
    assert board.board.rankings[0].scores[0].attributor == "good"
    assert "Direct answers: 4 records of toy, in percent" in repr(board) and "\x1b" not in repr(board)
    html = result._repr_html_()
    assert html == board._repr_html_() and html.count("<table>") == 1 and ">good</td>" in html
    assert "8 of 8 results, 2 failed" in repr(result)
    assert (folder.parent / "out" / "leaderboard.md").exists()  # as the command leaves it
    board.save(folder.parent / "board.csv")
    assert "good" in (folder.parent / "board.csv").read_text()


def test_the_same_call_goes_on_where_it_stopped_and_options_may_be_a_dictionary(folder: Path) -> None:
    first = run(folder, "map", options={"map.blur": 7})
    scored = len(toys.ToyModel.scored)
    second = run(folder, "map", options=["map.blur=7"])
    assert second.rows == first.rows and len(toys.ToyModel.scored) == scored
    with pytest.raises(harness.HarnessError, match=r"other settings.*blur"):
        run(folder, "map")


def test_a_class_is_as_good_as_a_name(folder: Path) -> None:
    result = run(folder, [Mine, "good"], models=toys.ToyModel, options={"mine.share": 0.25})
    assert {row.attributor for row in result.rows} == {"mine", "good"}
    about = result.header.plugins["attributor"]["mine"]
    assert about.options == {"share": 0.25} and about.distribution == "(given)"
    assert about.version.startswith("source ") and about.version != "source unknown"
    run(folder, [Mine, "good"], options={"mine.share": 0.25})  # goes on: the same class


def test_a_plugin_in_memory_is_as_good_as_a_class(folder: Path) -> None:
    """Nothing is loaded again, and two of one class stand beside each other under labels of their own."""
    model = toys.ToyModel()
    model.load()
    loads = len(toys.ToyModel.loads)
    wide, narrow = Mine(Mine.Options(share=0.75)), Mine(Mine.Options(share=0.25))
    result = run(folder, {"mine": wide, "mine@narrow": narrow}, models=model)
    assert len(toys.ToyModel.loads) == loads and result.failed == 4
    named = {"mine": Mine, "mine@narrow": Mine}
    options = ["mine.share=0.75", "mine@narrow.share=0.25"]
    by_class = run(folder, named, options=options, output=folder.parent / "other")
    assert result.rows == by_class.rows and result.header == by_class.header
    assert len({row.boxes[0][2] for row in result.rows if row.status == "ok"}) == 2
    with pytest.raises(harness.HarnessError, match=r"Two of the attributors in memory are called 'mine'; give them"):
        run(folder, [wide, narrow])
    with pytest.raises(harness.HarnessError, match="There is an option for 'mine', which takes no part"):
        run(folder, wide, options=["mine.share=0.5"])
    with pytest.raises(harness.HarnessError, match="must be called mine, or mine@VARIANT"):
        run(folder, {"good": wide})


def test_python_takes_every_setting_of_the_command_by_its_name(folder: Path) -> None:
    fields = RunSettings.model_fields
    signature = inspect.signature(harness.evaluate).parameters
    assert set(fields) | {"registry", "console"} == set(signature)
    assert all(signature[name].default == info.default for name, info in fields.items() if name not in ("modes",))
    parts = [run(folder, "good", shard=f"{part}/2", executor="local", workers=1, modes=["direct"]) for part in (1, 2)]
    assert [len(part.rows) for part in parts] == [2, 2]
    with pytest.raises(harness.HarnessError, match=r"There is no setting 'limitt'; did you mean 'limit'\?"):
        run(folder, "good", limitt=3)
    with pytest.raises(harness.HarnessError, match="The setting 'shard' cannot be '3/2': it must be K/N"):
        run(folder, "good", shard="3/2")


def test_the_results_of_an_edited_class_are_computed_again(tmp_path: Path, folder: Path) -> None:
    module = tmp_path / "edited.py"
    text = (
        "from harness import Attribution, Attributor\nclass Edited(Attributor):\n    '''It.'''\n    name = 'edited'\n"
        "    def attribute(self, case):\n        return Attribution(boxes=[case.content])\n"
    )
    module.write_text(text)
    run(folder, runpy.run_path(str(module))["Edited"])
    module.write_text(text.replace("[case.content]", "[case.content._replace(x0=90)]"))
    code = (
        "import runpy, sys, toys, harness\nfrom harness.registry import Registry\n"
        "cls = runpy.run_path(sys.argv[1])['Edited']\n"
        "harness.evaluate(cls, 'toy', bench=sys.argv[2], output=sys.argv[3], registry=Registry(toys.world()))"
    )
    arguments = [sys.executable, "-c", code, str(module), str(folder), str(tmp_path / "out")]
    environment = os.environ | {"PYTHONPATH": str(ROOT / "tests")}
    done = subprocess.run(arguments, capture_output=True, text=True, env=environment, timeout=120)
    assert "The code of the attributor 'edited' is not what it was" in done.stdout + done.stderr
    rows = read_journal(tmp_path / "out")[1]
    assert len(rows) == 8 and all(row["boxes"][0][0] > 0 for row in rows if row["status"] == "ok")


def test_refuses_what_is_neither_name_nor_class(folder: Path) -> None:
    with pytest.raises(harness.HarnessError, match="subclass of Attributor"):
        run(folder, [toys.ToyModel])
    with pytest.raises(harness.HarnessError, match="as a list or a dictionary") as raised:
        run(folder, options="map.blur=7")
    assert raised.value._render_traceback_() == [f"HarnessError: {raised.value}"]  # IPython's way to show it
    usurper = type("Usurper", (Mine,), {"name": "good"})
    with pytest.raises(harness.HarnessError, match=r"the attributor name 'good' is taken by toys\.Good"):
        run(folder, usurper)


def test_without_a_leaderboard_plugin_the_results_are_still_there(folder: Path) -> None:
    result = run(folder, registry=Registry(toys.world()))
    assert len(result.rows) == 8 and result._repr_html_() is None
    with pytest.raises(harness.HarnessError, match="No installed plugin makes leaderboards"):
        result.board()


@pytest.mark.parametrize("kind", ["file", "colour", "grey", "pil"])
def test_explains_an_image_in_any_form(folder: Path, tmp_path: Path, kind: str) -> None:
    grey = np.full((400, 200), 80, np.uint8)
    grey[114:172, 50:100] = 220
    Image.fromarray(grey).save(tmp_path / "film.png")
    image: Any = {
        "file": str(tmp_path / "film.png"), "colour": np.stack([grey] * 3, -1), "grey": grey,
        "pil": Image.fromarray(grey),
    }[kind]  # fmt: skip
    found = harness.explain(image, QUESTION, model="toy", attributor="good")
    assert found.answer.lower() == "yes" and found.image.shape == (400, 200, 3)
    assert [round(edge) for edge in found.boxes[0]] == [50, 114, 100, 171]


def test_an_explanation_shows_itself(folder: Path, tmp_path: Path) -> None:
    model = harness.load_model("toy")
    loads = len(toys.ToyModel.loads)
    method = harness.load_attributor(Mine, options=["mine.share=0.5"])
    found = harness.explain(np.full((80, 80), 99, np.uint8), QUESTION, model, method, answer="yes")
    assert len(toys.ToyModel.loads) == loads  # the loaded model is used as it is
    assert found.boxes[0].x1 == pytest.approx(40)
    png = found._repr_png_()
    assert png.startswith(b"\x89PNG") and found.picture().size[0] == 1650
    assert found.to_matplotlib().get_figwidth() == 11
    assert repr(found) == "<Explanation of 'yes' by mine: 1 box (toy)>"
    found.save(tmp_path / "it.png")
    assert (tmp_path / "it.png").read_bytes() == png
    formatter = pytest.importorskip("IPython.core.formatters").DisplayFormatter()
    assert formatter.format(found)[0]["image/png"] == png


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"question": " "}, "The question is empty"),
        ({"answer": ""}, "The answer is empty"),
        ({"image": np.zeros((9, 9, 5))}, r"not float64 \(9, 9, 5\)"),
        ({"image": "no.png"}, "no.png"),
        ({"model": "black-box"}, "needs score"),
        ({"model": "no-weights"}, "cannot be loaded"),
        ({"options": ["map.blur=1"]}, "takes no part"),
        ({"attributor": 7}, "as a name or as a subclass of Attributor, not 7"),
    ],
)
def test_explain_refuses_in_one_sentence(folder: Path, changes: dict[str, Any], said: str) -> None:
    image = np.zeros((9, 9), np.uint8)
    with pytest.raises(harness.HarnessError, match=said):
        harness.explain(**{"image": image, "question": QUESTION, "model": "toy", "attributor": "good"} | changes)


def test_the_names_are_functions_whatever_was_imported() -> None:
    code = (
        "import harness.api, harness.explaining.explain, harness.explaining.command, harness.explaining.picture\n"
        "import harness.building.benchmark, harness.evaluating.loop\n"
        "from harness import evaluate, explain\nassert callable(evaluate) and callable(explain)\n"
        "assert harness.explain is harness.api.explain and harness.evaluate is harness.api.evaluate"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


def test_the_worked_example_runs(tmp_path: Path) -> None:
    environment = os.environ | {"NOTEBOOK_FOLDER": str(tmp_path), "NOTEBOOK_LIMIT": "2"}
    environment |= {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    arguments = [sys.executable, str(ROOT / "examples" / "notebook.py")]
    done = subprocess.run(arguments, capture_output=True, text=True, env=environment, timeout=300)
    assert done.returncode == 0, done.stderr
    assert "Direct answers: 1 record" in done.stdout and "records" in done.stdout and "darkness" in done.stdout
    assert (tmp_path / "explanation.png").stat().st_size > 100_000


def test_build_by_name_is_the_command(tmp_path: Path) -> None:
    built = harness.build(
        ["toy"], "toy", "toy", modes="direct", limit=2, output=tmp_path / "out", registry=toys.registry(),
        console=Console(file=io.StringIO()),
    )  # fmt: skip
    assert (built.questions, built.interrupted) == (2, False) and (tmp_path / "out" / "direct.json").exists()
    with pytest.raises(HarnessError, match="No editor is named 'tyo'"):
        harness.build("toy", "toy", "tyo", registry=toys.registry())


def test_build_takes_plugins_in_memory(tmp_path: Path) -> None:
    """Each as it is, and the same benchmark as by name."""
    model, source, editor = toys.ToyModel(), toys.ToySource(), toys.ToyEditor()
    built = harness.build(
        model, [source], editor, modes="direct", output=tmp_path / "given", registry=toys.registry(),
        console=Console(file=io.StringIO()),
    )  # fmt: skip
    named = harness.build(
        "toy", toys.ToySource, "toy", modes="direct", output=tmp_path / "named", registry=toys.registry(),
        console=Console(file=io.StringIO()),
    )  # fmt: skip
    assert built.survived == named.survived == 3
    for name in ("direct.json", "report.md", "README.md"):
        assert (tmp_path / "given" / name).read_bytes() == (tmp_path / "named" / name).read_bytes()
    with pytest.raises(HarnessError, match="no setting 'mods'; did you mean 'modes'"):
        harness.build("toy", "toy", "toy", mods="direct", registry=toys.registry())
