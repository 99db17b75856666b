"""The header: the first line of a journal, which says all that its rows depend on."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from harness.contracts.mode import Mode
from harness.imaging.upsample import Upsampling
from harness.run.line import JournalLine
from harness.run.row import Count, Number
from harness.run.shards import Shard

FORMAT = 5
COMPUTING = ("harness", "python", "numpy", "scipy", "pillow", "scikit_image", "torch", "transformers", "device")
_STRICT = ConfigDict(strict=True, extra="forbid", frozen=True)
Text = Annotated[str, Field(max_length=2000)]


class Bench(BaseModel):
    """A mode's records: the SHA-256 of their file, and how many it holds."""

    model_config = _STRICT
    sha256: str
    records: Count


class PluginFacts(BaseModel):
    """A plugin that took part: where it is from, how it is set, what it computes with, what readers must know of it.

    ``code``: a digest of its modules' source, null where there is none. ``neutral``: those of its options that figures
    do not depend on, as the batch size, or where weights lie whose content is among ``weights``.
    """

    model_config = _STRICT
    distribution: str
    version: str
    module: str
    code: str | None
    options: dict[str, Any]
    neutral: list[str] = []
    weights: dict[str, str | None] = {}
    notes: list[Text] = []
    same_as: str | None = None
    control: bool = False

    @property
    def identity(self) -> dict[str, Any]:
        """What figures depend on: not where the plugin is from, nor what it and its files are called."""
        return {
            "options": {name: value for name, value in self.options.items() if name not in self.neutral},
            "weights": sorted(str(one) for one in self.weights.values()),
            "code": self.code if self.code is not None else f"{self.module} {self.version}",
        }


class MetricFacts(PluginFacts):
    """A metric that was measured, with what a board says of it (:class:`harness.contracts.metric.Metric`)."""

    title: Annotated[str, Field(max_length=40)]
    legend: Text
    higher_is_better: bool
    worst: Number
    percent: bool
    needs: list[str]

    @property
    def identity(self) -> dict[str, Any]:
        """What figures and their places on a board depend on."""
        claims = {name: getattr(self, name) for name in ("higher_is_better", "worst", "percent", "needs")}
        return super().identity | claims


class Header(JournalLine):
    """What the rows of a journal depend on.

    Attributes
    ----------
    scoring
        The revision of the harness's own part in figures.
    harness, python, numpy, scipy, pillow, scikit_image, torch, transformers, device
        Versions of what computes, null where not installed, and on what.
    seed, limit, named, attributors, upsampling, noise, shard
        The run's settings (:class:`harness.run.settings.RunSettings`); ``limit`` null for all records, ``named`` the
        records that were asked for by name.
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

    format: Literal[5]
    scoring: Count
    harness: str | None
    python: str
    numpy: str | None
    scipy: str | None
    pillow: str | None
    scikit_image: str | None
    torch: str | None
    transformers: str | None
    device: str
    seed: Count
    limit: Count | None
    named: list[str]
    attributors: list[str]
    upsampling: Upsampling
    noise: bool
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
