"""Training the finer network: its patches, its loss, where it starts, and that a run resumes."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from PASTALib.catalog import catalog
from PASTALib.ct import CT
from PASTALib.errors import PastaError
from PASTALib.finer.shown import CHANNELS, OTHER, channels
from PASTALib.model import load_model, save_model
from PASTALib.network import compressed
from PASTALib.progress import Cancelled, CancelToken, silent
from PASTATrain.augment import intensity
from PASTATrain.classes import IGNORE
from PASTATrain.evaluation import KnownScan
from PASTATrain.finer import pool
from PASTATrain.finer.config import FinerConfig, info_of, read_finer_config
from PASTATrain.finer.crops import Crop, channels_of, crops_of
from PASTATrain.finer.pool import Patches, varied
from PASTATrain.finer.training import (
    LesionLoss,
    export_finer,
    first_network,
    fresh_state,
    inherited,
    train,
    window_in,
)
from PASTATrain.scan_parts import Ground, ScanPart, draw_part
from PASTATrain.sources import torso_images
from PASTATrain.states import LOG

SMALL = FinerConfig(
    spacing_mm=4.0,
    patch=16,
    features=(4, 8, 8),
    steps=3,
    batch=2,
    parts=1,
    crops=4,
    pool=3,
    uses=1,
    save_every=2,
    warm_up=1,
    workers=0,
)
LOSS = LesionLoss(3.0)
WHOLE = (slice(0, 8),) * 3


def a_torso(seed: int = 3) -> KnownScan:
    """A torso made by rule in coarse voxels."""
    torso = torso_images(seed, 6.0)
    return KnownScan("torso", CT(torso.image, "torso", synthetic=True), torso.organs)


@pytest.fixture(scope="module")
def first():
    """The first network of the bundled model."""
    return first_network("pasta-s")


def test_patches_show_lesions_organs_and_what_the_first_network_takes_for_lesions(first):
    scan, rng = a_torso(), np.random.default_rng(4)
    ground = Ground.of(scan, scan.organs, rng)
    crops = [crop for _ in range(4) for crop in crops_of(ground, first, SMALL, rng)]
    assert len(crops) >= 12
    types = set()
    for crop in crops:
        assert crop.image.shape == (3, 16, 16, 16)
        assert crop.truth.shape == (16, 16, 16)
        assert crop.image[1].max() <= OTHER
        types |= set(np.unique(crop.truth).tolist()) - {0, IGNORE}
    assert len(types) >= 3
    assert max(types) <= len(catalog().lesion_types)
    assert any(crop.image[2].max() > 128 for crop in crops)


def test_what_is_near_to_where_a_part_was_cut_is_unknown(first):
    scan, rng = a_torso(), np.random.default_rng(1)
    ground = Ground.of(scan, scan.organs, rng)
    part = draw_part(ground, first.info, rng)
    truth = channels_of(ground, part)
    assert truth.shape == part.scene.hu.shape
    for axis, (low, high) in enumerate(part.box):
        sides = np.moveaxis(truth, axis, 0)
        if low > 0:
            assert (sides[0] == IGNORE).all()
        if high < ground.scene.hu.shape[axis]:
            assert (sides[-1] == IGNORE).all()


def test_inserted_lesions_are_the_truth_where_they_lie(first):
    scan, rng = a_torso(), np.random.default_rng(6)
    ground = Ground.of(scan, scan.organs, rng)
    part: ScanPart | None = None
    while part is None or not part.lesions:
        part = draw_part(ground, first.info, rng)
    truth = channels_of(ground, part)
    key, region = part.lesions[-1]
    start = np.subtract(region.start, [low for low, _ in part.box])
    z, y, x = (np.argwhere(region.mask) + start).T
    seen = set(np.unique(truth[z, y, x]).tolist())
    assert 1 + list(catalog().lesion_types).index(key) in seen


def logits_for(truth: torch.Tensor, sure: float = 12.0) -> torch.Tensor:
    """Logits that say what is true."""
    one_hot = torch.nn.functional.one_hot(truth.long() * (truth != IGNORE), 16)
    return sure * one_hot.movedim(-1, 1).float()


def a_truth() -> torch.Tensor:
    truth = torch.zeros((2, 8, 8, 8), dtype=torch.uint8)
    truth[0, 2:6, 2:6, 2:6] = 3
    return truth


def loss_of(logits: torch.Tensor, truth: torch.Tensor) -> float:
    return float(LOSS([logits, logits[:, :, ::2, ::2, ::2]], truth, WHOLE))


def test_the_truth_costs_nothing_and_each_mistake_something():
    truth = a_truth()
    right = loss_of(logits_for(truth), truth)
    assert right == pytest.approx(0.0, abs=0.01)
    nothing = loss_of(logits_for(torch.zeros_like(truth)), truth)
    other = truth.clone()
    other[truth == 3] = 5
    false = truth.clone()
    false[1, 2:6, 2:6, 2:6] = 3  # in the patch without a lesion
    assert nothing > 1
    assert loss_of(logits_for(other), truth) > 0.5
    assert loss_of(logits_for(false), truth) > 0.5


def test_what_is_unknown_costs_nothing():
    truth = a_truth()
    said = logits_for(truth)
    truth[1, :4] = IGNORE
    said[1, 7, :4] = 50.0
    assert loss_of(said, truth) == pytest.approx(0.0, abs=0.01)


def test_half_resolution_counts_as_well():
    truth = a_truth()
    right, wrong = logits_for(truth), logits_for(torch.zeros_like(truth))
    half = float(LOSS([right, wrong[:, :, ::2, ::2, ::2]], truth, WHOLE))
    assert half > 0.3


@given(st.integers(2, 12).map(lambda n: 8 * n), st.integers(0, 2**31))
def test_the_window_lies_in_the_patch_on_even_voxels(patch: int, seed: int):
    torch.manual_seed(seed)
    for side in window_in(patch):
        assert side.start % 2 == 0
        assert side.stop - side.start == patch // 2
        assert side.start >= 0
        assert side.stop <= patch


def test_training_starts_from_what_the_first_network_knows(first):
    config = FinerConfig()
    network = fresh_state(config, first, "cpu").network
    hu = 100 * torch.randn((1, 48, 48, 48))
    seen = channels(hu, torch.randint(0, 12, hu.shape), torch.rand(hu.shape))
    assert seen.shape[1] == CHANNELS
    with torch.no_grad():
        mine = network.encode(seen)
        its = first.network.encode(hu[:, None] / 100)
    assert torch.allclose(seen[:, 0], compressed(hu / 100))
    for level, other in zip(mine, its, strict=False):
        assert torch.allclose(level, other, atol=1e-3)
    state = inherited(first, network)
    lesions = [0, *first.info.lesion_channels]
    theirs = first.network.state_dict()
    assert torch.equal(state["heads.3.weight"], theirs["heads.4.weight"][lesions])
    assert torch.equal(state["decoder.3.1.0.weight"], theirs["decoder.4.1.0.weight"])


def test_a_network_of_other_features_inherits_nothing(first):
    network = info_of(SMALL).network()
    before = {key: value.clone() for key, value in network.state_dict().items()}
    after = inherited(first, network)
    assert after["encoder.1.0.0.weight"].equal(before["encoder.1.0.0.weight"])


def test_mirroring_moves_everything_alike():
    image = np.zeros((3, 16, 16, 16), np.int16)
    image[:, 2, 3, 4] = 100, 5, 255
    truth = np.zeros((16, 16, 16), np.uint8)
    truth[2, 3, 4] = 7
    rng, noise = np.random.default_rng(2), intensity(1)
    seen = [varied(Crop(image, truth), noise, rng) for _ in range(40)]
    places = set()
    for patch in seen:
        (place,) = patch["truth"].nonzero().tolist()
        places.add(tuple(place))
        assert patch["numbers"][tuple(place)] == 5
        assert float(patch["likely"][tuple(place)]) in (0.0, pytest.approx(1.0))
    assert {(2, 3, 4), (2, 3, 11)} <= places
    shown = [float(patch["likely"].max()) > 0 for patch in seen]
    assert 0 < sum(not one for one in shown) < 20


def test_the_same_seed_gives_the_same_patches(first, monkeypatch):
    monkeypatch.setattr(pool, "torso_scan", lambda seed: a_torso(seed % 7))
    patches = Patches(first, [], SMALL, 5)
    one, two = (next(iter(patches)) for _ in range(2))
    assert all(torch.equal(one[key], two[key]) for key in one)


def test_a_run_resumes_and_its_export_is_found_by_the_model(
    shared_data, first, tmp_path: Path, monkeypatch
):
    folder = shared_data("tcia_c4kc_kits_00072")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / folder.name).symlink_to(folder, target_is_directory=True)
    monkeypatch.setattr(pool, "torso_scan", lambda seed: a_torso(seed % 7))
    run, data, told = tmp_path / "run", tmp_path / "data", []
    with pytest.raises(PastaError, match="finer run"):
        export_finer(run, SMALL, first, tmp_path / "model")
    cancel = CancelToken()
    cancel.cancel()
    with pytest.raises(Cancelled):
        train(run, data, first, SMALL, "cpu", silent, cancel)
    tell = lambda share, text: told.append(text)  # noqa: E731
    assert train(run, data, first, SMALL, "cpu", tell) == 3
    assert [text.split(",")[0] for text in told if "step" in text] == ["step 2/3", "step 3/3"]
    assert len((run / LOG).read_text().splitlines()) == 4
    save_model(tmp_path / "model", first.info, first.network)
    export_finer(run, SMALL, first, tmp_path / "model")
    finer = load_model(tmp_path / "model").finer
    assert finer is not None
    assert finer.info.training["steps"] == 3


def test_a_run_stops_after_its_minutes(first, tmp_path: Path, monkeypatch):
    monkeypatch.setattr(pool, "torso_scan", lambda seed: a_torso(seed % 7))
    assert train(tmp_path, tmp_path, first, SMALL, "cpu", silent, minutes=0) == 0


def test_an_unknown_key_of_the_configuration_is_refused(tmp_path: Path):
    path = tmp_path / "run.yaml"
    path.write_text("depth: 3\n")
    with pytest.raises(PastaError, match="unknown keys"):
        read_finer_config(path)


def test_the_shipped_configuration_is_read():
    config = read_finer_config(Path(__file__).parents[2] / "PASTATrain/configs/pasta-finer.yaml")
    assert config.patch % 2 ** (len(config.features) - 1) == 0


def test_a_scan_stays_as_it_is(first):
    scan, rng = a_torso(), np.random.default_rng(8)
    ground = Ground.of(scan, scan.organs, rng)
    before = ground.scene.hu.copy()
    list(crops_of(ground, first, SMALL, rng))
    assert (ground.scene.hu == before).all()
