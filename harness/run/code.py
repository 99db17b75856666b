"""Which code a plugin is: a digest of the source of its modules.

The distribution's version tells nothing of a plugin that is being written, or was installed from a working tree. So
the text counts: that of the module that defines the class, and of every module of the same top-level package which
that one imports, anywhere in it, and so on. Other packages are not looked into, and neither is the harness: its own
part in figures is :data:`harness.run.provenance.SCORING`.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import lru_cache
from hashlib import sha256
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from pathlib import Path

DIGITS = 16


def code_of(cls: type) -> str | None:
    """16 hexadecimal digits; None where there is no source, as of a class that was typed into a notebook."""
    found = dict[str, str]()
    left = [cls.__module__]
    while left:
        name = left.pop()
        if name in found or (source := _source(name)) is None:
            continue
        # A working tree on Windows may end its lines otherwise.
        text = source.replace("\r\n", "\n")
        found[name] = sha256(text.encode()).hexdigest()
        left += _imported(name, text)
    if cls.__module__ not in found:
        return None
    return sha256("\n".join(f"{name} {found[name]}" for name in sorted(found)).encode()).hexdigest()[:DIGITS]


def _source(name: str) -> str | None:
    """The text of a module; None where it has none, or there is no such module."""
    spec = _spec(name)
    if spec is None or not spec.origin or not spec.origin.endswith(".py"):
        return None
    try:
        return Path(spec.origin).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None


def _spec(name: str) -> ModuleSpec | None:
    try:
        return find_spec(name)
    except (ImportError, ValueError, AttributeError):  # of __main__, and of what lies below no package
        return None


@lru_cache(maxsize=4096)
def _imported(name: str, text: str) -> tuple[str, ...]:
    """The modules of the same top-level package that a module's text imports."""
    top = name.partition(".")[0]
    try:
        tree = ast.parse(text)
    except SyntaxError:  # it was imported, so that it is being written right now
        return ()
    spec = _spec(name)
    package = name if spec is not None and spec.submodule_search_locations is not None else name.rpartition(".")[0]
    wanted = [one for node in ast.walk(tree) for one in _names(node, package, top)]
    return tuple(dict.fromkeys(wanted))


def _names(node: ast.AST, package: str, top: str) -> Iterator[str]:
    """The modules of the package ``top`` that an import statement may mean. No other is looked for, which would import
    it: torch and its like take seconds."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names if alias.name.partition(".")[0] == top)
    elif isinstance(node, ast.ImportFrom):
        parts = package.split(".")
        base = ".".join(parts[: len(parts) - node.level + 1]) if node.level else ""
        module = ".".join(part for part in (base, node.module) if part)
        if module.partition(".")[0] != top:
            return
        below = [f"{module}.{alias.name}" for alias in node.names]
        modules = [one for one in below if _spec(one) is not None]
        # ``from package import name``: the package itself counts only where the name is one of its own.
        yield from modules
        if len(modules) < len(below):
            yield module
