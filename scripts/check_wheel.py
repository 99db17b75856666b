"""Build the wheel, install it into fresh environments, and use it there as a newcomer would.

    python -m scripts.check_wheel           both checks
    python -m scripts.check_wheel wheel     the full environment: this one's libraries, from a hostile folder
    python -m scripts.check_wheel light     an environment without torch and its like (pip fetches the light libraries)

*wheel* sees the libraries of the environment that runs it, but not its editable install. Its current folder holds a
``plugins/`` and a ``leaderboard.py`` of its own, and what needs no Ray cannot reach the network. *light* has only what
``harness plugins``, ``leaderboard``, ``sources check`` and ``plugins new`` need. The first thing that goes wrong ends
the check with what was printed.
"""

from __future__ import annotations

import argparse
import configparser
import os
import re
import shutil
import subprocess
import sys
import tempfile
import venv
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGES = ("harness", "plugins", "leaderboard")
# The current boards, which are read in the repository.
PUBLISHED = ("leaderboard/phantom.", "leaderboard/planted.", "leaderboard/floor.")
HEAVY = {"torch", "torchvision", "transformers", "safetensors", "datasets", "matplotlib", "pot", "segment-anything"}
HOSTILE = "raise RuntimeError('this is not the package that was meant')\n"
SECONDS = 600

# Put where Python imports it at every start: an address that is looked up or connected to is noted, and refused.
NO_NETWORK = """
import socket, sys

def _refuse(*words, **_):
    with open({log!r}, "a") as file:
        print(sys.argv, words, file=file)
    raise OSError("no network in this check")

class _Socket(socket.socket):
    def connect(self, address):
        return super().connect(address) if self.family == socket.AF_UNIX else _refuse(address)

    connect_ex = connect

socket.socket, socket.getaddrinfo, socket.gethostbyname = _Socket, _refuse, _refuse
"""


@dataclass(frozen=True)
class Environment:
    """A virtual environment, and the folder that commands are run in."""

    home: Path
    folder: Path

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.home / "bin" / "python"

    @property
    def library(self) -> Path:
        """Where its packages lie."""
        return next(self.home.glob("lib/python*/site-packages"))

    def install(self, *words: str) -> None:
        """Install by pip, which need not be in the environment."""
        pip = [sys.executable, "-m", "pip", "--python", str(self.python), "--disable-pip-version-check"]
        subprocess.run([*pip, "install", "--quiet", *words], check=True)

    def run(self, *words: str, status: int = 0, says: Sequence[str] = ()) -> str:
        """Run a command and return what it prints; end the check unless it ends so, and says so."""
        print("  $", *words, flush=True)
        # Nothing that a newcomer's shell does not have; nothing kept between one command and the next.
        settings = ("PYTHON", "HF_", "TRANSFORMERS_", "VIRTUAL_ENV")
        variables = {name: text for name, text in os.environ.items() if not name.startswith(settings)}
        variables |= {"COLUMNS": "120", "HARNESS_CACHE": "off"}
        variables["PATH"] = os.pathsep.join([str(self.python.parent), variables["PATH"]])
        done = subprocess.run(words, cwd=self.folder, env=variables, capture_output=True, text=True, timeout=SECONDS)
        printed = done.stdout + done.stderr
        told = " ".join(printed.split())
        lacking = [text for text in says if text not in told]
        if done.returncode != status or lacking or "Traceback" in printed or "failed in" in told:
            sys.exit(
                f"{printed}\n`{' '.join(words)}` ended with status {done.returncode}. Expected: status {status}, "
                f"no traceback, no fault of a plugin" + (f", and {lacking} in what is printed." if lacking else ".")
            )
        return printed


def build(work: Path) -> Path:
    """The wheel of this checkout, built from a copy, so that no earlier build's files get into it."""
    ignored = shutil.ignore_patterns(".*", "build", "dist", "*.egg-info", "__pycache__", "data", "work", "harness-*")
    source = shutil.copytree(ROOT, work / "source", ignore=ignored)
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check", "--no-deps"]
    subprocess.run([*command, "--wheel-dir", str(work), str(source)], check=True)
    (wheel,) = work.glob("*.whl")
    _check_contents(wheel, source)
    return wheel


def _check_contents(wheel: Path, source: Path) -> None:
    """End the check unless the wheel holds every file of the three packages, and nothing else."""
    with zipfile.ZipFile(wheel) as file:
        held = {name for name in file.namelist() if ".dist-info/" not in name}
    files = [path for name in PACKAGES for path in (source / name).rglob("*") if path.is_file()]
    names = {path.relative_to(source).as_posix() for path in files}
    wanted = {name for name in names if not name.startswith(PUBLISHED)}
    if held != wanted:
        sys.exit(f"The wheel lacks {sorted(wanted - held)} and should not hold {sorted(held - wanted)}.")
    print(f"{wheel.name}: {len(held)} files, {wheel.stat().st_size / 2**20:.1f} MiB", flush=True)


def environment(home: Path, folder: Path) -> Environment:
    """A new one that holds nothing, without pip."""
    folder.mkdir()
    venv.create(home, with_pip=False, symlinks=True)
    return Environment(home, folder)


def check_wheel(wheel: Path, work: Path) -> Path:
    """The wheel beside all its libraries, in a hostile folder. Returns the results of a small run."""
    print("The wheel, from a folder that holds other packages of the same names:", flush=True)
    full = environment(work / "full", work / "hostile")
    # Folders that a .pth file names are put on the path, and no .pth file in them is read: no editable install.
    libraries = [path for path in sys.path if Path(path).name in ("site-packages", "dist-packages")]
    (full.library / "libraries.pth").write_text("".join(f"{path}\n" for path in libraries))
    full.install("--no-deps", str(wheel))
    (full.folder / "plugins").mkdir()
    for name in ("plugins/__init__.py", "leaderboard.py"):
        (full.folder / name).write_text(HOSTILE)
    where = "import harness, leaderboard, plugins; print(*(m.__file__ for m in (harness, leaderboard, plugins)))"
    for file in full.run("python", "-I", "-c", where).split():
        if not Path(file).is_relative_to(full.library):
            sys.exit(f"{file} is used instead of the wheel.")
    for command in (["harness"], ["python", "-m", "harness"]):
        if "Broken" in (printed := full.run(*command, "plugins", says=["medfocus"])):
            sys.exit(printed)
    # Ray's workers have the current folder first on their path. They talk to each other, so the network is still there.
    by_ray = ["--limit", "2", "--executor", "ray", "--workers", "1", "--output", "ray"]
    full.run("harness", "eval", "--attributor", "random", "--model", "phantom-qwen2.5-vl", *by_ray)
    log = work / "network.log"
    (full.library / "sitecustomize.py").write_text(NO_NETWORK.format(log=str(log)))
    full.run("harness", "eval", "--attributor", "occlusion", "--limit", "4", says=["occlusion"])
    full.run("python", "-m", "harness", "eval", "--attributor", "medfocus", "--limit", "4", "--output", "medfocus")
    full.run("harness", "leaderboard", "harness-results", says=["occlusion"])
    full.run("harness", "leaderboard", "verify", "harness-results", status=3, says=["are what it claims"])
    if log.exists():
        sys.exit(f"The network was asked for:\n{log.read_text()}")
    return full.folder / "harness-results"


def light_requirements() -> list[str]:
    """What setup.cfg requires, without what is heavy."""
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    lines = config["options"]["install_requires"].split("\n")
    return [line for line in lines if line and re.split(r"[<>=!~ ]", line)[0].lower() not in HEAVY]


def check_light(wheel: Path, work: Path, results: Path | None) -> None:
    """What needs no torch, where there is none."""
    print("Without torch and its like:", flush=True)
    light = environment(work / "light", work / "light-folder")
    light.install(*light_requirements())
    light.install("--no-deps", str(wheel))
    light.run("harness", "--help", says=["leaderboard"])
    if "Broken" in (printed := light.run("harness", "plugins", says=["medfocus"])):
        sys.exit(printed)
    light.run("harness", "plugins", "show", "medfocus", says=["works with"])
    light.run("harness", "plugins", "new", "attributor", "x")
    sys.path.insert(0, str(ROOT / "tests"))
    import data_trees

    data_trees.write_vindr_cxr(work / "data")
    light.run("harness", "sources", "check", "--data-root", str(work / "data"), says=["imagenome"])
    light.run("harness", "sources", "check", "--data-root", str(work / "data"), "--source", "vindr_cxr", "--images")
    if results is not None:
        light.run("harness", "leaderboard", str(results), says=["occlusion"])
        forms = [f"--output=board.{form}" for form in ("md", "csv", "json", "html")]
        light.run("harness", "leaderboard", str(results), *forms)
        light.run("harness", "leaderboard", "verify", str(results), status=3, says=["are what it claims"])
    sentence = "which is not installed; `pip install medground-harness` brings it"
    light.run("harness", "eval", "--attributor", "occlusion", "--limit", "1", status=2, says=[sentence])


def main() -> None:
    """Run the checks that were asked for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("which", nargs="?", choices=["wheel", "light", "both"], default="both")
    which = parser.parse_args().which
    with tempfile.TemporaryDirectory(prefix="harness-wheel-") as folder:
        work = Path(folder).resolve()
        wheel = build(work)
        results = check_wheel(wheel, work) if which != "light" else None
        if which != "wheel":
            check_light(wheel, work, results)


if __name__ == "__main__":
    main()
