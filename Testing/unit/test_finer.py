"""The finer network: what it is shown, how it is kept, and that its outlines replace others."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
import torch
from test_inference import model_of

from PASTALib.catalog import catalog
from PASTALib.ct import CT
from PASTALib.ct_labels import CTLabels
from PASTALib.errors import PastaError
from PASTALib.finer.info import (
    AS_IT_IS,
    FINER_FILE,
    FINER_WEIGHTS,
    FinerInfo,
    load_finer,
    save_finer,
    verify_finer,
)
from PASTALib.finer.outline import outline_finer
from PASTALib.finer.shown import (
    CHANNELS,
    ORGANS,
    OTHER,
    channels,
    organ_numbers,
    shown,
    worth_a_look,
)
from PASTALib.geometry import Geometry
from PASTALib.grid import Roi, to_model_grid
from PASTALib.inference import segment
from PASTALib.model import Model, load_model, save_model
from PASTALib.progress import Cancelled, CancelToken

LIVER, SPLEEN = catalog().label("liver"), catalog().label("spleen")
TUMOR = catalog().label("liver_tumor")
INFO = FinerInfo(
    "finer",
    "1",
    ("background", *catalog().lesion_types),
    2.0,
    (16, 16, 16),
    (4, 8, 8),
    AS_IT_IS,
    refines=True,
)


class BrightSpots(torch.nn.Module):
    """Calls a liver tumor what is brighter than 150 HU in what it is shown of the liver."""

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        wide, liver = inputs[:, 1], inputs[:, 2 + ORGANS.index("liver")]
        logits = torch.full((len(inputs), len(INFO.classes), *inputs.shape[2:]), -9.0)
        logits[:, 0] = 0.0
        logits[:, INFO.classes.index("liver_tumor")] = 9.0 * ((wide > 150 / 400) & (liver > 0)) - 4
        return logits


FINER = Model(INFO, BrightSpots(), "cpu")


def a_liver() -> tuple[CT, np.ndarray]:
    """A block of liver with a bright spot inside of it and one beside it, and its label map."""
    hu = np.full((30, 40, 40), 50, np.int16)
    hu[12:18, 12:18, 12:18] = 200
    hu[12:18, 32:38, 32:38] = 200
    organs = np.zeros(hu.shape, np.uint8)
    organs[5:25, 5:30, 5:30] = LIVER
    image = sitk.GetImageFromArray(hu)
    image.SetSpacing((1.5, 1.5, 2.5))
    return CT(image, "liver"), organs


def labels_of(ct: CT, organs: np.ndarray) -> CTLabels:
    """What a first network says that takes a dark part of the liver for a cyst."""
    geometry = Geometry.of(ct.image)
    labels = CTLabels(geometry, geometry, (LIVER,), (TUMOR,))
    labels.organs[:] = organs
    labels.lesions[20:24, 20:24, 20:24] = catalog().label("liver_cyst")
    labels.probability[20:24, 20:24, 20:24] = 200
    return labels


def test_each_organ_with_lesion_types_has_a_number_and_all_others_share_one():
    numbers = organ_numbers()
    for number, organ in enumerate(ORGANS, start=1):
        assert set(numbers[list(catalog().organ_labels(organ))]) == {number}
    assert numbers[SPLEEN] == OTHER
    assert numbers[0] == 0


def test_it_is_shown_hu_organs_and_suspicion_of_the_same_place():
    ct, organs = a_liver()
    labels = labels_of(ct, organs)
    grid = to_model_grid(ct.image, 2.0)
    hu, numbers, likely = shown(grid, organs, labels.probability)
    place = {
        "spot": ct.image.TransformIndexToPhysicalPoint((14, 14, 14)),
        "suspicion": ct.image.TransformIndexToPhysicalPoint((22, 22, 22)),
        "outside": ct.image.TransformIndexToPhysicalPoint((2, 2, 2)),
    }
    at = {
        key: grid.image.TransformPhysicalPointToIndex(point)[::-1] for key, point in place.items()
    }
    assert hu[at["spot"]] == 200
    assert hu[at["outside"]] == 50
    assert numbers[at["spot"]] == 1 + ORGANS.index("liver")
    assert numbers[at["outside"]] == 0
    assert likely[at["suspicion"]] == 200
    assert likely[at["spot"]] == 0


def test_only_organs_with_lesion_types_and_suspicions_are_worth_a_look():
    image = np.zeros((3, 1, 1, 4), np.int16)
    image[1, 0, 0, :2] = 1, OTHER
    image[2, 0, 0, 2] = 100
    assert worth_a_look(image)[0, 0].tolist() == [True, False, True, False]


def test_an_organ_is_one_channel_and_suspicion_the_last():
    hu = torch.tensor([-900.0, 60.0, 90.0, 1200.0]).reshape(1, 1, 1, 4)
    numbers = torch.tensor([1, 2, OTHER, 0]).reshape(1, 1, 1, 4)
    likely = torch.tensor([0.0, 0.5, 1.0, 0.0]).reshape(1, 1, 1, 4)
    seen = channels(hu, numbers, likely)[0, :, 0, 0]
    assert seen.shape == (CHANNELS, 4)
    assert (seen[0].diff() >= 0).all()
    assert (seen[1].diff() > 0).all()
    assert seen[2:-1].sum(0).tolist() == [1, 1, 1, 0]
    assert seen[-1].tolist() == [0.0, 0.5, 1.0, 0.0]


def test_its_outlines_replace_those_of_the_first_network():
    ct, organs = a_liver()
    labels = labels_of(ct, organs)
    outline_finer(ct.image, labels, FINER, None, 0.25)
    assert labels.lesions[15, 15, 15] == TUMOR
    assert labels.probability[15, 15, 15] > 200
    assert labels.lesions[22, 22, 22] == 0
    assert labels.lesions[15, 35, 35] == 0  # not in the liver
    volume = (labels.lesions == TUMOR).sum() * 1.5 * 1.5 * 2.5
    assert volume == pytest.approx(6 * 6 * 6 * 1.5 * 1.5 * 2.5, rel=0.4)


def test_it_looks_into_a_region_of_interest_only():
    ct, organs = a_liver()
    labels = labels_of(ct, organs)
    far = Roi((45.0, 45.0, 60.0), (55.0, 55.0, 70.0))
    quiet = replace(FINER, info=replace(INFO, patch=(8, 8, 8)))
    outline_finer(ct.image, labels, quiet, far, 0.25)
    assert not (labels.lesions[:4]).any()


def test_it_can_be_cancelled():
    ct, organs = a_liver()
    cancel = CancelToken()
    cancel.cancel()
    with pytest.raises(Cancelled):
        outline_finer(ct.image, labels_of(ct, organs), FINER, None, 0.25, cancel=cancel)


def test_a_model_with_a_finer_network_gives_its_lesions():
    ct, organs = a_liver()
    first = model_of()
    image = sitk.GetImageFromArray(organs)
    image.CopyInformation(ct.image)
    alone = segment(ct, first, organs=image)
    both = segment(ct, replace(first, finer=FINER), organs=image)
    assert sitk.GetArrayFromImage(both.lesions)[15, 15, 15] == TUMOR
    assert (sitk.GetArrayFromImage(both.lesions) != sitk.GetArrayFromImage(alone.lesions)).any()
    assert (sitk.GetArrayFromImage(both.organs) == organs).all()


def test_a_saved_network_says_the_same(tmp_path: Path):
    torch.manual_seed(1)
    network = INFO.network().eval()
    info = save_finer(tmp_path, INFO, network)
    again = load_finer(tmp_path)
    assert again is not None
    assert again.info == info
    tile = np.random.default_rng(0).integers(0, 11, (1, 3, 16, 16, 16)).astype(np.int16)
    with torch.inference_mode():
        mine, its = (one(INFO.inputs(tile)) for one in (network, again.network))
    assert torch.allclose(mine, its, atol=0.05)
    verify_finer(tmp_path)


def test_a_model_folder_without_one_has_none(tmp_path: Path):
    assert load_finer(tmp_path) is None
    verify_finer(tmp_path)


def test_damaged_files_are_refused_with_their_name(tmp_path: Path):
    save_finer(tmp_path, INFO, INFO.network())
    (tmp_path / FINER_WEIGHTS).write_bytes(b"damaged")
    with pytest.raises(PastaError, match=r"do not match the checksum in finer\.json"):
        load_finer(tmp_path)
    with pytest.raises(PastaError, match=r"does not match the checksum in finer\.json"):
        verify_finer(tmp_path)
    (tmp_path / FINER_FILE).write_text("{")
    with pytest.raises(PastaError, match=FINER_FILE):
        load_finer(tmp_path)


def test_a_model_is_loaded_with_its_finer_network(tmp_path: Path):
    first = load_model("pasta-s")
    save_model(tmp_path, first.info, first.network)
    assert load_model(tmp_path).finer is None
    save_finer(tmp_path, INFO, INFO.network())
    both = load_model(tmp_path)
    assert both.finer is not None
    assert both.finer.info.spacing_mm == 2.0
