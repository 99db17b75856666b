"""What the model plugins offer, their options, and what they say when weights cannot be loaded."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from small_models import ANSWER, FAMILIES, QUESTION, Case, frames, load, prepared

from harness.errors import HarnessError
from plugins.models import gemma3, qwen2_5_vl


@pytest.fixture(params=sorted(FAMILIES))
def case(request: pytest.FixtureRequest) -> Case:
    return prepared(request.param)


def test_models_that_the_plugins_offer() -> None:
    offered = [*qwen2_5_vl.models(), *gemma3.models()]
    names = {model.name: model.aliases[0] for model in offered}
    assert names == {
        "phantom-qwen2.5-vl": "phantom_qwen2_5_vl",
        "phantom-qwen2.5-vl-planted": "phantom_qwen2_5_vl_planted",
        "qwen2.5-vl-3b": "qwen2_5_vl_3b",
        "qwen2.5-vl-7b": "qwen2_5_vl_7b",
        "phantom-gemma3": "phantom_gemma3",
        "phantom-gemma3-planted": "phantom_gemma3_planted",
        "gemma3-4b": "gemma3_4b",
        "gemma3-12b": "gemma3_12b",
        "medgemma-4b": "medgemma_4b",
        "medgemma1.5-4b": "medgemma1_5_4b",
    }
    assert all(model.capabilities == {"generate", "score", "trace"} and model.summary() for model in offered)


def test_import_is_light() -> None:
    code = (
        "import sys, plugins.models.qwen2_5_vl, plugins.models.gemma3\n"
        "print({'torch', 'transformers'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_dtype_option(case: Case) -> None:
    assert case.plugin.model.dtype == torch.float32
    half = load(case.family, case.folder, dtype="bfloat16")
    assert half.model.dtype == torch.bfloat16
    score = half.score(frames(2), QUESTION, ANSWER)
    assert score.dtype == np.float64
    np.testing.assert_allclose(score, case.plugin.score(frames(2), QUESTION, ANSWER), atol=1.5)
    assert half.trace(frames(1)[0], QUESTION, ANSWER, frozenset({"rollout"})).rollout is not None


def test_hub_weights_that_cannot_be_had(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    model = gemma3.MedGemma4B(gemma3.MedGemma4B.Options(path="google/no-such-model-here"))
    with pytest.raises(HarnessError, match=r"hf auth login.*-o medgemma-4b\.path=DIR") as caught:
        model.load()
    assert "\n" not in str(caught.value)


def test_folder_without_a_checkpoint(case: Case, tmp_path: Path) -> None:
    with pytest.raises(HarnessError, match=r"no config\.json there.*-o phantom-.*\.path=DIR"):
        load(case.family, tmp_path / "nowhere")
    with pytest.raises(HarnessError, match=r"no config\.json there"):
        load(case.family, tmp_path)


def copy_with(case: Case, folder: Path, tensors: dict[str, torch.Tensor] | None) -> None:
    for file in case.folder.iterdir():
        if file.suffix != ".safetensors":
            (folder / file.name).write_bytes(file.read_bytes())
    if tensors is not None:
        save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})


def test_folder_without_safetensors(case: Case, tmp_path: Path) -> None:
    copy_with(case, tmp_path, None)
    torch.save({}, tmp_path / "pytorch_model.bin")  # a pickle is never read
    with pytest.raises(HarnessError, match=r"pytorch_model.bin is a pickle.*--output .*model\.safetensors` makes the"):
        load(case.family, tmp_path)


def test_folder_with_damaged_weights(case: Case, tmp_path: Path) -> None:
    copy_with(case, tmp_path, None)
    (tmp_path / "model.safetensors").write_bytes(b"not safetensors at all")
    with pytest.raises(HarnessError, match=r"model\.safetensors is no whole safetensors file"):
        load(case.family, tmp_path)


def test_folder_that_lacks_a_weight(case: Case, tmp_path: Path) -> None:
    tensors = load_file(case.folder / "model.safetensors")
    lost = next(name for name in sorted(tensors) if "q_proj.weight" in name)
    del tensors[lost]
    copy_with(case, tmp_path, tensors)
    with pytest.raises(HarnessError, match=r"lacks 1 of the weights.*q_proj"):
        load(case.family, tmp_path)


def test_folder_of_the_other_family(case: Case) -> None:
    other = next(family for family in FAMILIES if family != case.family)
    with pytest.raises(HarnessError, match="needs one of type"):
        load(other, case.folder)


def test_device_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    model = qwen2_5_vl.Qwen2_5VL3B(qwen2_5_vl.Qwen2_5VL3B.Options(device="cuda"))
    with pytest.raises(HarnessError, match="No GPU"):
        model.load()
