"""Reading a file of weights, safetensors or a pickle, as tensors by name."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.errors import HarnessError, one_line
from plugins.weights.folder import check_safetensors

if TYPE_CHECKING:
    from torch import Tensor

# torch.load(weights_only=True) ran code of a crafted file before torch 2.6 (CVE-2025-32434), and could be made to
# corrupt memory before 2.10 (CVE-2026-24747). The first is below the floor of setup.cfg. The second would force 2.10 on
# everybody, although nobody needs a pickle: so older versions do everything but read pickles.
SAFE_TORCH = (2, 10)
_WRAPPERS = ("model", "state_dict")  # under which training scripts keep the weights beside other things


def read_weights(path: Path) -> dict[str, Tensor]:
    """The tensors of a file by name, on the CPU.

    Raises
    ------
    HarnessError
        Where there is no such file, it is no state dict, or it is a pickle and torch is too old to read those safely.
    """
    if not path.is_file():
        raise HarnessError(f"The file of weights {path} {'is a folder' if path.is_dir() else 'does not exist'}.")
    if path.suffix.lower() == ".safetensors":
        from safetensors.torch import load_file

        check_safetensors(path)
        return load_file(path)
    return _state_dict(path, _unpickled(path))


def _unpickled(path: Path) -> Any:
    from pickle import UnpicklingError

    import torch

    if tuple(int(number) for number in torch.__version__.split("+")[0].split(".")[:2]) < SAFE_TORCH:
        raise HarnessError(
            f"{path} is a pickle, which torch {torch.__version__} does not read safely (CVE-2026-24747): install torch "
            f"{'.'.join(map(str, SAFE_TORCH))} or later, or convert the file where that is, by `harness weights "
            f"convert {path.name}`."
        )
    try:
        # weights_only: a checkpoint is data, and can run no code.
        return torch.load(path, map_location="cpu", weights_only=True)
    except UnpicklingError as error:
        raise HarnessError(
            f"{path} cannot be read as tensors: it is no checkpoint of torch, is damaged, or holds more than weights, "
            f"which would be run as code; get the weights alone, best as safetensors ({one_line(error)[:120]})."
        ) from error
    except (OSError, RuntimeError, ValueError, EOFError, KeyError, AttributeError, TypeError) as error:
        raise HarnessError(
            f"{path} cannot be read as tensors: it is no checkpoint of torch, or damaged; fetch it anew "
            f"({one_line(error)[:120]})."
        ) from error


def _state_dict(path: Path, content: Any) -> dict[str, Tensor]:
    """The tensors by name in what was unpickled. Raises ``HarnessError`` where it holds anything else."""
    import torch

    found = content
    for name in _WRAPPERS:
        if isinstance(content, dict) and isinstance(content.get(name), dict):
            found = content[name]
            break
    if not isinstance(found, dict) or not found:
        raise HarnessError(f"{path} is no state dict, tensors by name, but {_what(found)}.")
    for name, tensor in found.items():
        if not (isinstance(name, str) and isinstance(tensor, torch.Tensor)):
            raise HarnessError(f"{path} is no state dict, tensors by name: {name!r} is {_what(tensor)}.")
    return dict(found)


def _what(value: Any) -> str:
    name = type(value).__name__
    if isinstance(value, dict) and not value:
        return f"an empty {name}"
    return f"{'an' if name[0].lower() in 'aeiou' else 'a'} {name}"
