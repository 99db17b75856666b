"""Whatever is wrong with a checkpoint ends in one sentence with the file and the remedy, of models and of editors."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file, save_file
from small_diffusion import editor, radedit_folder
from small_vision import save_sam

from harness.errors import HarnessError
from harness.registry import Registry
from plugins.attributors.medsam import MedSAM

Spoil = Callable[[Path, Path], None]  # given the folder and its file of weights
LARGE = ["gemma3-4b", "gemma3-12b", "medgemma-4b", "medgemma1.5-4b", "qwen2.5-vl-3b", "qwen2.5-vl-7b"]


def torn(folder: Path, weights: Path) -> None:
    weights.write_bytes(weights.read_bytes()[:-1000])


def reshaped(folder: Path, weights: Path) -> None:
    tensors = load_file(weights)
    name = next(name for name in sorted(tensors) if tensors[name].ndim == 2)
    tensors[name] = tensors[name][:-1].clone()
    save_file(tensors, weights, metadata={"format": "pt"})


def sharded(folder: Path, weights: Path) -> None:
    first, second = (f"{weights.stem}-0000{k}-of-00002.safetensors" for k in (1, 2))
    names = dict.fromkeys(load_file(weights), first)
    names[min(names)] = second
    weights.rename(folder / first)
    (folder / f"{weights.name}.index.json").write_text(json.dumps({"metadata": {}, "weight_map": names}))


def indexed(text: str) -> Spoil:
    def spoil(folder: Path, weights: Path) -> None:
        weights.unlink()
        (folder / f"{weights.name}.index.json").write_text(text)

    return spoil


def pickled(folder: Path, weights: Path) -> None:
    weights.rename(weights.with_suffix(".bin"))


def removed(folder: Path, weights: Path) -> None:
    weights.unlink()


def replaced(folder: Path, weights: Path) -> None:
    weights.write_bytes(b"<html>")


def a_folder(folder: Path, weights: Path) -> None:
    weights.unlink()
    weights.mkdir()


def config(text: str | None) -> Spoil:
    def spoil(folder: Path, weights: Path) -> None:
        (folder / "config.json").unlink()
        if text is not None:
            (folder / "config.json").write_text(text)

    return spoil


ODD: dict[str, tuple[Spoil, str]] = {
    "no config": (config(None), r"no config\.json there.*=DIR\.$"),
    "config torn": (config('{"model_type": '), r"config\.json is no JSON .*; copy the checkpoint anew\.$"),
    "config no object": (config("[]"), r"config\.json is no checkpoint's config, which is a JSON object; copy the"),
    "no weights": (removed, r"holds a config but no weights \(no .*\.safetensors\); copy the checkpoint anew"),
    "a pickle": (pickled, r"is a pickle, which is not read; `harness weights convert .*\.safetensors` makes the one"),
    "weights torn": (torn, r"\.safetensors is no whole safetensors file .*; copy the checkpoint anew\.$"),
    "weights no checkpoint": (replaced, r"is no whole safetensors file"),
    "weights a folder": (a_folder, r"holds a config but no weights"),
    "shapes": (reshaped, r"are not those of its config\.json: .* is \[\d+, \d+\], not \[\d+, \d+\]; get both from one"),
    "a shard missing": (sharded, r"index\.json names .*-00002-of-00002\.safetensors, which is not there \(1 of 2"),
    "an index of nothing": (indexed("{}"), r"index\.json is no index of weights, which has a weight_map; copy the"),
    "an index torn": (indexed('{"weight_map"'), r"index\.json is no JSON"),
}  # fmt: skip


def check(load: Callable[[], Any], folder: Path, said: str) -> None:
    """Loading fails with one sentence that names the folder or a file in it."""
    with pytest.raises(HarnessError, match=said) as caught:
        load()
    text = str(caught.value)
    assert str(folder) in text and "\n" not in text and len(text) < 600 and text.endswith(".")


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("name", ["gemma3-4b", "qwen2.5-vl-3b"])
def test_models(name: str, odd: str, tmp_path: Path) -> None:
    cls = Registry.discover().find("model", name)
    small = Registry.discover().find("model", "phantom-gemma3" if "gemma" in name else "phantom-qwen2.5-vl")
    folder = tmp_path / "checkpoint"
    shutil.copytree(small.checkpoint, folder)
    spoil, said = ODD[odd]
    spoil(folder, folder / "model.safetensors")
    check(cls(cls.Options(path=str(folder))).load, folder, said)


@pytest.mark.parametrize("name", LARGE)
def test_every_large_model_says_what_is_missing_and_by_which_option_to_give_it(name: str, tmp_path: Path) -> None:
    cls = Registry.discover().find("model", name)
    option = re.escape(f"-o {name}.path=DIR.")
    check(cls(cls.Options(path=str(tmp_path))).load, tmp_path, f"no config.json there.*{option}$")
    file = tmp_path / "model.safetensors"
    file.write_bytes(b"weights")
    check(cls(cls.Options(path=str(file))).load, file, f"is a file; give the folder of .*{option}$")
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    check(cls(cls.Options(path=str(tmp_path))).load, tmp_path, "no whole safetensors file")
    save_file({}, file)
    check(cls(cls.Options(path=str(tmp_path))).load, tmp_path, "holds a 'bert' model, but .* needs one of type")


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("part", ["unet", "vae", "text_encoder"])
def test_editors(part: str, odd: str, tmp_path: Path) -> None:
    pytest.importorskip("diffusers")
    shutil.copytree(radedit_folder(), tmp_path, dirs_exist_ok=True)
    folder = tmp_path / part
    spoil, said = ODD[odd]
    spoil(folder, next(folder.glob("*.safetensors")))
    check(lambda: editor(tmp_path), folder, said)


@pytest.mark.parametrize("odd", ODD)
def test_medsam(odd: str, tmp_path: Path) -> None:
    folder = tmp_path / "sam"
    save_sam(folder)
    spoil, said = ODD[odd]
    spoil(folder, folder / "model.safetensors")
    check(lambda: MedSAM(folder), folder, said)


def test_libraries_add_nothing_of_their_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cls = Registry.discover().find("model", "phantom-gemma3")
    folder = tmp_path / "checkpoint"
    shutil.copytree(cls.checkpoint, folder)
    reshaped(folder, folder / "model.safetensors")
    with pytest.raises(HarnessError):
        cls(cls.Options(path=str(folder))).load()
    assert capsys.readouterr() == ("", "")
