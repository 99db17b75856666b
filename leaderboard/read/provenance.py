"""Where a board's figures come from, in words, and the command that repeats them."""

from __future__ import annotations

import json
import shlex
from functools import cache
from typing import Any

from harness.bench.records import bench_hash
from harness.errors import HarnessError
from harness.registry import Registry
from harness.run.provenance import option_values
from harness.run.select import default_bench
from leaderboard.read.runs import Run, planned_records

NONE = "none"


def settings(run: Run) -> list[list[str]]:
    """What a run's results depend on besides its plugins, as rows of name and value."""
    header = run.header
    rows = [
        [name, NONE if header.get(name) is None else str(header[name])]
        for name in ("harness", "python", "numpy", "torch", "transformers", "device", "seed", "limit")
    ]
    for mode, bench in header["bench"].items():
        counts = ", ".join(f"{model} {count}" for model, count in header["planned"][mode].items())
        rows.append([f"{mode} records", f"{counts} (of {bench['records']}; SHA-256 {bench['sha256']})"])
    rows.append(["samples", f"SHA-256 {header['samples']}"])
    for found in header["plugins"].values():
        for name, about in found.items():
            files = [f"{file} {identity or '(not found)'}" for file, identity in about.get("weights", {}).items()]
            rows += [[f"weights of {name}", ", ".join(files)]] if files else []
    complete = "complete" if run.finished == run.planned else "not finished"
    return [
        *rows,
        ["results", f"{run.finished} of {run.planned} ({complete})"],
        ["journal", f"SHA-256 {run.digest}"],
        ["repeat with", command_line(header)],
    ]


def plugins(header: dict[str, Any]) -> list[list[str]]:
    """Every plugin of a run: kind, name, distribution, module and options."""
    return [
        [
            kind,
            name,
            f"{about['distribution']} {about['version']}".strip(),
            about["module"],
            ", ".join(f"{field}={_option(value)}" for field, value in about["options"].items()) or NONE,
        ]
        for kind, found in header["plugins"].items()
        for name, about in found.items()
    ]


def _option(value: Any) -> str:
    return value if isinstance(value, str) else NONE if value is None else json.dumps(value)


@cache
def _installed() -> Registry:
    return Registry.discover()


def command_line(header: dict[str, Any], registry: Registry | None = None) -> str:
    """The command that repeats a run, from its journal's header; ``registry``: None for what is installed.

    Options that are the plugin's defaults here are left out. Where the benchmark is not the one that ships,
    ``DIR`` stands for its folder, as it does for the data of a source that does not ship any.
    """
    registry = registry or _installed()
    words = ["harness", "eval"]
    for name in header["attributors"]:
        words += ["--attributor", name]
    for name in header["plugins"].get("model", ()):
        words += ["--model", name]
    for mode in header["bench"]:
        words += ["--mode", mode]
    if not _ships(header, registry):
        words += ["--bench", "DIR", "--data-root", "DIR"]
    all_of_them = planned_records(header) == header["available"]
    if header.get("faithfulness"):
        words += ["--faithfulness", str(header["faithfulness"])]
    words += ["--limit", "0" if all_of_them else str(header["limit"]), "--seed", str(header["seed"])]
    for kind, found in header["plugins"].items():
        for name, about in found.items():
            defaults = _defaults(kind, name, registry)
            for field, value in about["options"].items():
                if field not in defaults or defaults[field] != value:
                    words += ["-o", f"{name}.{field}={_option(value)}"]
    return shlex.join(words)


def _ships(header: dict[str, Any], registry: Registry) -> bool:
    try:
        folder = default_bench(registry)
        return all(bench_hash(folder, mode) == about["sha256"] for mode, about in header["bench"].items())
    except HarnessError:
        return False


def _defaults(kind: Any, name: str, registry: Registry) -> dict[str, Any]:
    try:
        cls = registry.find(kind, name)
        found: dict[str, Any] = option_values(cls, cls.Options())
    except (HarnessError, ValueError, KeyError):  # not installed, or an option that must be given
        return {}
    return found
