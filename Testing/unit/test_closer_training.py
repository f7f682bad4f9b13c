"""Training of the second look: what is collected, what is drawn, and that it learns."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
import torch
from safetensors.torch import load_file

from PASTALib.catalog import catalog
from PASTALib.closer.candidates import Candidate
from PASTALib.closer.look import CLOSER_WEIGHTS, load_closer_look
from PASTALib.closer.sight import EDGE, Sight
from PASTALib.ct import CT
from PASTALib.errors import PastaError
from PASTALib.geometry import Geometry
from PASTALib.model import load_model, model_folder
from PASTALib.progress import silent
from PASTALib.region import Region
from PASTATrain.cli import main
from PASTATrain.closer.cli import SETTINGS
from PASTATrain.closer.collecting import collect, first_look, turns
from PASTATrain.closer.config import CloserConfig, info_of, read_closer_config
from PASTATrain.closer.places import Ground, candidates_of
from PASTATrain.closer.samples import (
    MARGIN_EDGE,
    BatchMaker,
    CandidateSet,
    Collected,
    as_seen,
    cubes_of,
    save_collected,
    varied,
)
from PASTATrain.closer.training import CANDIDATES, export_closer, train
from PASTATrain.config import TrainingConfig
from PASTATrain.evaluation import KnownScan
from PASTATrain.export import export_checkpoint
from PASTATrain.sources import torso_images
from PASTATrain.states import CHECKPOINT, LOG
from PASTATrain.training import fresh_state

SMALL = CloserConfig(features=(4, 8), steps=6, batch=4, save_every=3, warm_up=2)
INFO = info_of(SMALL)


def some_candidates(count: int, scan: str, seed: int = 0) -> list[Collected]:
    """Bright cubes that are lesions and dark ones that are not."""
    rng = np.random.default_rng(seed)
    shape = (2, *(MARGIN_EDGE,) * 3)
    lesion = np.zeros(shape, bool)
    lesion[:, 20:28, 20:28, 20:28] = True
    region = Region(np.ones((1, 1, 1), bool), (0, 0, 0), Geometry.isotropic((2, 2, 2), 1.0))
    rows = []
    for number in range(count):
        is_lesion = number % 2 == 0
        hu = rng.normal(40 + 80 * is_lesion, 5, shape).astype(np.int16)
        candidate = Candidate("lung_tumor", region, 0.5)
        sight = Sight(hu, lesion, lesion, (0.75, 2.25))
        rows.append(Collected(scan, candidate, sight, "lung_tumor" if is_lesion else ""))
    return rows


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run with candidates of a real scan, of one that is held out, and of a torso."""
    folder = tmp_path / "run" / CANDIDATES
    for number, scan in enumerate(("chest", "kept", "torso_0001")):
        save_collected(folder / f"{scan}.npz", some_candidates(12, scan, number))
    return tmp_path / "run"


def test_what_is_collected_is_read_back(run: Path):
    rows = CandidateSet.read((run / CANDIDATES).glob("*.npz"), INFO)
    assert len(rows) == 36
    assert rows.is_lesion.sum() == 18
    assert set(rows.scans) == {"chest", "kept", "torso_0001"}
    first = some_candidates(1, "chest")[0]
    assert (rows.hu[0] == first.sight.hu).all()
    assert rows.facts[0] == pytest.approx(INFO.facts_of("lung_tumor", 0.5, 0.75))
    assert len(rows.part(rows.is_lesion)) == 18


def test_a_scan_without_candidates_is_stored_and_read(tmp_path: Path):
    save_collected(tmp_path / "none.npz", [])
    save_collected(tmp_path / "some.npz", some_candidates(3, "chest"))
    assert len(CandidateSet.read(tmp_path.glob("*.npz"), INFO)) == 3


def test_batches_keep_the_shares(run: Path):
    rows = CandidateSet.read((run / CANDIDATES).glob("*.npz"), INFO)
    config = replace(SMALL, batch=200, lesions=0.8, features=(4,))
    maker = BatchMaker(rows, config, np.random.default_rng(0))
    drawn = [maker.draw() for _ in range(5)]
    assert np.mean([rows.is_lesion[index].mean() for index in drawn]) == pytest.approx(
        0.8, abs=0.05
    )


def test_varied_cubes_stay_what_they_are(run: Path):
    rows = CandidateSet.read((run / CANDIDATES).glob("*.npz"), INFO)
    cubes = cubes_of(rows, range(4))
    seen, changed = as_seen(cubes), varied(cubes, np.random.default_rng(0))
    assert seen.shape == changed.shape == (4, 8, EDGE, EDGE, EDGE)
    assert not np.allclose(seen, changed)
    # Soft-tissue channel: bright stays brighter than dark, and the lesion keeps about its size.
    assert changed[0, 0].mean() > changed[1, 0].mean()
    assert changed[:, 2].sum() == pytest.approx(float(seen[:, 2].sum()), rel=0.6)


def test_training_resumes_and_its_export_tells_bright_from_dark(run: Path, tmp_path: Path):
    config = replace(SMALL, steps=40, learning_rate=1e-2, ema=0.8, save_every=20)
    said: list[str] = []
    assert train(run, replace(config, steps=20), "cpu", silent, held_out=("kept",)) == 20
    step = train(run, config, "cpu", lambda _, text: said.append(text), held_out=("kept",))
    assert step == 40
    assert float(said[-1].split("AUC ")[1]) > 0.9
    info = export_closer(run, config, tmp_path / "model")
    look = load_closer_look(tmp_path / "model")
    assert look is not None
    assert look.info == info
    assert info.training["steps"] == 40


def test_a_run_without_candidates_or_checkpoint_says_what_to_do(tmp_path: Path, run: Path):
    with pytest.raises(PastaError, match="closer collect"):
        train(tmp_path, SMALL, "cpu", silent)
    with pytest.raises(PastaError, match="closer run"):
        export_closer(tmp_path, SMALL, tmp_path / "model")
    with pytest.raises(PastaError, match="hold out fewer"):
        train(run, SMALL, "cpu", silent, held_out=("chest", "kept", "torso_0001"))


def test_a_configuration_with_an_unknown_key_is_refused(tmp_path: Path):
    path = tmp_path / "run.yaml"
    path.write_text("depth: 3\n")
    with pytest.raises(PastaError, match="unknown keys"):
        read_closer_config(path)


def a_torso(lesions: dict[str, sitk.Image] | None = None) -> KnownScan:
    """A torso made by rule in coarse voxels."""
    torso = torso_images(3, 6.0)
    return KnownScan("torso", CT(torso.image, "torso", synthetic=True), torso.organs, lesions or {})


def test_a_scan_is_scaled_with_its_organs_and_lesions():
    torso = a_torso()
    liver = sitk.Cast(torso.organs == catalog().label("liver"), sitk.sitkUInt8)
    scan = replace(torso, lesions={"liver_tumor": liver})
    ground = Ground.of(scan, scan.organs, np.random.default_rng(2))
    ((key, region),) = ground.lesions
    assert key == "liver_tumor"
    assert region.geometry == ground.scene.geometry
    assert ground.scene.geometry.spacing != torso.ct.image.GetSpacing()
    assert (ground.scene.organs[region.slices][region.mask] == catalog().label("liver")).all()


def test_candidates_lie_where_the_lesions_were_put_and_the_scan_stays_as_it_is():
    scan, rng = a_torso(), np.random.default_rng(4)
    ground = Ground.of(scan, scan.organs, rng)
    before = ground.scene.hu.copy()
    model = first_look(load_model("pasta-s"))
    rows = [row for _ in range(4) for row in candidates_of(ground, model, rng)]
    assert (ground.scene.hu == before).all()
    true = [row for row in rows if row.truth]
    assert true
    assert len(true) < len(rows)
    middle = (0, *(MARGIN_EDGE // 2,) * 3)
    for row in rows:
        region = row.candidate.region
        assert region.geometry == ground.scene.geometry
        assert region.within((0, 0, 0), before.shape).sum() == region.voxels
        assert row.sight.lesion[0].any() or region.voxels < 3
    with_lesion = [row.sight.lesion[middle] for row in true]
    assert np.mean(with_lesion) > 0.5  # a lesion may be a ring


def test_torsos_lie_evenly_between_the_real_scans(tmp_path: Path):
    scans = [replace(a_torso(), name=name) for name in ("abdomen", "chest")]
    order = turns(scans, 3, 3, tmp_path)
    assert [turn.number for turn in order] == list(range(9))
    assert [turn.scan for turn in order].count(0) == 3
    assert [turn.scan for turn in order].count(1) == 3
    for part in (order[:3], order[3:6], order[6:]):
        assert sum(turn.scan is None for turn in part) == 1
    assert order[0].out.name == "0000_abdomen.npz"


def test_candidates_of_real_ct_are_collected_once(shared_data, tmp_path: Path):
    folder = shared_data("tcia_c4kc_kits_00072")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / folder.name).symlink_to(folder, target_is_directory=True)
    out = tmp_path / "candidates"
    model = load_model("pasta-s")
    assert collect(model, tmp_path / "data", 1, 0, out, 1, silent, parts=5) == 1
    (path,) = out.glob("*.npz")
    rows = CandidateSet.read([path], INFO)
    assert set(rows.scans) == {"kits_liver_dome"}
    assert rows.is_lesion.any()
    assert not rows.is_lesion.all()
    written = path.stat().st_mtime_ns
    # Another round, in two processes, leaves the first one as it is.
    data = tmp_path / "data"
    assert collect(model, data, 2, 0, out, 1, silent, processes=2, parts=2) == 2
    assert path.stat().st_mtime_ns == written
    (again,) = set(out.glob("*.npz")) - {path}
    assert set(CandidateSet.read([again], INFO).scans) == {"kits_liver_dome"}


def test_a_run_begins_with_the_closer_look_of_the_bundled_model(tmp_path: Path, capsys):
    begin = ["--run", str(tmp_path / "run"), "closer", "begin"]
    assert main(begin) == 0
    config = read_closer_config(SETTINGS)
    export_closer(tmp_path / "run", config, tmp_path / "model")
    mine = load_file(tmp_path / "model" / CLOSER_WEIGHTS)
    bundled = load_file(model_folder("pasta-s") / CLOSER_WEIGHTS)
    assert all(torch.equal(mine[key], bundled[key]) for key in bundled)
    assert main(begin) == 1
    assert "holds a checkpoint already" in capsys.readouterr().err


def test_a_new_export_drops_the_closer_look_of_other_weights(tmp_path: Path, run: Path):
    train(run, SMALL, "cpu", silent)
    export_closer(run, SMALL, tmp_path / "model")
    network = TrainingConfig(patch=32, features=(4, 8))
    fresh_state(network, "cpu").save(tmp_path / "other" / CHECKPOINT)
    (tmp_path / "other" / LOG).write_text("step,loss\n1,0.5\n")
    export_checkpoint(tmp_path / "other", network, tmp_path / "model")
    assert load_model(str(tmp_path / "model")).closer is None
