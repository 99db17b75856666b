"""Type the tutorials anew, as they stand, and put what is printed into them.

    python -m scripts.replay_tutorials            all, in the order in which they build on each other
    python -m scripts.replay_tutorials metric     this one alone
    python -m scripts.replay_tutorials --check    change no file; say where what is printed differs

In a tutorial, a ``python`` block whose first line is ``# PATH`` is that file, which replaces what is there. In a
``console`` block, ``$ `` begins a command and the lines up to the next one are its output; ``console tail=N`` keeps the
last N lines of each. All is done in one new folder and one new virtual environment, which sees this one's packages.
After the embedded models or the benchmark have changed, this brings the figures up to date; it takes some minutes.
"""

from __future__ import annotations

import argparse
import difflib
import os
import re
import site
import subprocess
import sys
import tempfile
import venv
from collections.abc import Iterator, Mapping
from pathlib import Path

DOCS = Path(__file__).parents[1] / "docs"
ORDER = ("attributor", "metric", "editor", "source", "model")  # the source's tutorial uses the editor
BLOCK = re.compile(r"^```(?P<info>[^\n]*)\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)
SECONDS = 1800


def environment(folder: Path) -> dict[str, str]:
    """A virtual environment in a folder, and the variables under which a shell uses it."""
    venv.create(folder, with_pip=False)
    library = next(folder.glob("lib/python*/site-packages"))
    lines = [f"import site; site.addsitedir({path!r})" for path in site.getsitepackages()]
    (library / "outer.pth").write_text("\n".join(lines) + "\n")
    for command in ("harness", "pip", "pytest"):
        script = folder / "bin" / command
        script.write_text(f'#!/bin/sh\nexec {folder}/bin/python -m {command} "$@"\n')
        script.chmod(0o755)
    return os.environ | {
        "PATH": f"{folder / 'bin'}:{os.environ['PATH']}", "COLUMNS": "100", "HF_HUB_OFFLINE": "1",
        # Plain `pip install` works for readers; here there need be no network.
        "PIP_NO_INDEX": "1", "PIP_NO_DEPS": "1", "PIP_NO_BUILD_ISOLATION": "0", "PIP_ROOT_USER_ACTION": "ignore",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    }  # fmt: skip


def replay(text: str, folder: Path, variables: Mapping[str, str]) -> str:
    """A tutorial with what its commands print when they are typed in ``folder``."""

    def block(found: re.Match[str]) -> str:
        info, body = found["info"], found["body"]
        first = body.partition("\n")[0]
        if info == "python" and first.startswith("# ") and first.endswith(".py"):
            path = folder / first.removeprefix("# ")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(body.partition("\n")[2].lstrip("\n"))
        if not info.startswith("console"):
            return found[0]
        tail = int(info.partition("tail=")[2] or 0)
        shown = [line for command in commands(body) for line in typed(command, tail, folder, variables)]
        return "\n".join([f"```{info}", *shown, "```"])

    return BLOCK.sub(block, text)


def commands(body: str) -> Iterator[str]:
    """The commands of a console block, with their continuation lines."""
    lines = iter(body.splitlines())
    for line in lines:
        if line.startswith("$ "):
            while line.endswith("\\"):
                line += "\n" + next(lines)
            yield line.removeprefix("$ ")


def typed(command: str, tail: int, folder: Path, variables: Mapping[str, str]) -> list[str]:
    """A command and what it prints, as lines."""
    print(f"$ {command}", flush=True)
    done = subprocess.run(
        ["bash", "-c", command], cwd=folder, env=dict(variables), text=True, timeout=SECONDS,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    lines = [line.rstrip() for line in done.stdout.replace(str(folder), "…").rstrip().splitlines()]
    if tail and len(lines) > tail:
        lines = ["…", *lines[-tail:]]
    return [*f"$ {command}".splitlines(), *lines]


def main() -> int:
    """Replay the tutorials."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tutorial", nargs="*", help=" | ".join(ORDER))
    parser.add_argument("--check", action="store_true", help="change no file")
    args = parser.parse_args()
    check, wanted = args.check, args.tutorial or ORDER
    if unknown := set(wanted) - set(ORDER):
        parser.error(f"there is no tutorial {min(unknown)!r}; there are {', '.join(ORDER)}")
    status = 0
    with tempfile.TemporaryDirectory(prefix="tutorials-") as scratch:
        variables = environment(Path(scratch) / "venv")
        folder = Path(scratch) / "work"
        folder.mkdir()
        for name in (name for name in ORDER if name in wanted):
            path = DOCS / f"tutorial-{name}.md"
            before = path.read_text(encoding="utf-8")
            after = replay(before, folder, variables)
            if check and after != before:
                sys.stdout.writelines(difflib.unified_diff(before.splitlines(True), after.splitlines(True), path.name))
                status = 1
            elif not check:
                path.write_text(after, encoding="utf-8")
    return status


if __name__ == "__main__":
    sys.exit(main())
