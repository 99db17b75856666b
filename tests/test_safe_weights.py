"""Weights are data: no code of a checkpoint's is run, pickles become safetensors, and what is odd is a sentence."""

from __future__ import annotations

import argparse
import ast
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from test_medsam import BOXES, Code, logits, tiny_registry, tiny_sam  # noqa: F401

from harness.errors import HarnessError
from plugins.attributors.medsam import MedSAM
from plugins.weights.command import add_parser, convert
from plugins.weights.state_dict import read_weights

ROOT = Path(__file__).parents[1]
FOLDERS = ("harness", "plugins", "leaderboard", "scripts", "benchmarks", "examples", "tests")


@cache
def calls() -> list[tuple[str, ast.Call]]:
    """All calls in the repository, and in which file."""
    return [
        (path.relative_to(ROOT).as_posix(), node)
        for folder in FOLDERS
        for path in sorted((ROOT / folder).rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
    ]


def says(call: ast.Call, word: str) -> Any:
    """The constant that a call gives for a keyword; None where it gives none."""
    given = {one.arg: one.value for one in call.keywords}.get(word)
    return given.value if isinstance(given, ast.Constant) else None


def test_no_checkpoint_brings_code_along() -> None:
    named = ((f"{path}:{call.lineno}", call) for path, call in calls())
    found = [(place, call) for place, call in named if ast.unparse(call.func).endswith("from_pretrained")]
    assert len(found) > 10
    assert [place for place, call in found if says(call, "trust_remote_code") is not False] == []


def test_pickles_are_read_as_weights_alone_and_but_for_scripts_in_one_place() -> None:
    found = [(path, call) for path, call in calls() if ast.unparse(call.func) in ("torch.load", "torch.jit.load")]
    assert all(says(call, "weights_only") is True for _, call in found)
    assert [path for path, _ in found if not path.startswith("scripts/")] == ["plugins/weights/state_dict.py"]


def run(*words: object) -> None:
    parser = argparse.ArgumentParser()
    add_parser(parser.add_subparsers())
    args = parser.parse_args(["weights", "convert", *map(str, words)])
    args.run(args)


def test_the_same_tensors_under_the_same_names(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tied = torch.arange(12.0).reshape(3, 4)
    state = {
        "module.a": tied, "b": tied, "view": tied[1:, :2], "turned": tied.T, "half": tied.bfloat16(),
        "count": torch.tensor(7), "parameter": torch.nn.Parameter(tied), "empty": torch.zeros(0, 3),
    }  # fmt: skip
    contents = {"flat": state, "inside": {"epoch": 3, "model": state}, "named": {"state_dict": state}}
    for name, content in contents.items():
        file = tmp_path / f"{name}.pth"
        torch.save(content, file)
        run(file)
        assert f"Written to {tmp_path / name}.safetensors: 8 tensors." in capsys.readouterr().out
        found = load_file(tmp_path / f"{name}.safetensors")
        assert found.keys() == state.keys()
        assert all(torch.equal(found[k], state[k]) and found[k].dtype == state[k].dtype for k in state)
    run(tmp_path / "flat.pth", "--output", tmp_path / "other.safetensors")
    assert (tmp_path / "other.safetensors").read_bytes() == (tmp_path / "flat.safetensors").read_bytes()
    assert not list(tmp_path.glob(".*"))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"x": Code()}, r"cannot be read as tensors: .* or holds more than weights, which would be run as code"),
        ([torch.zeros(2)], r"is no state dict, tensors by name, but a list\.$"),
        ({}, r"is no state dict, tensors by name, but an empty dict\.$"),
        (torch.zeros(2), r"but a Tensor\.$"),
        ({"a": torch.zeros(2), "epoch": 3}, r"'epoch' is an int\.$"),
        ({3: torch.zeros(2)}, r"3 is a Tensor\.$"),
        ({"model": {"a": torch.zeros(2), "b": None}}, r"'b' is a NoneType\.$"),
        ({"a": torch.zeros(2).to_sparse()}, r"holds tensors that safetensors cannot: "),
        (b"no checkpoint", r"cannot be read as tensors: it is no checkpoint of torch, is damaged"),
        (b"", r"cannot be read as tensors: it is no checkpoint of torch, or damaged; fetch it anew"),
        (None, r"The file of weights .* does not exist\.$"),
    ],
)
def test_what_is_no_state_dict(tmp_path: Path, content: Any, said: str) -> None:
    file = tmp_path / "weights.pth"
    if isinstance(content, bytes):
        file.write_bytes(content)
    elif content is not None:
        torch.save(content, file)
    with pytest.raises(HarnessError, match=said) as caught:
        convert(file, tmp_path / "weights.safetensors")
    assert str(file) in str(caught.value) and "\n" not in str(caught.value)
    assert [path for path in tmp_path.iterdir() if path != file] == []


def test_a_torn_pickle(tmp_path: Path) -> None:
    file = tmp_path / "weights.pth"
    torch.save({"a": torch.zeros(99)}, file)
    file.write_bytes(file.read_bytes()[:300])
    with pytest.raises(HarnessError, match=r"weights\.pth cannot be read as tensors"):
        read_weights(file)


def test_what_the_command_refuses_before_it_reads(tmp_path: Path) -> None:
    (tmp_path / "there.safetensors").touch()
    for words, said in {
        ("a.safetensors",): r"is safetensors already\.$",
        ("a.pth", "--output", "b.bin"): r"give --output another name than b\.bin\.$",
        ("a.pth", "--output", tmp_path / "there.safetensors"): "is there already; give another --output",
        (tmp_path / "there.pth",): r"there\.safetensors is there already",
        ("a.pth", "--output", tmp_path / "no" / "b.safetensors"): r"no does not exist; give another --output\.$",
        ("a.pth", "--output", tmp_path / "b.safetensors"): r"a\.pth does not exist\.$",
        (tmp_path, "--output", tmp_path / "b.safetensors"): r"is a folder\.$",
    }.items():
        with pytest.raises(HarnessError, match=said):
            run(*words)


@pytest.mark.parametrize("version", ["2.9.1+cu128", "2.6.0", "1.13.1"])
def test_an_old_torch_reads_no_pickle_but_does_read_safetensors(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str
) -> None:
    torch.save({"a": torch.ones(3)}, tmp_path / "a.pth")
    convert(tmp_path / "a.pth", tmp_path / "a.safetensors")
    monkeypatch.setattr(torch, "__version__", version)
    monkeypatch.setattr(torch, "load", lambda *_, **__: pytest.fail("a pickle was read"))
    with pytest.raises(HarnessError, match=r"a pickle, which torch .*\(CVE-2026-24747\): install torch 2\.10 or later"):
        read_weights(tmp_path / "a.pth")
    assert read_weights(tmp_path / "a.safetensors")["a"].sum() == 3
    monkeypatch.setattr(torch, "__version__", "2.10.0a0+git")
    with pytest.raises(pytest.fail.Exception):
        read_weights(tmp_path / "a.pth")


@pytest.mark.usefixtures("tiny_registry")
def test_medsam_reads_what_was_converted(tmp_path: Path) -> None:
    torch.manual_seed(1)
    weights = {f"module.{name}": weight for name, weight in tiny_sam().state_dict().items()}
    torch.nn.init.normal_(weights["module.image_encoder.pos_embed"], std=0.5)
    torch.save({"model": weights}, tmp_path / "sam.pth")
    run(tmp_path / "sam.pth")
    pickled, safe = MedSAM(tmp_path / "sam.pth"), MedSAM(tmp_path / "sam.safetensors")
    assert (logits(safe, BOXES[:2]) == logits(pickled, BOXES[:2])).all()
    (tmp_path / "sam.safetensors").write_bytes((tmp_path / "sam.safetensors").read_bytes()[:-9])
    with pytest.raises(HarnessError, match=r"sam\.safetensors is no whole safetensors file"):
        MedSAM(tmp_path / "sam.safetensors")
    with pytest.raises(HarnessError, match=r"weights/sam\.safetensors does not exist \(option medsam\)"):
        MedSAM("weights/sam.safetensors")
