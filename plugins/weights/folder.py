"""What is wrong with a checkpoint's folder, said before a library stumbles over it in words of its own."""

from __future__ import annotations

import json
from pathlib import Path
from shlex import quote
from typing import Any

from harness.errors import HarnessError, one_line

PICKLES = (".bin", ".pt", ".pth", ".ckpt")
_COPY = "copy the checkpoint anew"


def check_folder(folder: Path, stem: str = "model") -> None:
    """Raise ``HarnessError``, which names the file and what to do, unless a folder holds a checkpoint that can be read.

    ``stem``: what its safetensors are called. It has a config, and either one file of weights or an index with all the
    files that it names, each of them whole; whether they fit the config, loading tells.
    """
    _config(folder / "config.json")
    index = folder / f"{stem}.safetensors.index.json"
    if (folder / f"{stem}.safetensors").is_file():
        files = [folder / f"{stem}.safetensors"]
    elif index.is_file():
        files = _shards(index)
    else:
        raise HarnessError(_no_weights(folder, stem))
    for file in files:
        check_safetensors(file)


def check_safetensors(file: Path) -> None:
    """Raise ``HarnessError`` where a file is no safetensors, or not all of one."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(file, framework="numpy"):  # reads the header, and compares it with the file's length
            pass
    except (OSError, SafetensorError) as error:
        raise HarnessError(f"{file} is no whole safetensors file ({one_line(error)}); {_COPY}.") from error


def _config(file: Path) -> None:
    if not isinstance(_json(file), dict):
        raise HarnessError(f"{file} is no checkpoint's config, which is a JSON object; {_COPY}.")


def _json(file: Path) -> Any:
    try:
        return json.loads(file.read_bytes())
    except OSError as error:
        raise HarnessError(f"{file} cannot be read: {error.strerror or error}.") from error
    except (ValueError, RecursionError) as error:
        raise HarnessError(f"{file} is no JSON ({one_line(error)}); {_COPY}.") from error


def _shards(index: Path) -> list[Path]:
    """The files that an index names."""
    said = _json(index)
    names = said.get("weight_map") if isinstance(said, dict) else None
    if not isinstance(names, dict) or not names or not all(isinstance(name, str) for name in names.values()):
        raise HarnessError(f"{index} is no index of weights, which has a weight_map; {_COPY}.")
    files = [index.parent / name for name in sorted(set(names.values()))]
    missing = [file.name for file in files if not file.is_file()]
    if missing:
        count = f"{len(missing)} of {len(files)} files are missing"
        raise HarnessError(f"{index} names {missing[0]}, which is not there ({count}); {_COPY}.")
    return files


def _no_weights(folder: Path, stem: str) -> str:
    pickles = sorted(file for file in folder.iterdir() if file.suffix in PICKLES)
    if not pickles:
        return f"{folder} holds a config but no weights (no {stem}.safetensors); {_COPY}."
    paths = quote(str(pickles[0])), quote(f"{folder / stem}.safetensors")
    return (
        f"{folder} holds no {stem}.safetensors, and {pickles[0].name} is a pickle, which is not read; `harness weights "
        f"convert {paths[0]} --output {paths[1]}` makes the one of the other."
    )
