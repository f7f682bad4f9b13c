"""The second look on finer voxels: what it finds, where it looks, and that both looks count."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import SimpleITK as sitk
from test_inference import CLASSES, HU, LABEL, ByHU, array, ct_of, label_at, model_of

from geometries import points_of
from PASTALib.catalog import catalog
from PASTALib.ct import CT
from PASTALib.errors import Cancelled
from PASTALib.finer import worth_a_look
from PASTALib.geometry import Geometry
from PASTALib.grid import Roi
from PASTALib.inference import segment
from PASTALib.progress import CancelToken


def looking_twice(network=None, finer_mm=1.5):
    """A model that looks at 3 mm and once more on finer voxels."""
    model = model_of(network)
    return replace(model, info=replace(model.info, finer_mm=finer_mm))


class Undecided(ByHU):
    """Says of a lesion how sure it is by the look: its first tiles are those of the first look."""

    def __init__(self, first: float, second: float, tiles: int) -> None:
        super().__init__()
        self.first, self.second, self.of_first = first, second, tiles

    def forward(self, image):
        share = self.first if self.tiles < self.of_first else self.second
        logits = super().forward(image)
        is_lesion = logits.argmax(1) == CLASSES.index("kidney_tumor")
        tumor, kidney = CLASSES.index("kidney_tumor"), CLASSES.index("kidney_left")
        logits[:, tumor][is_lesion] = float(np.log(share / (1 - share)))
        logits[:, kidney][is_lesion] = 0.0
        for other in set(range(len(CLASSES))) - {tumor, kidney}:
            logits[:, other][is_lesion] = -50.0
        return logits


def with_a_small_tumor() -> CT:
    """A left kidney with a tumor of 3.6 mm in voxels of 0.9 mm."""
    values = np.full((70, 70, 70), -1000, np.int16)
    values[10:60, 10:60, 10:60] = HU[CLASSES.index("kidney_left")]
    values[33:37, 33:37, 33:37] = HU[CLASSES.index("kidney_tumor")]
    image = sitk.GetImageFromArray(values)
    image.SetSpacing((0.9, 0.9, 0.9))
    return CT(image, "small")


def tiles_of_first_look(ct: CT) -> int:
    network = ByHU()
    segment(ct, model_of(network))
    return network.tiles


def test_what_is_too_small_for_the_first_look_shows_on_finer_voxels():
    ct = with_a_small_tumor()
    once, twice = segment(ct, model_of()), segment(ct, looking_twice(finer_mm=0.9))
    assert array(once.lesions)[35, 35, 35] == 0
    assert array(twice.probability)[35, 35, 35] > array(once.probability)[35, 35, 35]


def test_organs_are_those_of_the_first_look_and_lesions_are_where_they_were():
    ct = ct_of()
    once, twice = segment(ct, model_of()), segment(ct, looking_twice())
    assert label_at(twice.lesions, (22, 10, 5)) == LABEL["kidney_tumor"]
    assert label_at(twice.lesions, (-18, 0, 0)) == 0
    assert label_at(twice.organs, (-18, 0, 0)) == LABEL["liver"]
    healthy = (array(once.lesions) == 0) & (array(twice.lesions) == 0)
    assert (array(once.organs)[healthy] == array(twice.organs)[healthy]).mean() > 0.999


@pytest.mark.parametrize(
    ("first", "second", "found"), [(0.1, 0.99, True), (0.99, 0.1, True), (0.01, 0.9, False)]
)
def test_the_mean_of_both_log_odds_decides(first: float, second: float, found: bool):
    ct = ct_of()
    network = Undecided(first, second, tiles_of_first_look(ct))
    segmentation = segment(ct, looking_twice(network))
    odds = (np.log(first / (1 - first)) + np.log(second / (1 - second))) / 2
    assert (label_at(segmentation.lesions, (22, 10, 5)) > 0) == found
    inside = np.linalg.norm(points_of(Geometry.of(ct.image)) - (22, 8, 5), axis=-1) < 4
    seen = np.median(array(segmentation.probability)[inside]) / 255
    assert seen == pytest.approx(1 / (1 + np.exp(-odds)), abs=0.05)


def test_only_organs_with_lesion_types_and_suspicions_are_looked_at_again():
    labels = np.zeros((1, 1, 4), np.uint8)
    labels[0, 0, :2] = catalog().label("liver"), catalog().label("spleen")
    seen = np.zeros(labels.shape, np.uint8)
    seen[0, 0, 2] = 100

    class Labels:
        organs, probability = labels, seen

    assert worth_a_look(Labels())[0, 0].tolist() == [1, 0, 1, 0]


def test_a_region_of_interest_holds_for_both_looks():
    found = segment(ct_of(), looking_twice(), roi=Roi((10, -20, -10), (40, 20, 20)))
    assert label_at(found.lesions, (22, 10, 5)) == LABEL["kidney_tumor"]
    assert label_at(found.organs, (-18, 0, 0)) == 0


def test_given_organs_are_where_the_second_look_goes():
    ct = ct_of()
    organs = sitk.Image(ct.image.GetSize(), sitk.sitkUInt8)
    organs.CopyInformation(ct.image)
    assert not array(segment(ct, looking_twice(), organs=organs).lesions).any()


def test_progress_never_goes_back():
    told = []
    segment(ct_of(), looking_twice(), progress=lambda part, text: told.append(part))
    assert told == sorted(told)
    assert told[-1] == 1


def test_it_stops_between_the_tiles_of_the_second_look():
    ct, token = ct_of(), CancelToken()
    last = tiles_of_first_look(ct)

    class Cancelling(ByHU):
        def forward(self, image):
            if self.tiles >= last:
                token.cancel()
            return super().forward(image)

    network = Cancelling()
    with pytest.raises(Cancelled):
        segment(ct, looking_twice(network), cancel=token)
    assert network.tiles == last + 1


def test_lesions_are_outlined_on_the_finer_voxels():
    info = model_of().info
    assert info.lesion_mm == 3.0
    assert replace(info, finer_mm=2.0).lesion_mm == 2.0
