"""What this distribution ships beside ``harness``: packages that its entry points name, and that others may hide."""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import PackageNotFoundError, distribution
from importlib.util import find_spec
from pathlib import Path

from harness.errors import HarnessError

OWN = "medground-harness"


def check_not_hidden() -> None:
    """Raise ``HarnessError`` where a package of another's hides one that ships beside ``harness``.

    Their names (``plugins``, ``leaderboard``) are common words, and whatever stands earlier on the path wins. One
    sentence says which file that is, instead of twenty plugins that cannot be imported.
    """
    home = Path(__file__).parents[1]
    for name in _names():
        found = _place(name)
        if found is not None and not found.parent.samefile(home):
            at = found / "__init__.py" if (found / "__init__.py").is_file() else found
            raise HarnessError(
                f"{at} hides the package {name!r} that the harness ships in {home}; rename it, or take "
                f"{found.parent} off PYTHONPATH and sys.path (a script's own folder, and a notebook's, are on it)."
            )


def import_shipped() -> None:
    """Import the packages that ship beside ``harness``, so that none found later on another path is taken instead."""
    for name in _names():
        import_module(name)


def _names() -> list[str]:
    """The top-level packages that our entry points name, besides ``harness`` itself."""
    try:
        entries = distribution(OWN).entry_points
    except PackageNotFoundError:  # a checkout that was never installed has no entry points
        return []
    return sorted({entry.value.partition(":")[0].partition(".")[0] for entry in entries} - {"harness"})


def _place(name: str) -> Path | None:
    """The folder of a package, or the file of a module, that an import of this name would take; nothing is run."""
    try:
        spec = find_spec(name)
    except (ImportError, ValueError):
        return None
    if spec is None:  # nothing hides it: it is not there, which the import will say
        return None
    if spec.submodule_search_locations:
        return Path(next(iter(spec.submodule_search_locations)))
    return Path(spec.origin) if spec.origin else None
