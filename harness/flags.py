"""What the subcommands share: flags made from settings, and getting ready to compute."""

from __future__ import annotations

import argparse
import os
import sys
import warnings
from collections.abc import Callable, Iterable
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin

from pydantic.fields import FieldInfo

from harness.bench.records import RELEASE_WORDS
from harness.errors import HarnessError
from harness.settings import Settings, facts

CACHE_VARIABLE = "HARNESS_CACHE"
INTERRUPTED = 130  # exit status
_THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS")
S = TypeVar("S", bound=Settings)


def add_settings(parser: argparse.ArgumentParser, cls: type[Settings]) -> None:
    """A flag for each field of settings; ``--config`` and ``--write-config``, which read and print them as YAML."""
    for name, info in cls.model_fields.items():
        _add_flag(parser, name, info)
    parser.add_argument("--config", metavar="FILE.yaml", help="settings from a file; flags count for more than it")
    parser.add_argument(
        "--write-config", action="store_true", help="print the settings as a file for --config, and do nothing else"
    )


def read_settings(args: argparse.Namespace, cls: type[S]) -> S | None:
    """The settings that a command was started with; None where it was to print them, which is done.

    Raises ``HarnessError`` for one that cannot be.
    """
    values: dict[str, Any] = {}
    where = ""
    if args.config is not None:
        where = args.config
        values = read_yaml(Path(where))
        cls.of(values, where)
    settings = cls.of(values | given(args, cls))
    if args.write_config:
        print(cls.yaml(settings.model_dump(mode="json", exclude_unset=True)), end="")
        return None
    return settings


def read_yaml(path: Path) -> dict[str, Any]:
    """The values in a YAML file. Raises ``HarnessError`` where it cannot be read, or holds no mapping."""
    import yaml

    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise HarnessError(f"The settings {path} cannot be read: {error.strerror or error}.") from error
    except (UnicodeDecodeError, yaml.YAMLError, RecursionError) as error:
        raise HarnessError(f"The settings {path} are no YAML: {' '.join(str(error).split())}.") from error
    if found is None:
        return {}
    if not isinstance(found, dict) or not all(isinstance(name, str) for name in found):
        raise HarnessError(f"The settings {path} must be lines of FIELD: VALUE, as --write-config prints them.")
    return found


def given(args: argparse.Namespace, cls: type[Settings]) -> dict[str, Any]:
    """The settings that were given as flags, by field."""
    return {name: vars(args)[name] for name in cls.model_fields if vars(args).get(name) is not None}


def _add_flag(parser: argparse.ArgumentParser, name: str, info: FieldInfo) -> None:
    kind, several = _kind(info)
    word = name.removesuffix("s") if several else name
    about = facts(info)
    flags = [*([about["short"]] if "short" in about else []), f"--{word.replace('_', '-')}"]
    text = f"{info.description}{_more(info, several)}".replace("%", "%%")
    if kind is bool:
        parser.add_argument(*flags, dest=name, action="store_true", default=None, help=text)
        return
    choices = get_args(kind) if get_origin(kind) is Literal else None
    metavar = about.get("metavar") or (f"{{{','.join(choices)}}}" if choices else "N" if kind is int else "NAME")
    convert: Any = str
    if kind is int:
        convert = whole(next((rule.ge for rule in info.metadata if hasattr(rule, "ge")), 0))
    elif kind is float:
        convert = float
    elif choices:
        convert = _one_of(flags[-1], choices)
    elif several and metavar == "NAME":
        convert = _one_name(flags[-1])
    parser.add_argument(
        *flags, dest=name, action="append" if several else _Once, type=convert, metavar=metavar, default=None, help=text
    )


class _Once(argparse.Action):
    """Stores a value, and refuses a second one that says something else, as only one of them could hold."""

    def __call__(self, parser: Any, namespace: argparse.Namespace, values: Any, option_string: Any = None) -> None:
        before = getattr(namespace, self.dest, None)
        if before is not None and before != values:
            raise argparse.ArgumentError(self, f"it is given twice, as {before} and as {values}; give one of them")
        setattr(namespace, self.dest, values)


def _one_of(flag: str, choices: tuple[str, ...]) -> Callable[[str], str]:
    """An argument type: one of some words, for which the release's own may be typed by mistake."""

    def word(text: str) -> str:
        if text not in choices:
            ours = next((mode for mode, theirs in RELEASE_WORDS.items() if theirs == text and mode in choices), None)
            meant = f"{flag} {ours}, which the release calls so" if ours else " or ".join(choices)
            raise argparse.ArgumentTypeError(f"invalid choice: {text!r}; type {meant}")
        return text

    return word


def _one_name(flag: str) -> Callable[[str], str]:
    """An argument type: one name, as lists are given by the flag again and again."""

    def name(text: str) -> str:
        if "," in text:
            each = " ".join(f"{flag} {part.strip()}" for part in text.split(",") if part.strip())
            raise argparse.ArgumentTypeError(f"{text!r} is no name; give the flag once for each: {each}")
        return text

    return name


def _kind(info: FieldInfo) -> tuple[Any, bool]:
    """What one value of a field is, and whether it takes several."""
    kind = info.annotation
    if get_origin(kind) in (Union, UnionType):
        kind = next(one for one in get_args(kind) if one is not NoneType)
    return (get_args(kind)[0], True) if get_origin(kind) is list else (kind, False)


def _more(info: FieldInfo, several: bool) -> str:
    value = info.default
    if several:
        return "; repeatable" + (f" (default: {', '.join(map(str, value))})" if value else "")
    return "" if value is None or value is False else f" (default: {value})"


def how_to_go_on(fresh: bool) -> str:
    """What to say after Ctrl-C, of a command that keeps what is finished."""
    same = "same command without --fresh" if fresh else "same command"
    return f"Interrupted. The {same} goes on where it stopped."


def whole(least: int) -> Callable[[str], int]:
    """An argument type: a whole number, ``least`` or more."""

    def number(text: str) -> int:
        if not text.strip().isdecimal() or int(text) < least:
            raise argparse.ArgumentTypeError(f"{text!r} is no whole number of {least} or more")
        return int(text)

    return number


def add_option_argument(parser: argparse.ArgumentParser) -> None:
    """``-o``, of every subcommand that sets up a plugin."""
    parser.add_argument(
        "-o", "--option", action="append", default=[], metavar="NAME.FIELD=VALUE",
        help="set a plugin's option, as in occlusion.grid=8; repeatable (see `harness plugins show NAME`)",
    )  # fmt: skip


def prepare(threads: int | None, cache: str | None = None) -> None:
    """Set the number of threads and the cache, and hush the libraries; call it before torch or numpy are imported."""
    if cache is not None:
        os.environ[CACHE_VARIABLE] = cache
    if threads is not None:
        os.environ.update(dict.fromkeys(_THREAD_VARIABLES, str(threads)))
        if "torch" in sys.modules:
            sys.modules["torch"].set_num_threads(threads)
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    hush((FutureWarning, DeprecationWarning, UserWarning))


def hush(categories: Iterable[type[Warning]]) -> None:
    """Ignore warnings of libraries, unless Python was started with warnings of the user's choice."""
    if not sys.warnoptions:
        for category in categories:
            warnings.simplefilter("ignore", category)
