"""Tiled inference, with a network that tells tissue by HU so that the right answer is known."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk
import torch

from geometries import AXIS_ORDERS, points_of
from PASTALib import tile_runner
from PASTALib.catalog import catalog
from PASTALib.ct import CT
from PASTALib.errors import Cancelled, PastaError
from PASTALib.geometry import Geometry
from PASTALib.grid import Roi
from PASTALib.inference import segment
from PASTALib.model import Model, ModelInfo, Normalization
from PASTALib.network import UNet
from PASTALib.progress import CancelToken

CLASSES = ("background", "liver", "kidney_right", "kidney_left", "kidney_tumor", "liver_cyst")
HU = (-1000.0, 60.0, 500.0, 300.0, 120.0, -150.0)  # what each class looks like
LABEL = {key: catalog().label(key) for key in CLASSES[1:]}


class ByHU(torch.nn.Module):
    """Logits fall with the distance to the HU of each class."""

    def __init__(self):
        super().__init__()
        self.tiles = 0

    def forward(self, image):
        self.tiles += len(image)
        levels = torch.tensor(HU).reshape(1, -1, 1, 1, 1)
        return -((image.float() * 100 - levels).abs()) / 10


def model_of(network=None, patch=(16, 16, 16), threshold=0.5):
    info = ModelInfo(
        name="by-hu",
        version="0",
        classes=CLASSES,
        spacing_mm=3.0,
        patch=patch,
        features=(4, 4),
        normalization=Normalization(-1000, 1000, 0, 100),
        lesion_threshold=threshold,
    )
    return Model(info, network or ByHU(), "cpu")


def ct_of(direction=AXIS_ORDERS[0], spacing=(2.0, 2.5, 3.0), size=(48, 40, 36)):
    """A liver with a cyst on the right, a left kidney with a tumor; air around them."""
    middle = np.reshape(direction, (3, 3)) @ (np.array(spacing) * (np.array(size) - 1) / 2)
    geometry = Geometry(size, spacing, tuple((-middle).tolist()), tuple(np.ravel(direction)))
    points = points_of(geometry)
    values = np.full(points.shape[:3], -1000, np.int16)
    for center, radius, key in (
        ((-18, 0, 0), 22, "liver"),
        ((22, 0, 5), 14, "kidney_left"),
        ((22, 8, 5), 8, "kidney_tumor"),
    ):
        values[np.linalg.norm(points - center, axis=-1) < radius] = HU[CLASSES.index(key)]
    return CT(geometry.place(sitk.GetImageFromArray(values)), "phantom")


def label_at(image, point):
    return image[image.TransformPhysicalPointToIndex(point)]


def array(image):
    return sitk.GetArrayViewFromImage(image)


@pytest.mark.parametrize("number", [0, 13, 29, 46])
def test_organs_and_lesions_are_found_where_they_are(number):
    ct = ct_of(AXIS_ORDERS[number])
    found = segment(ct, model_of())
    for image in (found.organs, found.lesions, found.probability):
        assert Geometry.of(image) == Geometry.of(ct.image)
        assert image.GetPixelID() == sitk.sitkUInt8
    assert label_at(found.organs, (-18, 0, 0)) == LABEL["liver"]
    assert label_at(found.organs, (22, -6, 5)) == LABEL["kidney_left"]
    assert label_at(found.lesions, (22, 10, 5)) == LABEL["kidney_tumor"]
    assert label_at(found.lesions, (-18, 0, 0)) == 0
    assert label_at(found.probability, (22, 10, 5)) > 200
    assert label_at(found.probability, (-18, 0, 0)) < 10


def test_an_organ_includes_its_lesions():
    found = segment(ct_of(), model_of())
    inside = array(found.lesions) == LABEL["kidney_tumor"]
    assert inside.sum() > 80
    assert set(np.unique(array(found.organs)[inside])) == {LABEL["kidney_left"]}


def test_given_organs_replace_those_of_the_model_and_keep_only_lesions_in_their_organ():
    ct = ct_of()
    points = points_of(Geometry.of(ct.image))
    near = np.linalg.norm(points - (22, 0, 5), axis=-1) < 16
    for key, left in (("kidney_left", True), ("spleen", False)):
        label = catalog().label(key)
        organs = sitk.GetImageFromArray(np.where(near, label, 0).astype(np.uint8))
        organs.CopyInformation(ct.image)
        found = segment(ct, model_of(), organs=organs)
        assert (LABEL["kidney_tumor"] in array(found.lesions)) == left
        assert label_at(found.organs, (-18, 0, 0)) == 0
        assert label_at(found.organs, (22, -6, 5)) == label


def test_given_organs_of_another_size_are_refused():
    organs = sitk.Image([4, 4, 4], sitk.sitkUInt8)
    with pytest.raises(PastaError, match="size and place"):
        segment(ct_of(), model_of(), organs=organs)


def test_only_the_region_of_interest_is_filled():
    network = ByHU()
    found = segment(ct_of(), model_of(network), roi=Roi((10, -20, -10), (40, 20, 20)))
    assert label_at(found.lesions, (22, 10, 5)) == LABEL["kidney_tumor"]
    assert label_at(found.organs, (22, -6, 5)) == LABEL["kidney_left"]
    assert label_at(found.organs, (-18, 0, 0)) == 0


def test_progress_counts_the_tiles_and_never_goes_back():
    told = []
    network = ByHU()
    segment(ct_of(), model_of(network), progress=lambda part, text: told.append((part, text)))
    parts = [part for part, _ in told]
    assert parts == sorted(parts)
    assert parts[-1] == 1
    assert f"Tile {network.tiles} of {network.tiles}" in [text for _, text in told]


def test_tiles_of_air_are_not_run():
    wide = np.full((20, 80, 80), -1000, np.int16)
    wide[:, 5:75, 5:75] = 60
    wide[:, 10:70, 10:70] = -1000
    image = sitk.GetImageFromArray(wide)
    image.SetSpacing((3, 3, 3))
    network = ByHU()
    found = segment(CT(image, "ring"), model_of(network, (20, 16, 16)))
    assert network.tiles < 36
    assert set(np.unique(array(found.organs))) == {0, LABEL["liver"]}


def test_a_lower_threshold_finds_more_of_a_lesion():
    counts = [
        np.count_nonzero(array(segment(ct_of(), model_of(threshold=value)).lesions))
        for value in (0.5, 0.01)
    ]
    assert counts[1] > counts[0]


def test_it_stops_at_the_next_tile_when_cancelled():
    token = CancelToken()

    class Cancelling(ByHU):
        def forward(self, image):
            if self.tiles == 2:
                token.cancel()
            return super().forward(image)

    network = Cancelling()
    with pytest.raises(Cancelled):
        segment(ct_of(), model_of(network), cancel=token)
    assert network.tiles == 3


class ShortOfMemory(ByHU):
    """Fails as a CUDA device does on more than `most` tiles at once."""

    def __init__(self, most):
        super().__init__()
        self.most = most

    def forward(self, image):
        if len(image) > self.most:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory.")
        return super().forward(image)


def test_fewer_tiles_at_once_are_tried_when_memory_is_short(monkeypatch):
    expected = segment(ct_of(), model_of())
    monkeypatch.setattr(tile_runner, "_batch_size", lambda device: 4)
    told = []
    found = segment(
        ct_of(), model_of(ShortOfMemory(1)), progress=lambda part, text: told.append(text)
    )
    assert "Memory is short: running 2 tiles at once" in told
    assert "Memory is short: running 1 tile at once" in told
    assert np.array_equal(array(found.organs), array(expected.organs))
    assert np.array_equal(array(found.lesions), array(expected.lesions))


def test_too_little_memory_even_for_one_tile_is_said_plainly():
    with pytest.raises(PastaError, match="not enough memory"):
        segment(ct_of(), model_of(ShortOfMemory(0)))


def test_other_errors_of_the_network_are_not_hidden():
    class Broken(torch.nn.Module):
        def forward(self, image):
            raise RuntimeError("shapes do not match")

    with pytest.raises(RuntimeError, match="shapes do not match"):
        segment(ct_of(), model_of(Broken()))


def test_a_real_network_runs_on_a_ct_smaller_than_a_tile():
    torch.manual_seed(0)
    network = UNet((4, 4, 4), len(CLASSES)).eval()
    found = segment(ct_of(size=(9, 8, 1)), model_of(network))
    assert found.organs.GetSize() == (9, 8, 1)


def test_the_caller_s_model_stays_as_it_was():
    network = UNet((4, 4), len(CLASSES)).eval()
    before = {key: value.clone() for key, value in network.state_dict().items()}
    segment(ct_of(), model_of(network))
    assert not network.training
    assert all(torch.equal(before[key], value) for key, value in network.state_dict().items())
