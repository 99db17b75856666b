"""What the subcommands that run models share."""

from __future__ import annotations

import argparse
import os
import sys
import warnings
from collections.abc import Callable

from harness.run.cache import OFF, VARIABLE

_THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS")


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


def add_run_arguments(parser: argparse.ArgumentParser) -> None:
    """Options, seed and threads: arguments of every subcommand that runs a model."""
    add_option_argument(parser)
    parser.add_argument(
        "--seed", type=whole(0), default=0, metavar="N", help="fixes all randomness (default 0)"
    )
    parser.add_argument(
        "--threads", type=whole(1), metavar="N", help="CPU threads to use (default: all cores)"
    )


def add_cache_argument(parser: argparse.ArgumentParser) -> None:
    """``--cache``, of the subcommands whose plugins may keep things for the next run."""
    parser.add_argument(
        "--cache", metavar="DIR",
        help=f"where to keep what the next run would compute again, as MedFocus's boxes; {OFF} keeps nothing "
        f"(default: ${VARIABLE}, else the user's cache folder)",
    )  # fmt: skip


def prepare(threads: int | None, cache: str | None = None) -> None:
    """Set the number of threads and the cache, and hush the libraries; call it before torch or numpy are imported."""
    if cache is not None:
        os.environ[VARIABLE] = cache
    if threads is not None:
        os.environ.update(dict.fromkeys(_THREAD_VARIABLES, str(threads)))
        if "torch" in sys.modules:
            sys.modules["torch"].set_num_threads(threads)
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    if not sys.warnoptions:
        for category in (FutureWarning, DeprecationWarning, UserWarning):
            warnings.simplefilter("ignore", category)
