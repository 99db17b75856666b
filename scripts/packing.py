"""Several questions about one image in one sequence: the image once, then blocks that see it but not each other.

It saves most of the work of training on many questions an image, and gives each block the same positions and the same
context as if it had been asked alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from scripts.lessons import Lesson

IGNORED = -100


class Packer:
    """Turns lessons into the tensors that a language model's decoder takes. Works for both families."""

    def __init__(self, model: Any, processor: Any) -> None:
        self.model, self.tokenizer = model, processor.tokenizer
        self.bidirectional = "gemma" in model.config.model_type  # image tokens see each other
        config = model.config
        image_token = config.image_token_id
        example = self._chat(processor, "Is it?")
        last = max(k for k, token in enumerate(example.input_ids[0].tolist()) if token == image_token)
        tail = example.input_ids[0, last + 1 :].tolist()
        asked = self.encode("Is it?")
        at = next(k for k in range(len(tail)) if tail[k : k + len(asked)] == asked)
        self.prefix = example.input_ids[0, : last + 1 + at]
        self.closing = tail[at + len(asked) :]
        self.stop = (
            config.text_config.eos_token_id
            if not self.bidirectional
            else self.tokenizer.convert_tokens_to_ids("<end_of_turn>")
        )
        self.is_image = self.prefix == image_token
        if self.bidirectional:
            self.places = torch.arange(len(self.prefix))[None]
        else:
            places, _ = model.model.get_rope_index(
                example.input_ids, example.mm_token_type_ids, example.image_grid_thw,
                attention_mask=example.attention_mask,
            )  # fmt: skip
            self.places = places[:, 0, : len(self.prefix)]

    @staticmethod
    def _chat(processor: Any, question: str) -> Any:
        import numpy as np
        from PIL import Image

        content = [{"type": "image"}, {"type": "text", "text": question}]
        text = processor.apply_chat_template(
            [{"role": "user", "content": content}], tokenize=False, add_generation_prompt=True
        )
        image = Image.fromarray(np.zeros((224, 224, 3), np.uint8))
        bos = processor.tokenizer.bos_token
        text = text.removeprefix(bos) if bos else text
        return processor(text=[text], images=[[image]], return_tensors="pt", return_mm_token_type_ids=True)

    def encode(self, text: str) -> list[int]:
        """Tokens of a text, without any special one."""
        return self.tokenizer(text, add_special_tokens=False).input_ids

    def pack(self, lessons: Sequence[Sequence[Lesson]]) -> dict[str, torch.Tensor]:
        """A batch of images' token ids, positions, mask [B, 1, L, L], labels (the next token, or ``IGNORED``), and
        which labels are decisive: the first that differ from the opposite answer."""
        rows = []
        for some in lessons:
            ids, labels = self.prefix.tolist(), [IGNORED] * len(self.prefix)
            block, offset, decisive = [0] * len(ids), [0] * len(ids), [0] * len(ids)
            for number, lesson in enumerate(some, 1):
                before, after = self.encode(lesson.question), self.encode(lesson.answer)
                pairs = zip(after, self.encode(lesson.opposite), strict=False)
                departs = next(k for k, (one, other) in enumerate(pairs) if one != other)
                if not lesson.bare:
                    before, after = before + self.closing, [*after, self.stop]
                text = before + after[:-1]
                ids += text
                labels += [IGNORED] * (len(before) - 1) + after
                decisive += [int(k == len(before) - 1 + departs) for k in range(len(text))]
                block += [number] * len(text)
                offset += range(1, len(text) + 1)
            rows.append((ids, labels, block, offset, decisive))
        longest = max(len(row[0]) for row in rows)

        def padded(k: int, value: int) -> torch.Tensor:
            return torch.tensor([row[k] + [value] * (longest - len(row[k])) for row in rows])

        ids, labels, block, offset = padded(0, 0), padded(1, IGNORED), padded(2, -1), padded(3, 0)
        order = torch.arange(longest)
        causal = order[None, :] <= order[:, None]
        mask = causal & ((block[:, None, :] == 0) | (block[:, None, :] == block[:, :, None]))
        n = len(self.prefix)
        if self.bidirectional:
            mask[:, :n, :n] |= self.is_image[:, None] & self.is_image[None, :]
        places = self.places.max() + offset
        places = places.expand(len(self.places), *places.shape).clone()
        places[:, :, :n] = self.places[:, None]
        return {"ids": ids, "labels": labels, "mask": mask[:, None], "places": places, "decisive": padded(4, 0) > 0}

    def hidden(self, batch: dict[str, torch.Tensor], images: torch.Tensor) -> torch.Tensor:
        """The decoder's last hidden states [B, L, D] given image tokens [B, N, D]."""
        ids = batch["ids"]
        embedded = self.model.get_input_embeddings()(ids)
        n = len(self.prefix)
        embedded[:, :n][:, self.is_image] = images.to(embedded.dtype)
        places = batch["places"]
        both = {"full_attention": batch["mask"], "sliding_attention": batch["mask"]}
        return self.model.model.language_model(
            inputs_embeds=embedded, attention_mask=both,
            position_ids=places[0] if self.bidirectional else places, use_cache=False,
        ).last_hidden_state  # fmt: skip
