"""Writing the beginning of a plugin: the files of ``harness/testing/templates`` with its name filled in."""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path
from string import Template

from harness.errors import HarnessError
from harness.registry import Kind, Registry

_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")


def write_plugin(registry: Registry, kind: Kind, name: str, folder: Path) -> list[Path]:
    """Write a distribution with one plugin into a new folder.

    Parameters
    ----------
    registry
        The plugins whose names are taken.
    kind
        One that has a template.
    name
        What users will call the plugin.
    folder
        Must not exist.

    Returns
    -------
    list of Path
        The files, the module first.

    Raises
    ------
    HarnessError
        For a bad name, one that an installed plugin of the kind has, or a folder that exists.
    """
    if not _NAME.fullmatch(name):
        raise HarnessError(
            f"{name!r} is no name for a plugin; take lower-case letters and digits, a letter first, "
            "with single hyphens between words, as in my-method."
        )
    taken = {word for cls in registry.all(kind) for word in (cls.name, *cls.aliases)}
    if name in taken:
        raise HarnessError(f"There is {_article(kind)} named {name!r} already; take another name.")
    if folder.exists() or folder.is_symlink():
        raise HarnessError(f"{folder} exists already; give another folder by --to.")
    texts = contents(kind, name)
    try:
        for path, text in texts.items():
            target = folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8")
    except OSError as error:
        raise HarnessError(f"The plugin cannot be written to {folder}: {error.strerror or error}.") from error
    return [folder / path for path in texts]


def contents(kind: Kind, name: str) -> dict[str, str]:
    """The text of each file by its path in the distribution, the module first."""
    module = f"harness_{name.replace('-', '_')}"
    words = {
        "kind": kind, "a_kind": _article(kind), "name": name, "module": module, "cls": class_name(kind, name),
        "title": name.replace("-", " ").capitalize()[:40],
    }  # fmt: skip
    sources = {
        f"{module}.py": f"{kind}.py.txt",
        f"tests/test_{module}.py": "test.py.txt",
        "pyproject.toml": "pyproject.toml.txt",
        "README.md": f"{kind}.md.txt",
    }
    templates = files("harness.testing") / "templates"
    return {
        path: Template((templates / template).read_text(encoding="utf-8")).substitute(words)
        for path, template in sources.items()
    }


def class_name(kind: Kind, name: str) -> str:
    """``my-method`` as a class name that says what it is and hides nothing that the module imports."""
    stem, suffix = "".join(word.capitalize() for word in name.split("-")), kind.capitalize()
    return stem if stem.endswith(suffix) and stem != suffix else stem + suffix


def _article(kind: Kind) -> str:
    return f"an {kind}" if kind[0] in "aeiou" else f"a {kind}"
