"""Fine-tuning what follows clicks on what readers corrected."""

from __future__ import annotations

import json

import pytest

from clicked_scans import scan_of_a_ball
from corrected_cases import write_case
from PASTALib.gestures.chooser import bundled_folder, load_chooser
from PASTALib.region import Region
from PASTATrain.choosing import from_corrections
from PASTATrain.choosing.from_corrections import read_click_correction_config
from PASTATrain.choosing.sessions import Lesion
from PASTATrain.cli import main


@pytest.fixture(scope="module")
def cases(tmp_path_factory):
    folder = tmp_path_factory.mktemp("corrected")
    for number in range(3):
        write_case(folder, 4.0 * number)
    return folder


@pytest.fixture
def quick(tmp_path, monkeypatch):
    """Settings that run in seconds, with balls in place of torsos."""

    def balls(number: int, seed: int) -> list[Lesion]:
        scan, truth, _ = scan_of_a_ball(seed=number + seed)
        region = Region.of(truth, scan.geometry)
        assert region is not None
        return [Lesion(scan, region)]

    monkeypatch.setattr(from_corrections, "torso_lesions", balls)
    settings = tmp_path / "quick.yaml"
    settings.write_text("sessions: 2\ntorsos: 2\nepochs: 2\n", encoding="utf-8")
    return settings


def test_a_chooser_learns_from_corrected_cases_and_is_judged_on_others(
    cases, quick, tmp_path, capsys
):
    run = tmp_path / "run"
    options = ["--corrections", str(cases), "--clicks", "--settings", str(quick), "-o", str(run)]
    assert main(["finetune", *options]) == 0
    before, after = load_chooser(bundled_folder()), load_chooser(run / "chooser")
    assert after.info.version == f"{before.info.version}+corrections"
    assert after.info.training["start"] == before.info.sha256
    assert (after.later.mean == before.later.mean).all()
    assert any(
        (mine != its).any()
        for (mine, _), (its, _) in zip(after.later.layers, before.later.layers, strict=True)
    )
    figures = json.loads((run / "clicks.json").read_text(encoding="utf-8"))
    for what in ("corrected cases", "synthetic"):
        for when in ("before", "after"):
            row = figures[what][when]["later"]
            assert row["gestures"] > 0
            assert 0 < row["chosen"] <= row["best"] <= 1
        assert figures[what]["before"]["later"]["best"] == figures[what]["after"]["later"]["best"]
    assert "| corrected cases | after |" in (run / "clicks.md").read_text(encoding="utf-8")
    assert "| synthetic | before |" in capsys.readouterr().err


def test_what_cannot_be_done_is_said(cases, quick, tmp_path, capsys):
    out = ["-o", str(tmp_path / "run")]
    assert main(["finetune", str(cases), "--clicks", *out]) == 1
    assert "goes with '--corrections FOLDER'" in capsys.readouterr().err
    assert main(["finetune", "--corrections", str(tmp_path), "--clicks", *out]) == 1
    assert "holds no corrected case" in capsys.readouterr().err
    none = ["--start", str(tmp_path)]
    assert main(["finetune", "--corrections", str(cases), "--clicks", *none, *out]) == 1
    assert "not a valid description of a chooser" in capsys.readouterr().err


def test_a_share_that_is_none_is_refused(tmp_path):
    settings = tmp_path / "wrong.yaml"
    settings.write_text("held_out: 1.5\n", encoding="utf-8")
    with pytest.raises(Exception, match=r"'held_out' in .* is a share"):
        read_click_correction_config(settings)
