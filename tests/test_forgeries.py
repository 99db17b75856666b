"""What somebody may forge in a run's folder, and the sentence that `harness leaderboard verify` says of it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import toys
from evaluating import toy_run
from rows import read_lines, write_lines
from toys import registry

from harness.registry import Registry
from leaderboard.verify import verify
from leaderboard.verifying.found import UNCHECKED, WRONG

Lines = list[dict[str, Any]]
METHODS = ["good", "map", "traces"]


@pytest.fixture(scope="module")
def honest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of the toys that kept its maps: eight records, one of them of an image that cannot be read."""
    folder = tmp_path_factory.mktemp("honest")
    toy_run(
        folder / "out", METHODS, models=["toy", "black-box"], limit=8, keep_maps=True, metrics=["deletion"],
        bench=toys.bench(folder / "bench", ["toy_1b", "black-box"], (1, 0, 3, 2)),
    )  # fmt: skip
    return folder


def the(lines: Lines, attributor: str, **about: Any) -> dict[str, Any]:
    """The first row of a method that is ok, or as ``about`` says."""
    wanted = {"attributor": attributor, "status": "ok", **about}
    return next(row for row in lines[1:] if all(row[name] == value for name, value in wanted.items()))


def head(*path: str, **values: Any) -> Callable[[Lines], None]:
    """Change fields of the header."""

    def change(lines: Lines) -> None:
        place: Any = lines[0]
        for name in path:
            place = place[name]
        place.update(values)

    return change


def said(attributor: str, **values: Any) -> Callable[[Lines], None]:
    """Change fields of a method's first good row."""
    return lambda lines: the(lines, attributor).update(values)


def hide_the_worst(lines: Lines) -> None:
    row = the(lines, "map")
    row.update(status="not_applicable", error="nothing to say", boxes=[], metrics={}, unmeasured={})
    row.update(dict.fromkeys(("peak", "map_range", "map_values", "concept", "concept_scores", "token_scores")))


def closed_to_good(lines: Lines) -> None:
    """A model that does not score at all is explained all the same."""
    row = next(row for row in lines[1:] if row["status"] == "not_applicable")
    row.update(status="failed", error="it broke", metrics=dict.fromkeys(("iou", "precision", "recall", "f1"), 0.0))


PLUGIN = ("plugins", "attributor", "map")

# What is forged | how | what verify says
FORGERIES: list[tuple[str, Callable[[Lines], object], str]] = [
    ("an option of the source that it does not have", head("plugins", "source", "toy", options={"easy": 1}),
     "The options of the source 'toy' do not fit the installed plugin: the field 'easy' is not known"),
    ("an option of a method that it does not have", head(*PLUGIN, options={"blur": 4, "best": True}),
     "The options of the attributor 'map' do not fit the installed plugin: the field 'best' is not known"),
    ("a method that hides an option", head(*PLUGIN, options={}),
     "The options of the attributor 'map' are not those that the installed one has (blur: null, now 4)."),
    ("a method's code", head(*PLUGIN, code="0" * 16),
     "The header says the code of the attributor 'map' is 0000000000000000, and that of the installed (given) is"),
    ("a method's module", head(*PLUGIN, module="somewhere"),
     "The header says the attributor 'map' is of somewhere, and the installed one is of toys."),
    ("a metric's code", head("metrics", "iou", code="0" * 16),
     "The header says the code of the metric 'iou' is 0000000000000000, and that of the installed (given) is"),
    ("weights", head("plugins", "model", "toy", weights={"toy.bin": "sha256:0123456789abcdef"}),
     "The weights of the model 'toy' are not those that are here (the header says sha256:0123456789ab, here they are "
     "none)."),
    ("weights of a method", head(*PLUGIN, weights={"w": "sha256:1"}),
     "The weights of the attributor 'map' are not those that are here (the header says sha256:1, here they are none)."),
    ("a method that is a control", head(*PLUGIN, control=True),
     "The header says control is True, and the attributor 'map' of (given) has False."),
    ("a method that is another by algebra", head(*PLUGIN, same_as="good"),
     "The header says same_as is good, and the attributor 'map' of (given) has None."),
    ("options that are said not to count", head(*PLUGIN, neutral=["blur"]),
     "The header says neutral is ['blur'], and the attributor 'map' of (given) has []."),
    ("a note for the board", head(*PLUGIN, notes=["The best of all."]),
     "The notes on 'map' are not those of the installed one: 'The best of all.'."),
    ("a note on a metric", head("metrics", "iou", notes=["Verified."]),
     "The notes on 'iou' are not those of the installed one: 'Verified.'."),
    ("what a metric needs", head("metrics", "iou", needs=["model"]),
     "The header says needs is ['model'], and the metric 'iou' of (given) has ['boxes']."),
    ("which way a metric is better", head("metrics", "iou", higher_is_better=False),
     "The header says higher_is_better is False, and the metric 'iou' of (given) has True."),
    ("what a failure counts as", head("metrics", "iou", worst=1.0),
     "The header says worst is 1.0, and the metric 'iou' of (given) has 0.0."),
    ("a metric's legend", head("metrics", "iou", legend="always right"),
     "The header says legend is always right, and the metric 'iou' of (given) has"),
    ("the revision of the scoring", head(scoring=99),
     "The results are of scoring revision 99, and this harness scores by 1"),
    ("methods that took no part", head("plugins", "attributor", ghost={
        "distribution": "d", "version": "1", "module": "m", "code": "c", "options": {}}),
     "The header describes the attributor 'ghost', which takes no part."),
    ("the number of records before the limit", head(available=8),
     "The header says that there are 8 records before the limit, it should be 16."),
    ("the number of records in a file", head("bench", "direct", records=3),
     "The header says that there are 3 direct records, there are 8."),
    ("which records there are", head("bench", "direct", sha256="f" * 64),
     "The direct records are not those of"),
    ("how many are planned", head("planned", "direct", toy=1),
     "The header plans 1 direct records of 'toy', it should be 2."),
    ("the limit", head(limit=6), "that record is not one that the run should explain."),
    ("records chosen by name", head(named=["toy:0"]), "that record is not one that the run should explain."),
    ("the digest of the samples", head(samples="0" * 64),
     "The header's digest of the samples is 000000000000, and what the sources say has"),
    ("an answer", said("map", answer="No"), "the answer is not the one in the benchmark."),
    ("true boxes", said("map", truth=[[0.0, 0.0, 9.0, 9.0]]), "its true boxes and the source's are not the same."),
    ("further true boxes", said("map", truths={"region": [[0.0, 0.0, 9.0, 9.0]]}),
     "its further true boxes and the source's are not the same."),
    ("true concepts", said("map", true_concepts=["right lung"]),
     "its true concepts and the source's are not the same."),
    ("the finding", said("map", attribute="toy cyst"), "its attribute and the source's are not the same."),
    ("the image", said("map", image="0" * 16), "its image and the source's are not the same."),
    ("a smaller image, which shrinks the truth", said("good", size=[100, 171]),
     "its size is 100 x 171, and the source's image is 200 x 400."),
    ("no size, so that the truth is not clipped", said("good", size=None),
     "its size is none, and the source's image is 200 x 400."),
    ("boxes", said("good", boxes=[[50.0, 114.0, 100.0, 171.0]]),
     "its boxes are not those that its method gave, which were kept."),
    ("boxes of a map", said("map", boxes=[[50.0, 114.29, 100.0, 171.43]]),
     "its boxes are not those of the map that was kept of it."),
    ("a peak", said("map", peak=[10.0, 10.0]), "its peak [10.0, 10.0] is not where its kept map is hottest."),
    ("a peak without a map", said("good", peak=[75.0, 140.0]), "it has no map, and yet a peak or a noise of one."),
    ("a map's range", said("map", map_range=[0.0, 1.0]),
     "its map's range is said to be [0.0, 1.0], and the kept map's is"),
    ("a map's number of values", said("map", map_values=2), "its map is said to have 2 values, and the kept one has"),
    ("a noise that makes a map flat", said("map", map_noise=9.0),
     "it has a noise of its map, which the run did not measure."),
    ("a concept", said("good", concept="right lung"),
     "its concept is 'right lung', and its scores choose 'left lung'."),
    ("scores of concepts", said("good", concept_scores={"left lung": 0.0, "right lung": 1.0}),
     "its concept is 'left lung', and its scores choose 'right lung'."),
    ("a figure", lambda lines: the(lines, "map")["metrics"].update(iou=1.0),
     "the claimed iou is not that of what it marks: 1.0, but that gives"),
    ("a figure that is left out", lambda lines: the(lines, "map")["metrics"].pop("recall"),
     "its recall is missing, and what it marks gives"),
    ("a bad result that is called not applicable", hide_the_worst,
     "it is marked as not applicable, and the method explained others of that model and source."),
    ("a result of a model that is closed to the method", closed_to_good,
     "it should be not applicable (good needs score, which black-box does not offer)."),
    ("a failure that says something", lambda lines: the(lines, "good", status="failed").update(concept="left lung"),
     "it is failed and yet has a concept."),
    ("a result that is left out", lambda lines: lines.pop(), "The run is not complete: 'traces' has 1 of 2 reasoning"),
    ("a result that is there twice", lambda lines: lines.append(lines[3]), "Lines 4 and 26 are both the result of"),
]  # fmt: skip


def verified(honest: Path, tmp_path: Path, change: Callable[[Lines], object], known: Registry | None = None) -> Any:
    shutil.copytree(honest / "out", tmp_path / "out")
    lines = read_lines(tmp_path / "out")
    change(lines)
    write_lines(tmp_path / "out", lines)
    return verify(tmp_path / "out", known or registry(), honest / "bench")


@pytest.mark.parametrize(("change", "sentence"), [one[1:] for one in FORGERIES], ids=[one[0] for one in FORGERIES])
def test_what_is_forged_is_said(
    honest: Path, tmp_path: Path, change: Callable[[Lines], object], sentence: str
) -> None:
    found = verified(honest, tmp_path, change)
    assert found.status == WRONG
    assert any(sentence in text for text in found.sentences), found.sentences
    assert all("\n" not in text and text.rstrip().endswith((".", ".)")) for text in found.sentences)


# What is not known here | how | what verify lists as not checked
OPEN: list[tuple[str, Callable[[Lines], object], str]] = [
    ("what the methods said", lambda lines: None,
     "What the methods said of 8 of 8 records was not computed again: what they marked, their passes, and that they "
     "failed, are what the folder says"),
    ("a figure that only the model gives", lambda lines: the(lines, "map")["metrics"].update(deletion=0.0),
     "The figures of deletion were taken as they are (it needs the model)."),
    ("passes", said("map", forward=0), "their passes, and that they failed, are what the folder says"),
    ("another release of the same code", head(*PLUGIN, version="9"),
     "Of another release here ((given) 9 there, (given) here), of the same code: map."),
    ("another release of other code", head(*PLUGIN, version="9", code="0" * 16),
     "and their code is not the same, so that it could not be checked: map."),
]  # fmt: skip


@pytest.mark.parametrize(("change", "sentence"), [one[1:] for one in OPEN], ids=[one[0] for one in OPEN])
def test_what_cannot_be_checked_is_listed(
    honest: Path, tmp_path: Path, change: Callable[[Lines], object], sentence: str
) -> None:
    found = verified(honest, tmp_path, change)
    assert (found.sentences, found.status) == ([], UNCHECKED)
    assert any(sentence in text for text in found.unchecked), found.unchecked
    assert "Seconds and memory" in found.told[0]


def test_what_is_not_installed_is_listed(honest: Path, tmp_path: Path) -> None:
    found = verified(honest, tmp_path, lambda lines: None, Registry())
    assert (found.sentences, found.status) == ([], UNCHECKED)
    for sentence in (
        "The attributor 'map' is not installed here: nothing of it was checked.",
        "The source 'toy' is not installed here: nothing of it was checked.",
        "The true boxes of 'toy' were taken as they are (it is not set up here).",
        "The digest of the samples was not computed again: not all of them are known here.",
    ):
        assert sentence in found.unchecked
