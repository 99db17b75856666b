"""What the leaderboard reads of a journal, checked: a journal may come from somebody else."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from harness.errors import HarnessError
from harness.run.journal import JOURNAL

Figure = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=0)]
Pixel = Annotated[float, Field(allow_inf_nan=False)]
Side = Annotated[int, Field(ge=1)]
ModeName = Literal["direct", "reasoning"]
_STRICT = ConfigDict(strict=True, extra="ignore")


class _Bench(BaseModel):
    model_config = _STRICT
    sha256: str
    records: Count


class _About(BaseModel):
    model_config = _STRICT
    distribution: str
    version: str
    module: str
    options: dict[str, Any]
    notes: list[str] = []
    weights: dict[str, str | None] = {}


class _Shard(BaseModel):
    model_config = _STRICT
    index: Annotated[int, Field(ge=1)]
    count: Annotated[int, Field(ge=1, le=100_000)]


class Header(BaseModel):
    """The first line of a journal."""

    model_config = _STRICT
    seed: int
    limit: Count | None
    available: Count
    samples: str
    attributors: list[str]
    bench: dict[ModeName, _Bench]
    planned: dict[ModeName, dict[str, Count]]
    plugins: dict[str, dict[str, _About]]
    faithfulness: Count = 0
    shard: _Shard | None = None

    @model_validator(mode="after")
    def _same_modes(self) -> Header:
        if self.bench.keys() != self.planned.keys():
            raise ValueError("bench and planned name different modes")
        return self


class Result(BaseModel):
    """Every other line."""

    model_config = _STRICT
    source: str
    index: Count
    model: str
    mode: ModeName
    attributor: str
    status: Literal["ok", "failed", "not_applicable"]
    error: str | None
    truth: list[Annotated[list[Pixel | None], Field(min_length=4, max_length=4)]]
    concept_truth: str | None
    concept: str | None
    concept_scores: dict[str, Pixel] | None
    fallback: bool
    forward: Count
    backward: Count
    iou: Figure | None
    precision: Figure | None
    recall: Figure | None
    f1: Figure | None
    deletion: Figure | None = None
    insertion: Figure | None = None
    # What rows of older runs lack.
    attribute: str | None = None
    answer: str | None = None
    image: str | None = None
    size: Annotated[list[Side], Field(min_length=2, max_length=2)] | None = None
    peak: Annotated[list[Pixel], Field(min_length=2, max_length=2)] | None = None
    boxes: list[Annotated[list[Pixel], Field(min_length=4, max_length=4)]] | None = None
    token_scores: list[Pixel] | None = None

    @model_validator(mode="after")
    def _has_figures(self) -> Result:
        if self.status != "not_applicable" and None in (self.iou, self.precision, self.recall, self.f1):
            raise ValueError("a figure is missing")
        if self.status == "failed" and self.error is None:
            raise ValueError("it failed without an error")
        if "peak" in self.model_fields_set and self.boxes is None:
            raise ValueError("it has no boxes")
        return self


def check(folder: Path, header: dict[str, Any], rows: list[dict[str, Any]]) -> None:
    """Raise ``HarnessError``, with the line, where a journal is not what a run writes."""
    head: Header | None = None
    for number, line in enumerate([header, *rows], 1):
        try:
            if head is None:
                head = Header.model_validate(line)
            else:
                _belongs(Result.model_validate(line), head)
        except ValueError as error:  # a ValidationError is one
            why = "".join(c if c.isprintable() else " " for c in _reason(error))
            path = folder / JOURNAL
            raise HarnessError(
                f"The journal {path} is broken at line {number} ({why}); leave it out."
            ) from error


def _belongs(result: Result, head: Header) -> None:
    """Raise ``ValueError`` where the run of a header has no such result."""
    if result.attributor not in head.attributors:
        raise ValueError(f"its attributor {result.attributor!r} is not in the header")
    if result.model not in head.planned.get(result.mode, {}):
        raise ValueError(f"its model {result.model!r} has no {result.mode} records in the header")


def _reason(error: ValueError) -> str:
    if not isinstance(error, ValidationError):
        return str(error)
    first = error.errors()[0]
    return ": ".join(filter(None, (".".join(map(str, first["loc"])), first["msg"])))
