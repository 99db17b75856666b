"""Memory, the machine's and the accelerator's: telling that it ran out, giving it back."""

from __future__ import annotations

import gc
import sys


def out_of_memory(error: BaseException) -> bool:
    """Whether an error means that memory, the machine's or the accelerator's, is used up."""
    # torch's class by its name: torch need not be imported to look at an error. For the machine's it has none.
    named = isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError"
    return named or (isinstance(error, RuntimeError) and "can't allocate memory" in str(error))


def free_memory() -> None:
    """Give back the memory of what was dropped, for what is loaded or tried next."""
    gc.collect()
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        torch.cuda.empty_cache()
