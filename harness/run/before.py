"""The run that lies in an output folder already, and that a new start takes up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from harness.bench.records import bench_hash
from harness.contracts.mode import Mode
from harness.contracts.plugin import NoOptions, Plugin
from harness.errors import HarnessError
from harness.options import parse
from harness.registry import Kind, Registry
from harness.run.header import Header, PluginFacts
from harness.run.journal_reading import read_header
from harness.run.line import field_fault
from harness.run.options_json import unshipped
from harness.run.settings import RunSettings


@dataclass(frozen=True)
class Before:
    """What took part in the run that is there; of a new folder, nothing."""

    header: Header | None = None

    @classmethod
    def of(cls, folder: Path, fresh: bool) -> Before:
        """The run in a folder. Raises ``HarnessError`` where its header is none."""
        line = None if fresh else read_header(folder)
        if line is None:
            return cls()
        try:
            return cls(Header.read(line))
        except ValueError as error:
            raise HarnessError(
                f"The header of the journal in {folder} cannot be read ({error}); give --fresh to start anew."
            ) from error

    def labels(self, kind: Kind) -> list[str]:
        """The plugins of a kind that took part."""
        if self.header is None:
            return []
        if kind == "attributor":
            return list(self.header.attributors)
        return [*self._plugins(kind)]

    @property
    def modes(self) -> list[Mode]:
        """The modes whose answers were explained."""
        return [*self.header.planned] if self.header else []

    @property
    def planned(self) -> dict[tuple[str, Mode], int]:
        """How many records were to be explained, by model and mode."""
        every = self.header.planned.items() if self.header else ()
        return {(model, mode): count for mode, models in every for model, count in models.items()}

    def check_bench(self, bench: Path) -> None:
        """Raise ``HarnessError`` where the records are not those of the run that is there."""
        for mode, about in self.header.bench.items() if self.header else ():
            if (bench / f"{mode}.json").is_file() and (now := bench_hash(bench, mode)) != about.sha256:
                raise HarnessError(
                    f"The results in the output folder are of other {mode} records than those of {bench} (bench.{mode}."
                    f"sha256: {about.sha256[:12]}, now {now[:12]}); give --fresh to discard them, or another --output."
                )

    def options(self, registry: Registry, settings: RunSettings) -> dict[tuple[Kind, str], NoOptions]:
        """The options of those that a command does not speak of, which so stay what they were.

        Raises ``HarnessError`` where those of a plugin no longer fit it.
        """
        spoken = {name for name, _, _ in parse(settings.options)}
        spoken |= {*settings.attributors, *settings.models, *settings.metrics}
        kept: dict[tuple[Kind, str], NoOptions] = {}
        kinds: tuple[Kind, ...] = ("attributor", "model", "source", "metric")
        for kind in kinds if self.header else ():
            for label in self.labels(kind):
                cls = registry.find(kind, label.partition("@")[0])
                if not spoken & {label, *(cls.aliases if label == cls.name else ())}:
                    kept[kind, label] = _restored(cls, self._said(kind, label))
        return kept

    def _said(self, kind: Kind, label: str) -> dict[str, Any]:
        found = self._plugins(kind)
        return dict(found[label].options) if label in found else {}

    def _plugins(self, kind: Kind) -> Mapping[str, PluginFacts]:
        if self.header is None:
            return {}
        if kind == "metric":
            return self.header.metrics
        return next((found for name, found in self.header.plugins.items() if name == kind), {})


def _restored(cls: type[Plugin], values: dict[str, Any]) -> NoOptions:
    try:
        return cls.Options.model_validate(unshipped(cls, values))
    except ValidationError as error:
        raise HarnessError(
            f"The options that {cls.name} had in the run that is there do not fit the installed plugin "
            f"({field_fault(error)}); give another --output, or --fresh."
        ) from error
