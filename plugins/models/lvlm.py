"""Vision-language models of transformers: everything that the families share."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from harness.contracts.model import Answer, Capability, Capture, Model, Trace
from harness.contracts.plugin import NEUTRAL, NoOptions
from harness.errors import HarnessError
from harness.imaging.frame import Box
from harness.run.memory import free_memory, out_of_memory
from plugins.checkpoint import check_there, checkpoint_files, load_checkpoint, pick_device
from plugins.models.captures import capture, decoder_layers, into_frame, place_of
from plugins.models.image_memory import ImageMemory
from plugins.models.rounding import rounded_otherwise
from plugins.models.shuffling import parts_of, shuffle
from plugins.models.token_logits import last_hidden, token_logits

if TYPE_CHECKING:
    import torch

_PROMPTS_KEPT = 256


@dataclass(frozen=True)
class Prompt:
    """A tokenised prompt of P tokens, up to where the answer begins.

    ``ids``: long [P]. ``types``: other inputs with one value a token (what kind of token it is), long [P]
    each, by the name that the model's forward gives them; an answer token's value is 0.
    """

    ids: torch.Tensor
    types: dict[str, torch.Tensor]


class TransformersModel(Model):
    """A vision-language model of transformers, loaded by its real class and processor.

    A family sets ``model_class`` (a class of transformers), ``model_type`` (what its config says) and, for
    its image processor, ``image_options``, and overrides :meth:`grid`. A model sets ``name``, ``checkpoint``
    (a hub id or a folder) and may set ``gpu_dtype``.

    The prompt is the checkpoint's own chat template with the image first and then the question. The answer is
    tokenised by itself and follows the prompt's last token; end-of-turn tokens are never part of it.
    """

    capabilities: ClassVar[frozenset[Capability]] = frozenset({"generate", "score", "trace"})
    checkpoint: ClassVar[str]
    model_class: ClassVar[str]
    model_type: ClassVar[str]
    image_options: ClassVar[dict[str, Any]] = {}
    gpu_dtype: ClassVar[str] = "bfloat16"

    class Options(NoOptions):
        """Where the weights lie and how they run."""

        path: str | None = Field(
            default=None,
            description="Folder or hub id of the checkpoint, instead of the model's own.",
            json_schema_extra=NEUTRAL,
        )
        dtype: Literal["auto", "float32", "bfloat16", "float16"] = Field(
            default="auto", description="Number format; auto: float32 on the CPU, the model's own on a GPU."
        )
        device: str = Field(
            default="auto",
            pattern=r"^(auto|cpu|cuda(:\d+)?)$",
            description="auto, cpu, cuda or cuda:N.",
            json_schema_extra=NEUTRAL,
        )
        device_map: str | None = Field(
            default=None,
            description="Spread over several GPUs, for instance auto (needs accelerate).",
            json_schema_extra=NEUTRAL,
        )
        batch_size: int = Field(
            default=16,
            ge=1,
            description="Images in one forward pass; halved where memory runs out.",
            json_schema_extra=NEUTRAL,
        )
        max_new_tokens: int = Field(default=256, ge=1, description="Longest answer, in tokens.")

    options: Options  # type: ignore[assignment]

    def grid(self, height: int, width: int) -> tuple[int, int]:
        """(rows, columns) of image tokens for a height x width frame, in row-major order."""
        raise NotImplementedError

    def files(self) -> list[Path]:
        """The checkpoint."""
        return checkpoint_files(self.options.path or self.checkpoint)

    def check(self) -> None:
        """``HarnessError`` where the checkpoint is missing, gated or holds no weights."""
        check_there(self.name, self.options.path or self.checkpoint, "path")

    def load(self) -> None:
        """Bring weights and processor into memory; ``HarnessError`` where they are missing or gated."""
        import torch
        from transformers import GenerationConfig

        device = pick_device(self.name, self.options.device)
        on_gpu = device != "cpu" or (self.options.device_map is not None and torch.cuda.is_available())
        dtype = str(self.options.dtype)
        if dtype == "auto":
            dtype = self.gpu_dtype if on_gpu else "float32"
        self.model, self.processor = load_checkpoint(
            self.name,
            self.options.path or self.checkpoint,
            self.model_class,
            self.model_type,
            dtype,
            device,
            self.options.device_map,
        )
        self.model.requires_grad_(False)  # only activations and pixels are ever differentiated
        self.tokenizer = self.processor.tokenizer
        self.image_token = int(self.model.config.image_token_id)
        # Greedy means the argmax under score(): none of the checkpoint's sampling or repetition settings.
        ends = self.model.generation_config
        self.model.generation_config = GenerationConfig(
            do_sample=False,
            bos_token_id=ends.bos_token_id,
            eos_token_id=ends.eos_token_id,
            pad_token_id=self.tokenizer.pad_token_id if ends.pad_token_id is None else ends.pad_token_id,
        )
        self._prompts: dict[tuple[str, tuple[int, ...]], Prompt] = {}
        self._batch_size = self.options.batch_size
        self._memory = ImageMemory(self.model)

    def answer(self, image: np.ndarray, question: str) -> Answer:
        """The greedy answer, stripped, without template or end-of-turn text; whether the token limit cut it off."""
        import torch

        prompt = self._prompt(image, question)
        inputs = self._inputs([image], prompt, [])
        inputs["attention_mask"] = torch.ones_like(inputs["input_ids"])
        with torch.no_grad():
            ids = self.model.generate(**inputs, max_new_tokens=self.options.max_new_tokens)[0, len(prompt.ids) :]
        text: str = self.tokenizer.decode(ids, skip_special_tokens=True)
        ends = self.model.generation_config.eos_token_id
        ended = bool(len(ids)) and int(ids[-1]) in (ends if isinstance(ends, list) else [ends])
        return Answer(text.strip(), cut_off=not ended and len(ids) >= self.options.max_new_tokens)

    def score(self, images: Sequence[np.ndarray], question: str, answer: str) -> np.ndarray:
        """Teacher-forced log-probabilities of the answer's T tokens, float64 [len(images), T].

        The images must be of one size. The answer's end-of-turn token is not scored.
        """
        import torch

        ids = self._answer_ids(answer)

        def some(batch: slice) -> np.ndarray:
            frames = images[batch]
            with self._memory.of(frames, lambda: self._pixels(frames)) as pixels:
                inputs = self._text(self._prompt(images[0], question), ids, len(frames)) | pixels
                scores: np.ndarray = self._logprobs(inputs, ids).cpu().numpy()
            return scores

        with torch.no_grad():
            return np.concatenate([np.zeros((0, len(ids))), *self._batches(len(images), some)])

    def tokens(self, answer: str) -> list[str]:
        """The answer's T tokens as text; a character that several tokens make up is the first one's."""
        encoded = self.tokenizer(answer, add_special_tokens=False, return_offsets_mapping=True)
        cuts = [0]
        for _, end in encoded["offset_mapping"]:
            cuts.append(max(cuts[-1], end))
        cuts[-1] = len(answer)
        return [answer[start:end] for start, end in pairwise(cuts)]

    def cannot_capture(self, captures: frozenset[Capture]) -> str | None:
        """A layer that the decoder does not have, or a kind that there is not."""
        for name in sorted(captures):
            try:
                place_of(name, len(decoder_layers(self.model)))
            except HarnessError as error:
                return f"The model {self.name!r} cannot capture {name!r}: {error}"
        return None

    def trace(self, image: np.ndarray, question: str, answer: str, captures: frozenset[Capture]) -> Trace:
        """One teacher-forced pass, and one back to the lowest layer of which a capture needs the gradient."""
        import torch

        if why := self.cannot_capture(captures):
            raise HarnessError(why)
        prompt, ids = self._prompt(image, question), self._answer_ids(answer)
        # The position before a token predicts it. The last answer token predicts nothing and is not fed.
        start = len(prompt.ids) - 1
        columns = (prompt.ids == self.image_token).nonzero()[:, 0]
        inputs, plain = self._inputs([image], prompt, ids), captures - {"token_logits"}
        with last_hidden(self.model) as hidden:
            stop = start + len(ids)
            trace = capture(self.model, lambda: self._logprobs(inputs, ids)[0], start, stop, columns, plain)
        if plain != captures:
            every = torch.cat([prompt.ids, torch.tensor(ids, dtype=torch.long)])
            found = token_logits(self.model, hidden[0], columns, self._asked(image, question), start, every)
            vars(trace).update({name: value.double().cpu().numpy() for name, value in found.items()})
        return trace

    def path_gradients(
        self, image: np.ndarray, baseline: np.ndarray | None, fractions: Sequence[float], question: str, answer: str
    ) -> np.ndarray:
        """The contract's, along the line between the two images as the image processor made them."""
        import torch

        ids, prompt = self._answer_ids(answer), self._prompt(image, question)
        inputs = self._inputs([image], prompt, ids)
        end = inputs["pixel_values"]
        origin = torch.zeros_like(end) if baseline is None else self._inputs([baseline], prompt, ids)["pixel_values"]
        change = end - origin

        def some(batch: slice) -> np.ndarray:
            part = torch.tensor(fractions[batch], dtype=change.dtype, device=change.device)
            along = part.reshape(-1, *[1] * change.ndim)
            pixels = torch.addcmul(origin, along, change).flatten(0, 1).requires_grad_()
            # All but the pixels is the same for every fraction; Gemma and Qwen both stack images along axis 0.
            rest = {name: value.repeat(len(part), *[1] * (value.ndim - 1)) for name, value in inputs.items()}
            score = self._logprobs(rest | {"pixel_values": pixels}, ids).sum()
            (gradient,) = torch.autograd.grad(score, pixels)
            product = gradient.float().unflatten(0, (len(part), -1)).mul_(change.float()).flatten(0, 1)
            return into_frame(self.unpatched(product, rest).cpu().numpy(), *image.shape[:2])

        found = [*self._batches(len(fractions), some)] or [np.zeros((0, *image.shape))]
        return found[0] if len(found) == 1 else np.concatenate(found)

    def unpatched(self, pixels: torch.Tensor, inputs: dict[str, Any]) -> torch.Tensor:
        """``pixel_values``, or what belongs to each of its values, as images [B, 3, height, width]."""
        return pixels

    def image_grid(self, image: np.ndarray) -> list[Box]:
        """Each image token's rectangle in the frame, row by row; together they tile it."""
        height, width = image.shape[:2]
        rows, columns = self.grid(height, width)
        y, x = np.linspace(0, height, rows + 1).tolist(), np.linspace(0, width, columns + 1).tolist()
        return [Box(x[j], y[i], x[j + 1], y[i + 1]) for i in range(rows) for j in range(columns)]

    @contextmanager
    def rounding(self, seed: int) -> Iterator[None]:
        """What each module of the network gives is moved within half a step of its number format."""
        with self._memory.off(), rounded_otherwise(self.model, seed):
            yield

    def parts(self) -> list[str]:
        """Final norm and head, each decoder layer, projector and text embedding, each vision layer, its embedding."""
        return list(parts_of(self.model))

    def shuffle(self, part: str, seed: int) -> None:
        """The entries of each weight tensor, in an order that is the same on any device."""
        shuffle(parts_of(self.model)[part], seed)
        self._memory.clear()

    def _batches(self, count: int, run: Callable[[slice], np.ndarray]) -> Iterator[np.ndarray]:
        """What ``run`` makes of each batch of ``count`` things; where memory runs out, of half as many from then on."""
        start = 0
        while start < count:
            try:
                found = run(slice(start, start + self._batch_size))
            except (MemoryError, RuntimeError) as error:
                if self._batch_size == 1 or not out_of_memory(error):
                    raise
                found = None
            if found is None:  # out here nothing holds the failed pass's tensors any more
                self._batch_size //= 2
                self._memory.clear()
                free_memory()
                continue
            start += self._batch_size
            yield found

    def _answer_ids(self, answer: str) -> list[int]:
        """The answer's T token ids."""
        ids: list[int] = self.tokenizer(answer, add_special_tokens=False)["input_ids"]
        return ids

    def _prompt(self, image: np.ndarray, question: str) -> Prompt:
        """The prompt for frames of this image's size; tokenised once a question."""
        key = (question, image.shape)
        if key not in self._prompts:
            from PIL import Image

            content = [{"type": "image", "image": Image.fromarray(image)}, {"type": "text", "text": question}]
            how: dict[str, Any] = {"tokenize": True, "return_dict": True, "return_tensors": "pt"}
            talk = [{"role": "user", "content": content}]
            encoded = self.processor.apply_chat_template(talk, add_generation_prompt=True, **how)
            ids = encoded["input_ids"]
            types = {
                name: value[0]
                for name, value in encoded.items()
                if value.shape == ids.shape and name not in ("input_ids", "attention_mask")
            }
            if len(self._prompts) >= _PROMPTS_KEPT:
                self._prompts.clear()
            self._prompts[key] = Prompt(ids[0], types)
        return self._prompts[key]

    def _asked(self, image: np.ndarray, question: str) -> torch.Tensor:
        """Where the question's own tokens lie in the prompt: between what a prompt that asks nothing has too."""
        import torch

        asked, empty = (self._prompt(image, text).ids for text in (question, ""))
        shorter = min(len(asked), len(empty))
        before = int((asked[:shorter] == empty[:shorter]).cumprod(0).sum())
        after = int((asked.flip(0)[: shorter - before] == empty.flip(0)[: shorter - before]).cumprod(0).sum())
        return torch.arange(before, len(asked) - after)

    def _inputs(self, images: Sequence[np.ndarray], prompt: Prompt, answer: Sequence[int]) -> dict[str, Any]:
        """The forward's inputs: the prompt and all but the last answer token, beside each of the images."""
        return self._text(prompt, answer, len(images)) | self._pixels(images)

    def _text(self, prompt: Prompt, answer: Sequence[int], count: int) -> dict[str, Any]:
        """The inputs with one value a token, so many times."""
        import torch

        fed = torch.tensor(answer[:-1], dtype=torch.long)
        inputs = {"input_ids": torch.cat([prompt.ids, fed])}
        for name, types in prompt.types.items():
            inputs[name] = torch.cat([types, torch.zeros_like(fed)])
        return {name: value.expand(count, -1).to(self.model.device) for name, value in inputs.items()}

    def _pixels(self, images: Sequence[np.ndarray]) -> dict[str, Any]:
        """The inputs that the images make."""
        made = self.processor.image_processor(list(images), return_tensors="pt", **self.image_options)
        pixels = {name: made[name] for name in ("pixel_values", "image_grid_thw") if name in made}
        pixels["pixel_values"] = pixels["pixel_values"].to(self.model.dtype)
        return {name: value.to(self.model.device) for name, value in pixels.items()}

    def _logprobs(self, inputs: dict[str, Any], answer: Sequence[int]) -> torch.Tensor:
        """Log-probabilities of the answer's tokens, float64 [B, T]; logits only where they are predicted."""
        import torch

        if not answer:
            return torch.zeros((len(inputs["input_ids"]), 0), dtype=torch.float64)
        logits = self.model(**inputs, use_cache=False, logits_to_keep=len(answer)).logits
        target = torch.tensor(answer, device=logits.device)[:, None]
        # One image at a time: T x vocabulary in float32 is what the biggest models can spare.
        rows = [row.float().log_softmax(-1).gather(-1, target)[:, 0] for row in logits]
        return torch.stack(rows).double()
