"""Another's ``plugins`` and ``leaderboard``: not taken from the current folder, and named where they hide ours."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import harness

HOSTILE = "raise RuntimeError('this is not the package that was meant')\n"


def run(folder: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"COLUMNS": "120"} | variables
    command = [sys.executable, *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=folder, env=environment, timeout=120)


@pytest.fixture
def hostile(tmp_path: Path) -> Path:
    """A folder with a ``plugins/``, a ``leaderboard.py`` and a ``rich.py`` of its own."""
    (tmp_path / "plugins").mkdir()
    for name in ("plugins/__init__.py", "leaderboard.py", "rich.py"):
        (tmp_path / name).write_text(HOSTILE)
    return tmp_path


def test_the_current_folder_is_not_on_the_path_of_python_m(hostile: Path) -> None:
    done = run(hostile, "-m", "harness", "plugins")
    assert done.returncode == 0 and "medfocus" in done.stdout and "Broken" not in done.stdout, done.stderr


@pytest.mark.parametrize("switch", [[], ["-P"], ["-I"]])
def test_only_what_python_m_added_is_taken_off_the_path(tmp_path: Path, switch: list[str]) -> None:
    """The guard is run by itself, in a script that prints the path before and after it."""
    if switch == ["-P"] and sys.version_info < (3, 11):
        pytest.skip("Python 3.10 has no -P")
    (tmp_path / "shown.py").write_text(
        "import sys\nimport harness.__main__\nbefore = list(sys.path)\n"
        "harness.__main__._forget_current_folder()\nprint(before == sys.path, before[1:] == sys.path)\n"
    )
    code = "import runpy; runpy.run_path('shown.py')"  # -c puts '' where -m puts the folder
    assert run(tmp_path, *switch, "-c", code).stdout.split() == [str(bool(switch)), str(not switch)]


def test_a_checkout_that_is_not_installed_runs_from_its_own_folder(tmp_path: Path) -> None:
    for name in ("harness", "plugins", "leaderboard"):
        (tmp_path / name).symlink_to(Path(harness.__file__).parents[1] / name)
    code = "import sys, harness.__main__ as m; m._forget_current_folder(); print(sys.path[0] == '', m.__file__)"
    kept, file = run(tmp_path, "-c", code).stdout.split()
    assert kept == "True" and Path(file).is_relative_to(tmp_path)


@pytest.mark.parametrize(
    ("name", "content", "arguments"),
    [
        ("plugins/__init__.py", HOSTILE, ["plugins"]),
        ("leaderboard.py", HOSTILE, ["leaderboard", "results"]),
        ("leaderboard/__init__.py", "", ["eval", "--attributor", "occlusion"]),
    ],
)
def test_what_hides_ours_is_named_in_one_sentence(
    tmp_path: Path, name: str, content: str, arguments: list[str]
) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text(content)
    done = run(tmp_path, "-m", "harness", *arguments, PYTHONPATH=str(tmp_path))
    assert done.returncode == 2 and done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"harness: {tmp_path / name} hides the package {Path(name).parts[0].removesuffix('.py')!r}")
    assert f"take {tmp_path} off PYTHONPATH" in line


def test_a_script_or_notebook_beside_it_hears_the_same(hostile: Path) -> None:
    (hostile / "rich.py").unlink()
    (hostile / "script.py").write_text("import harness\nharness.Registry.discover()\n")
    done = run(hostile, "script.py")
    assert done.returncode == 1 and f"HarnessError: {hostile / 'leaderboard.py'} hides" in done.stderr
