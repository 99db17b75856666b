"""Where a board's figures come from, in words, and the commands that repeat them."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from harness.bench.records import bench_hash
from harness.defaults import shipping_source
from harness.errors import HarnessError
from harness.registry import Registry
from harness.run.header import Header, PluginFacts
from harness.run.options_json import option_values
from leaderboard.read.installed import installed
from leaderboard.read.joined import Run

NONE = "none"
PLUGIN_COLUMNS = ("Kind", "Plugin", "Distribution", "Module", "Code", "Options (in brackets: no figure depends on it)")
_SETTINGS = (
    "scoring", "harness", "python", "numpy", "scipy", "pillow", "scikit_image", "torch", "transformers", "device",
    "seed", "upsampling", "noise", "limit",
)  # fmt: skip


def setting_lines(run: Run) -> list[list[str]]:
    """What a run's results depend on besides its plugins, as lines of name and value."""
    header = run.header
    about: dict[str, Any] = {name: getattr(header, name) for name in _SETTINGS}
    about |= {"records": ", ".join(header.named)} if header.named else {}
    lines = [[name, NONE if value is None else str(value)] for name, value in about.items()]
    for mode, bench in header.bench.items():
        counts = ", ".join(f"{model} {count}" for model, count in header.planned[mode].items())
        lines.append([f"{mode} records", f"{counts} (of {bench.records}; SHA-256 {bench.sha256})"])
    lines.append(["samples", f"SHA-256 {header.samples}"])
    for _, label, facts in _plugins(header):
        files = [f"{file} {identity or '(not found)'}" for file, identity in facts.weights.items()]
        lines += [[f"weights of {label}", ", ".join(files)]] if files else []
    complete = "complete" if run.finished == run.planned else "not finished"
    lines += [
        ["results", f"{run.finished} of {run.planned} ({complete})"],
        ["journal", f"SHA-256 {run.digest}"],
        ["repeat with", eval_command(run)],
    ]
    return [*lines, ["and then", rescore_command(run)]] if run.rescored else lines


def plugin_lines(header: Header) -> list[list[str]]:
    """Every plugin of a run, metrics too, as lines of :data:`PLUGIN_COLUMNS`."""
    return [
        [
            kind,
            label,
            f"{facts.distribution} {facts.version}".strip(),
            facts.module,
            facts.code or NONE,
            ", ".join(_shown(facts, field) for field in facts.options) or NONE,
        ]
        for kind, label, facts in _plugins(header)
    ]


def eval_command(run: Run, registry: Registry | None = None) -> str:
    """The command that repeats a run; ``registry``: None for what is installed.

    Options that are the plugin's defaults here are left out, and so are metrics that every run measures here. Where
    the benchmark is not the one that ships, ``DIR`` stands for its folder, as it does for the data of a source that
    does not ship any.
    """
    registry = registry or installed()
    header = run.header
    words = ["harness", "eval"]
    for label in header.attributors:
        words += ["--attributor", label]
    for label in header.plugins.get("model", ()):
        words += ["--model", label]
    for mode in header.bench:
        words += ["--mode", mode]
    always = {cls.name for cls in registry.defaults("metric")}
    for label in header.metrics:
        if label not in always and label not in run.rescored:
            words += ["--metric", label]
    words += _bench_words(header, registry)
    all_of_them = header.records == header.available
    if header.named:
        words += [word for name in header.named for word in ("--record", name)]
    else:
        words += ["--limit", "0" if all_of_them else str(header.limit)]
    words += ["--seed", str(header.seed)]
    words += ["--upsampling", header.upsampling, *(["--noise"] if header.noise else [])]
    for kind, label, facts in _plugins(header):
        if not (kind == "metric" and label in run.rescored):
            words += _changed(kind, label, facts.options, registry)
    return shlex.join(words)


def rescore_command(run: Run, registry: Registry | None = None) -> str:
    """The command that adds the metrics that were added to a run; ``DIR`` stands for its folder."""
    registry = registry or installed()
    words = ["harness", "rescore", "DIR"]
    for label in run.rescored:
        words += ["--metric", label]
    for label in run.rescored:
        words += _changed("metric", label, run.header.metrics[label].options, registry)
    return shlex.join(words)


def _plugins(header: Header) -> Iterator[tuple[str, str, PluginFacts]]:
    for kind, found in header.plugins.items():
        for label, facts in found.items():
            yield kind, label, facts
    for label, facts in header.metrics.items():
        yield "metric", label, facts


def _shown(facts: PluginFacts, field: str) -> str:
    said = f"{field}={_option(facts.options[field])}"
    return f"({said})" if field in facts.neutral else said


def _option(value: Any) -> str:
    return value if isinstance(value, str) else NONE if value is None else json.dumps(value)


def _changed(kind: Any, label: str, options: Mapping[str, Any], registry: Registry) -> list[str]:
    """The words that set options which are not the plugin's defaults here."""
    try:
        cls = registry.find(kind, label.partition("@")[0])
        defaults: dict[str, Any] = option_values(cls, cls.Options())
    except (HarnessError, ValueError, KeyError):  # not installed, or an option that must be given
        defaults = {}
    changed = {field: value for field, value in options.items() if field not in defaults or defaults[field] != value}
    return [word for field, value in changed.items() for word in ("-o", f"{label}.{field}={_option(value)}")]


def _bench_words(header: Header, registry: Registry) -> list[str]:
    """How to name the benchmark: not at all where it is the default, by the source that ships it, or as a folder."""
    for cls in registry.all("source"):
        if cls.bench is not None and _is(Path(cls.bench), header):
            return [] if cls is shipping_source(registry) else ["--bench", cls.name]
    return ["--bench", "DIR", "--data-root", "DIR"]


def _is(folder: Path, header: Header) -> bool:
    try:
        return all(bench_hash(folder, mode) == about.sha256 for mode, about in header.bench.items())
    except HarnessError:
        return False
