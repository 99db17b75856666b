"""The benchmark that commands use where the user names none: the one that ships."""

from __future__ import annotations

from pathlib import Path

from harness.contracts.source import Source
from harness.errors import HarnessError
from harness.registry import Registry


def bench_folder(registry: Registry, given: Path | None) -> Path:
    """The benchmark that the user names, by its folder or by the name of a source that ships one; else the default.

    Raises ``HarnessError`` where there is no default. A folder wins over a source of the same name.
    """
    if given is None:
        return default_bench(registry)
    for cls in registry.all("source"):
        if cls.bench is not None and cls.name == str(given) and not given.exists():
            return Path(cls.bench)
    return given


def default_bench(registry: Registry) -> Path:
    """The benchmark that ships with a source. Raises ``HarnessError`` where none or several have one."""
    bench = shipping_source(registry).bench
    assert bench is not None
    return Path(bench)


def shipping_source(registry: Registry) -> type[Source]:
    """The source that ships a benchmark: of several the one that declares itself the default.

    Raises ``HarnessError`` where that names none or several.
    """
    shipping: list[type[Source]] = [cls for cls in registry.all("source") if cls.bench is not None]
    if not shipping:
        raise HarnessError("No installed source ships a benchmark; give the folder of one by --bench.")
    chosen = [cls for cls in shipping if cls.default] or shipping
    if len(chosen) > 1:
        names = ", ".join(cls.name for cls in chosen)
        raise HarnessError(f"Several sources ship a benchmark ({names}); give one by --bench.")
    return chosen[0]
