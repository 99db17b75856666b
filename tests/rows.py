"""Rows and headers made by hand, as lines of a journal: what a run writes, without a run."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.contracts.metric import Metric
from harness.run.journal import Journal
from harness.run.journal_lines import encode
from harness.run.row import Row
from plugins.metrics import metrics as built_in


def facts_of(metric: type[Metric], **changes: Any) -> dict[str, Any]:
    """What a header says of a metric."""
    return {
        "distribution": "dist", "version": "1", "module": "m", "code": "c", "options": {}, "weights": {}, "notes": [],
        "title": metric.title, "legend": metric.legend, "higher_is_better": metric.higher_is_better,
        "worst": metric.worst, "percent": metric.percent, "needs": sorted(metric.needs),
    } | changes  # fmt: skip


def plugin(**changes: Any) -> dict[str, Any]:
    """What a header says of a plugin."""
    return {
        "distribution": "dist", "version": "1", "module": "m", "code": "c", "options": {"grid": 8},
        "weights": {}, "notes": [],
    } | changes  # fmt: skip


DEFAULT = {cls.name: facts_of(cls) for cls in built_in() if cls.default}
ALL = {cls.name: facts_of(cls) for cls in built_in()}


def header(attributors: Sequence[str], planned: Mapping[str, int], /, **changes: Any) -> dict[str, Any]:
    """The header of a run of direct answers; ``planned``: how many records of each model."""
    base = {
        "format": 5, "scoring": 1, "harness": "1", "python": "3", "numpy": "2", "scipy": "1", "pillow": "11",
        "scikit_image": "0", "torch": None, "transformers": None, "device": "cpu",
        "seed": 0, "upsampling": "bilinear", "noise": False, "limit": None, "named": [],
        "available": sum(planned.values()),
        "samples": "digest", "shard": None,
        "bench": {"direct": {"sha256": "abc", "records": 9}}, "planned": {"direct": dict(planned)},
        "attributors": list(attributors),
        "plugins": {
            "attributor": {name: plugin() for name in attributors},
            "model": {name: plugin() for name in planned},
        },
        "metrics": DEFAULT,
    }  # fmt: skip
    return {**base, **changes}


def row(index: int, attributor: str, iou: float | None = None, model: str = "m", /, **fields: Any) -> dict[str, Any]:
    """A result with that IoU; one that failed where there is none. The other metrics follow from it, and ``concept``
    from the concepts named; ``metrics`` are figures besides."""
    about: dict[str, Any] = {
        "source": "s", "index": index, "model": model, "mode": "direct", "attributor": attributor,
        "image": f"{index:016x}", "attribute": "finding", "answer": "Yes",
        "truth": [[0.0, 0.0, 1.0, 1.0]], "true_concepts": ["heart"], "truths": {},
        "status": "failed" if iou is None else "ok", "error": "it broke" if iou is None else None, "size": None,
        "boxes": [], "peak": None, "map_range": None, "map_values": None, "map_noise": None, "concept": None,
        "concept_scores": None, "token_scores": None, "concept_token_scores": None, "fallback": False,
        "completeness": None,
        "metrics": {}, "unmeasured": {}, "forward": 2, "backward": 0,
    } | fields  # fmt: skip
    if about["status"] == "not_applicable":
        return about
    value = iou or 0.0
    metrics: dict[str, float | None] = {"iou": value, "precision": value / 2, "recall": value / 4, "f1": value / 8}
    if about["true_concepts"]:
        metrics["concept"] = _concept(about)
    unmeasured = about["unmeasured"]
    about["metrics"] = {name: figure for name, figure in metrics.items() if name not in unmeasured} | about["metrics"]
    return about


def _concept(about: dict[str, Any]) -> float | None:
    """Whether the named concept is the true one; null where a result that did not fail names none at all."""
    if about["status"] == "ok" and about["concept"] is None and not about["concept_scores"]:
        return None
    return float(about["concept"] in about["true_concepts"])


def closed(index: int, attributor: str, model: str = "m", **fields: Any) -> dict[str, Any]:
    """A result that is not applicable, the model being closed to the method."""
    return row(index, attributor, None, model, status="not_applicable", error="cannot", **fields)


def measured(line: dict[str, Any], metrics: Sequence[Metric]) -> dict[str, Any]:
    """A line with what these metrics make of it."""
    from harness.run.measure import measure
    from harness.run.measured_again import explained_of

    found = measure({one.name: one for one in metrics}, explained_of(Row.read(line)), {"boxes"})
    return line | {"metrics": line["metrics"] | found.metrics, "unmeasured": line["unmeasured"] | found.unmeasured}


def journal(folder: Path, head: dict[str, Any], rows: Sequence[dict[str, Any]]) -> Path:
    """Write a journal. Returns its folder."""
    with Journal(folder, head) as file:
        file.commit()
        for one in rows:
            file.add(one)
    return folder


def read_lines(folder: Path) -> list[dict[str, Any]]:
    """Header and rows of a journal, without their checksums."""
    lines = [json.loads(line) for line in (folder / "journal.jsonl").read_bytes().splitlines()]
    for line in lines:
        del line["crc"]
    return lines


def write_lines(folder: Path, lines: Sequence[dict[str, Any]]) -> Path:
    """A journal of any lines, each with its right checksum. Returns its folder."""
    folder.mkdir(exist_ok=True)
    (folder / "journal.jsonl").write_bytes(b"".join(map(encode, lines)))
    return folder
