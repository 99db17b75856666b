"""HTML and SVG in which text of others cannot be anything but text: everything that is not made here is escaped."""

from __future__ import annotations

from base64 import b64encode
from hashlib import sha256
from html import escape

from harness.text import plain

_VOID = frozenset({"meta", "br", "img"})


class Markup(str):
    """Text that is markup already, because :func:`el` or :func:`join` made it."""


Child = str | int | None
Value = str | int | float | bool | None


def el(name: str, /, *children: Child, **attributes: Value) -> Markup:
    """An element. Children that are no :class:`Markup` are shown as text; None is nothing.

    An attribute's name loses a ``_`` at its end (``class_``), and others become ``-``; None and False leave
    it out, True gives it without a value.
    """
    words = [name]
    for key, value in attributes.items():
        if value is None or value is False:
            continue
        key = key.rstrip("_").replace("_", "-")
        if value is True:
            words.append(key)
            continue
        if not isinstance(value, Markup):
            value = escape(f"{value:.6g}" if isinstance(value, float) else plain(str(value)))
        words.append(f'{key}="{value}"')
    inside = join(*children)
    return Markup(f"<{' '.join(words)}>{inside}" if name in _VOID else f"<{' '.join(words)}>{inside}</{name}>")


def join(*children: Child) -> Markup:
    """Children one after the other; spaces at the ends of a text are lost."""
    shown = [child for child in children if child is not None]
    return Markup("".join(c if isinstance(c, Markup) else escape(plain(str(c))) for c in shown))


def verbatim(text: str) -> Markup:
    """Text with its spaces and line breaks, but without what cannot be shown."""
    return Markup(escape(plain(text, lines=True)))


def page(title: str, style: str, *children: Child, script: str = "") -> str:
    """A page that asks for nothing else: no network, no file beside it. ``style`` and ``script`` are ours."""
    scripts = f"; script-src '{_hash(script)}'" if script else ""
    policy = (
        f"default-src 'none'; img-src data:; style-src '{_hash(style)}'{scripts}; base-uri 'none'; form-action 'none'"
    )
    head = el(
        "head",
        el("meta", charset="utf-8"),
        el("meta", http_equiv="Content-Security-Policy", content=policy),
        el("meta", name="viewport", content="width=device-width, initial-scale=1"),
        el("title", title),
        el("style", Markup(style)),
    )
    body = el("body", *children, el("script", Markup(script)) if script else None)
    return f"<!DOCTYPE html>\n{el('html', head, body, lang='en')}\n"


def _hash(text: str) -> str:
    return "sha256-" + b64encode(sha256(text.encode()).digest()).decode("ascii")
