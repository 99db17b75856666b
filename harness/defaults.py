"""The benchmark that commands use where the user names none: the one that ships."""

from __future__ import annotations

from pathlib import Path

from harness.errors import HarnessError
from harness.registry import Registry


def default_bench(registry: Registry) -> Path:
    """The benchmark that ships with a source. Raises ``HarnessError`` where none or several have one."""
    shipping = [cls for cls in registry.all("source") if cls.bench is not None]
    if len(shipping) == 1:
        return Path(shipping[0].bench)
    if not shipping:
        raise HarnessError("No installed source ships a benchmark; give the folder of one by --bench.")
    names = ", ".join(cls.name for cls in shipping)
    raise HarnessError(f"Several sources ship a benchmark ({names}); give the folder of one by --bench.")
