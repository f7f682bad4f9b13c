"""Fine-tuning on what readers corrected."""

from __future__ import annotations

import json

import pytest
import SimpleITK as sitk
import torch
import yaml

from corrected_cases import write_case
from PASTALib.lesions import find_lesions, instance_map
from PASTALib.model import ModelInfo, load_model, save_model
from PASTATrain.classes import CLASSES
from PASTATrain.cli import main
from PASTATrain.finetuning.before_after import judge
from PASTATrain.patches import NORMALIZATION
from report_case import MODEL, a_case

SPACING_MM = 8.0


@pytest.fixture(scope="module")
def setting(tmp_path_factory):
    """Corrected cases, a tiny model, and settings that run in seconds."""
    folder = tmp_path_factory.mktemp("corrections")
    for number in range(3):
        write_case(folder / "cases", 4.0 * number)
    info = ModelInfo(
        "tiny", "1", CLASSES, SPACING_MM, (32,) * 3, (4, 8, 8), NORMALIZATION, refines=True
    )
    torch.manual_seed(0)
    save_model(folder / "model", info, info.network())
    settings = {
        "start": str(folder / "model"),
        "steps": 2,
        "torsos": 1,
        "torso_spacing_mm": 8.0,
        "torso_lesions": ["liver_cyst", "liver_tumor"],
        "workers": 0,
    }
    (folder / "smoke.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")
    return folder


def run(folder, cases, out) -> int:
    command = ["finetune", "--corrections", str(cases), "-o", str(out)]
    return main([*command, "--settings", str(folder / "smoke.yaml"), "--device", "cpu"])


def test_a_model_is_trained_on_corrections_and_judged_on_what_was_kept_out(
    setting, tmp_path, capsys
):
    out = tmp_path / "run"
    assert run(setting, setting / "cases", out) == 0
    start, made = load_model(setting / "model"), load_model(out / "model")
    assert made.info.version == "1+corrections"
    pairs = zip(start.network.parameters(), made.network.parameters(), strict=True)
    assert any(not torch.equal(a, b) for a, b in pairs)
    kept = json.loads((out / "run.json").read_text(encoding="utf-8"))
    assert (len(kept["trained_with"]), len(kept["judged"])) == (2, 1)
    names = {path.stem for path in (out / "cases").glob("*.npz")}
    assert names == {*(f"corrected-{name}" for name in kept["trained_with"]), "torso_2000"}
    figures = json.loads((out / "corrections.json").read_text(encoding="utf-8"))
    assert figures["corrected cases"]["after"]["lesions"] == 2
    assert figures["synthetic"]["before"]["lesions"] == 2
    assert "| corrected cases | before | 1 |" in capsys.readouterr().err


def test_a_perfect_model_is_judged_so(monkeypatch):
    ct, segmentation = a_case()
    numbers = instance_map(ct.image, find_lesions(ct, segmentation))
    monkeypatch.setattr(
        "PASTATrain.finetuning.before_after.segment", lambda _ct, _model: segmentation
    )
    model = type("Perfect", (), {"info": MODEL})()
    seen = judge(model, [(ct, numbers)])
    assert (seen.dice, seen.lesions, seen.found, seen.false) == (1.0, 2, 2, 0)
    none = sitk.Image(numbers.GetSize(), sitk.sitkUInt16)
    none.CopyInformation(numbers)
    seen = judge(model, [(ct, none)])
    assert (seen.dice, seen.lesions, seen.found, seen.false) == (0.0, 0, 0, 2)


def test_what_cannot_be_trained_says_why(setting, tmp_path, capsys):
    write_case(tmp_path / "one", 0.0)
    assert run(setting, tmp_path / "one", tmp_path / "run") == 1
    assert "two corrected cases or more" in capsys.readouterr().err
    assert run(setting, tmp_path / "none", tmp_path / "run") == 1
    assert "holds no corrected case" in capsys.readouterr().err
    assert main(["finetune", "-o", str(tmp_path / "run")]) == 1
    assert "'--corrections FOLDER'" in capsys.readouterr().err
