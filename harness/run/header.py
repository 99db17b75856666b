"""The header: the first line of a journal, which says all that its rows depend on."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from harness.contracts.mode import Mode
from harness.imaging.upsample import Upsampling
from harness.run.line import JournalLine
from harness.run.row import Count, Number
from harness.run.shards import Shard

FORMAT = 4
_STRICT = ConfigDict(strict=True, extra="forbid", frozen=True)
Text = Annotated[str, Field(max_length=2000)]


class Bench(BaseModel):
    """A mode's records: the SHA-256 of their file, and how many it holds."""

    model_config = _STRICT
    sha256: str
    records: Count


class PluginFacts(BaseModel):
    """A plugin that took part: where it is from, how it is set, what it computes with, what readers must know of it."""

    model_config = _STRICT
    distribution: str
    version: str
    module: str
    options: dict[str, Any]
    weights: dict[str, str | None] = {}
    notes: list[Text] = []
    same_as: str | None = None


class MetricFacts(PluginFacts):
    """A metric that was measured, with what a board says of it (:class:`harness.contracts.metric.Metric`)."""

    title: Annotated[str, Field(max_length=40)]
    legend: Text
    higher_is_better: bool
    worst: Number
    percent: bool
    needs: list[str]


class Header(JournalLine):
    """What the rows of a journal depend on.

    Attributes
    ----------
    harness, python, numpy, torch, transformers, device
        Versions of what computes, null where not installed, and on what.
    seed, limit, attributors, upsampling, shard
        The run's settings (:class:`harness.run.settings.RunSettings`); ``limit`` null for all records.
    bench
        The records' files by mode.
    planned
        How many records are explained, by mode and model.
    available
        How many there are before the limit.
    samples
        SHA-256 of what the sources say about the samples.
    plugins
        The plugins by kind and label.
    metrics
        What was measured, in the order of the columns.
    """

    format: Literal[4]
    harness: str | None
    python: str
    numpy: str | None
    torch: str | None
    transformers: str | None
    device: str
    seed: Count
    limit: Count | None
    attributors: list[str]
    upsampling: Upsampling
    shard: str | None
    bench: dict[Mode, Bench]
    planned: dict[Mode, dict[str, Count]]
    available: Count
    samples: str
    plugins: dict[Literal["attributor", "model", "source"], dict[str, PluginFacts]]
    metrics: Annotated[dict[str, MetricFacts], Field(min_length=1)]

    @model_validator(mode="after")
    def _of_one_piece(self) -> Header:
        if self.bench.keys() != self.planned.keys():
            raise ValueError("bench and planned name different modes")
        if self.shard is not None:
            Shard.parse(self.shard)
        return self

    @property
    def records(self) -> int:
        """How many records the whole run explains."""
        return sum(sum(models.values()) for models in self.planned.values())
