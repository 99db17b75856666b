"""Loading a checkpoint by its real class, with errors that users can act on."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from typing import Any

from harness.errors import HarnessError
from harness.run.memory import out_of_memory
from harness.text import plain
from plugins.weights.folder import check_folder


def load_checkpoint(
    name: str,
    location: str,
    class_name: str,
    model_type: str,
    dtype: str,
    device: str,
    device_map: str | None,
    option: str = "path",
    attention: str | None = "sdpa",
) -> tuple[Any, Any]:
    """A transformers model, in eval mode, and its processor.

    ``name`` is what users call the model; ``location`` a folder or a hub id; ``class_name`` a class of
    transformers and ``model_type`` what the checkpoint's config must say; ``device_map``, where given,
    places the weights instead of ``device``; ``option`` is the plugin's option that names the location;
    ``attention`` the implementation, None for the class's own. Only safetensors are read, and no code of the
    checkpoint's is run. Raises ``HarnessError`` where the weights are missing, gated, damaged or of another
    family.
    """
    import transformers

    with opened(name, location, option) as place:
        revision = pinned(place)
        config = transformers.AutoConfig.from_pretrained(place, trust_remote_code=False, **revision)
        check_type(name, place, config.model_type, model_type)
        processor = transformers.AutoProcessor.from_pretrained(place, trust_remote_code=False, **revision)
        model, report = getattr(transformers, class_name).from_pretrained(
            place,
            config=config,
            dtype=dtype,
            device_map=device_map,
            attn_implementation=attention,
            use_safetensors=True,
            trust_remote_code=False,
            ignore_mismatched_sizes=True,  # the report has them, and check_complete refuses them in a sentence
            output_loading_info=True,
            **revision,
        )
        if device_map is None:
            model.to(device)
    check_complete(name, place, report)
    return model.eval(), processor


def pick_device(name: str, device: str) -> str:
    """``auto`` as the GPU where there is one, else the CPU; ``HarnessError`` for a GPU that is not there."""
    import torch

    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if device != "cpu" and not torch.cuda.is_available():
        raise HarnessError(f"No GPU was found for {name!r}; set -o {name}.device=cpu.")
    return device


def checkpoint_files(location: str, part: str = "") -> list[Path]:
    """What a plugin's ``files`` says of a checkpoint: its folder, or its snapshot in the hub's cache.

    ``part``: a subfolder, looked into where there is one. Of a hub id that is not in the cache, the configuration
    alone is fetched, so that it is known which commit will be loaded. Empty where that cannot be had; loading then
    says why.
    """
    if looks_local(location):
        folder = Path(location).expanduser()
        return [folder / part if (folder / part).is_dir() else folder]
    snapshot = _snapshot(location, part) or _snapshot(location, "")
    return [] if snapshot is None else [snapshot]


def pinned(location: str, part: str = "") -> dict[str, str]:
    """What to give ``from_pretrained`` so that it loads the commit that :func:`checkpoint_files` told of."""
    if looks_local(location) or not (files := checkpoint_files(location, part)):
        return {}
    inside = files[0].parts
    return {"revision": inside[inside.index("snapshots") + 1]}


@lru_cache
def _snapshot(hub_id: str, part: str) -> Path | None:
    """The folder in the hub's cache of the commit that ``main`` is at now or, without a connection, last was."""
    from huggingface_hub import hf_hub_download

    try:
        return Path(hf_hub_download(hub_id, "/".join(filter(None, (part, "config.json"))))).parent
    except (OSError, ValueError):  # all the hub's errors are one of these: offline, gated, no such repository
        return None


def check_there(name: str, location: str, option: str) -> None:
    """``HarnessError`` where a checkpoint is not there, or cannot be had; what of it is there is not loaded."""
    if (folder := _folder(name, location, option)) is not None:
        if not any(folder.glob("*.safetensors")):
            raise HarnessError(_missing(name, str(folder), folder, option, OSError("it holds no .safetensors file")))
    elif not checkpoint_files(location):
        from huggingface_hub import hf_hub_download

        try:
            hf_hub_download(location, "config.json")
        except (OSError, ValueError) as error:
            raise HarnessError(_missing(name, location, None, option, OSError(_line(error)))) from error


@contextmanager
def opened(name: str, location: str, option: str, stem: str = "model") -> Iterator[str]:
    """The folder (absolute or relative) or hub id to load from; what goes wrong in the block is ``HarnessError``.

    ``name`` is what users call the plugin, and ``option`` its option that names the location; ``stem`` what the
    checkpoint's safetensors are called.
    """
    folder = _folder(name, location, option)
    if folder is not None:
        check_folder(folder, stem)
    place = location if folder is None else str(folder)
    with _quiet():
        try:
            yield place
        except HarnessError:
            raise
        except Exception as error:  # the libraries raise many kinds for broken files
            if out_of_memory(error):
                raise
            if isinstance(error, OSError):
                raise HarnessError(_missing(name, place, folder, option, error)) from error
            message = f"The checkpoint of {name!r} could not be loaded from {place}: {_line(error)}"
            raise HarnessError(f"{message}; {_remedy(name, place, folder, option)}.") from error


def check_type(name: str, place: str, found: str | None, wanted: str) -> None:
    """``HarnessError`` where a checkpoint's config is that of another model."""
    if found != wanted:
        raise HarnessError(f"{place} holds a {found!r} model, but {name!r} needs one of type {wanted!r}.")


def check_complete(name: str, place: str, report: dict[str, Any]) -> None:
    """``HarnessError`` where a ``from_pretrained``'s loading report tells of weights that were not there, or are of
    another shape than the config says."""
    if report["missing_keys"]:
        lacking = sorted(report["missing_keys"])
        raise HarnessError(
            f"{place} lacks {len(lacking)} of the weights of {name!r}, such as {lacking[0]}; get the whole checkpoint."
        )
    if report["mismatched_keys"]:
        key, found, wanted = min(report["mismatched_keys"], key=lambda fault: str(fault[0]))
        raise HarnessError(
            f"The weights in {place} are not those of its config.json: {key} is {list(found)}, not {list(wanted)}; get "
            f"both from one checkpoint of {name!r}."
        )


def looks_local(location: str) -> bool:
    """Whether a checkpoint's location is a folder's path and not a hub id."""
    path = Path(location).expanduser()
    return path.is_absolute() or location.startswith((".", "~")) or len(path.parts) > 2 or path.exists()


def _folder(name: str, location: str, option: str) -> Path | None:
    """``location`` as a folder, None where it is a hub id."""
    path = Path(location).expanduser()
    if not looks_local(location):
        return None
    if path.is_file():
        raise HarnessError(f"{path} is a file; give the folder of {name!r}'s checkpoint by -o {name}.{option}=DIR.")
    if not (path / "config.json").is_file():
        raise HarnessError(
            f"No checkpoint of {name!r} lies in {path} (no config.json there); "
            f"give a folder that has one by -o {name}.{option}=DIR."
        )
    return path


def _missing(name: str, location: str, folder: Path | None, option: str, error: OSError) -> str:
    """The sentence for weights that are not there."""
    if folder is not None:
        remedy = _remedy(name, location, folder, option)
        return f"The checkpoint of {name!r} in {location} is incomplete: {_line(error)}; {remedy}."
    if "does not appear to have a file named" in str(error) and "safetensors" in str(error):
        return (
            f"The checkpoint {location} of {name!r} has no safetensors, and pickles are not read: fetch it, convert "
            f"its weights by `harness weights convert`, and give the folder by -o {name}.{option}=DIR."
        )
    return (
        f"The weights {location} of {name!r} could not be fetched; accept their licence on "
        f"https://huggingface.co/{location} and run 'hf auth login' (formerly huggingface-cli login), "
        f"or give a folder that holds them by -o {name}.{option}=DIR ({_line(error)})"
    )


def _remedy(name: str, location: str, folder: Path | None, option: str) -> str:
    """What to do about a checkpoint whose files are there and yet do not load."""
    anew = "copy it anew" if folder is not None else f"fetch it anew (`hf download {location} --force-download`)"
    return f"{anew}, or give another by -o {name}.{option}=DIR"


def _line(error: BaseException) -> str:
    """The first line of an error's message, without a stop."""
    text = str(error).strip() or type(error).__name__
    return plain(text.splitlines()[0], 300).rstrip(".")


@contextmanager
def _quiet() -> Iterator[None]:
    """No progress bar (downloads still show theirs) and no warnings of the libraries while the block runs: what is
    wrong with a checkpoint is said in a sentence."""
    libraries = ["transformers", *(["diffusers"] if "diffusers" in sys.modules else [])]
    logs = [import_module(f"{library}.utils.logging") for library in libraries]
    before = [(log.is_progress_bar_enabled(), log.get_verbosity()) for log in logs]
    for log in logs:
        log.disable_progress_bar()
        log.set_verbosity_error()
    try:
        yield
    finally:
        for log, (shown, verbosity) in zip(logs, before, strict=True):
            log.set_verbosity(verbosity)
            if shown:
                log.enable_progress_bar()
