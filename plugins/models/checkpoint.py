"""Loading a vision-language checkpoint by its real transformers class, with errors that users can act on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from harness.errors import HarnessError


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
    """The model, in eval mode, and its processor.

    ``name`` is what users call the model; ``location`` a folder or a hub id; ``class_name`` a class of
    transformers and ``model_type`` what the checkpoint's config must say; ``device_map``, where given,
    places the weights instead of ``device``; ``option`` is the plugin's option that names the location;
    ``attention`` the implementation, None for the class's own. Only safetensors are read, and no code of the
    checkpoint's is run. Raises ``HarnessError`` where the weights are missing, gated, damaged or of another
    family.
    """
    import transformers
    from safetensors import SafetensorError

    folder = _folder(name, location, option)
    location = location if folder is None else str(folder)
    with _quiet():
        try:
            config = transformers.AutoConfig.from_pretrained(location)
            if config.model_type != model_type:
                raise HarnessError(
                    f"{location} holds a {config.model_type!r} model, "
                    f"but {name!r} needs one of type {model_type!r}."
                )
            processor = transformers.AutoProcessor.from_pretrained(location)
            model, report = getattr(transformers, class_name).from_pretrained(
                location,
                config=config,
                dtype=dtype,
                device_map=device_map,
                attn_implementation=attention,
                use_safetensors=True,
                output_loading_info=True,
            )
            if device_map is None:
                model.to(device)
        except OSError as error:
            raise HarnessError(_missing(name, location, folder, option, error)) from error
        except (ValueError, RuntimeError, ImportError, SafetensorError) as error:
            message = f"The model {name!r} could not be loaded from {location}: {_line(error)}"
            raise HarnessError(message) from error
    if report["missing_keys"]:
        lacking = sorted(report["missing_keys"])
        raise HarnessError(
            f"{location} lacks {len(lacking)} of the weights of {name!r}, among them {lacking[0]}."
        )
    return model.eval(), processor


def _folder(name: str, location: str, option: str) -> Path | None:
    """``location`` as a folder, None where it is a hub id."""
    path = Path(location).expanduser()
    looks_local = path.is_absolute() or location.startswith((".", "~")) or len(path.parts) > 2
    if not looks_local and not path.exists():
        return None
    if not (path / "config.json").is_file():
        raise HarnessError(
            f"The model {name!r} has no checkpoint in {path} (no config.json there); "
            f"give a folder that has one by -o {name}.{option}=DIR."
        )
    return path


def _missing(name: str, location: str, folder: Path | None, option: str, error: OSError) -> str:
    """The sentence for weights that are not there."""
    if folder is not None:
        return f"The checkpoint of {name!r} in {location} is incomplete: {_line(error)}"
    return (
        f"The weights {location} of {name!r} could not be fetched; accept their licence on "
        f"https://huggingface.co/{location} and run 'hf auth login' (formerly huggingface-cli login), "
        f"or give a folder that holds them by -o {name}.{option}=DIR ({_line(error)})"
    )


def _line(error: BaseException) -> str:
    """The first line of an error's message."""
    text = str(error).strip() or type(error).__name__
    return text.splitlines()[0]


@contextmanager
def _quiet() -> Iterator[None]:
    """No progress bar of transformers while the block runs (downloads still show theirs)."""
    from transformers.utils import logging

    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()
