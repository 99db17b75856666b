"""The logits of a text's own tokens at the image tokens and along the text: what token activation maps are made of."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch


@contextmanager
def last_hidden(model: Any) -> Iterator[list[torch.Tensor]]:
    """While the block runs, what the language model's last norm gives is kept, [S, D], the latest pass alone."""
    kept: list[torch.Tensor] = []

    def keep(module: Any, args: Any, output: torch.Tensor) -> None:
        kept[:] = [output[0].detach()]

    hook = model.model.language_model.norm.register_forward_hook(keep)
    try:
        yield kept
    finally:
        hook.remove()


def token_logits(
    model: Any, hidden: torch.Tensor, columns: torch.Tensor, question: torch.Tensor, start: int, ids: torch.Tensor
) -> dict[str, torch.Tensor]:
    """The trace's arrays. Only these classes' logits are computed, not the vocabulary's at every place.

    The image tokens lie at ``columns``, the question's at ``question``; ``ids`` are those of prompt and answer, whose
    first token the position ``start`` predicts. A token of the question is read at its own place, one of the answer
    where it is predicted. The class of the question's first token is the one that the model would say there.
    """
    import torch

    with torch.no_grad():
        predicts = torch.arange(start, len(ids) - 1, device=ids.device)
        own = torch.cat([ids[question], ids[start + 1 :]])
        classes, head = own.clone(), model.get_output_embeddings()
        hidden = hidden.to(head.weight.device)
        if len(question):
            classes[0] = head(hidden[question[0]]).argmax()
        places = torch.cat([columns, question, predicts]).to(hidden.device)
        logits = (hidden[places] @ head.weight[classes.to(hidden.device)].T).T
    return {"token_logits": logits, "token_ids": own}
