"""Lesions as a dictionary transform of MONAI."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from monai.data import MetaTensor
from monai.transforms import MapTransform, RandomizableTransform
from monai.utils.enums import SpaceKeys

from PASTAGenLib.lesion_mix import LesionMix
from PASTAGenLib.transforms.patch_lesions import PatchLesions, label_lookup
from PASTALib.catalog import Phase, catalog
from PASTALib.errors import PastaError
from PASTALib.geometry import Geometry, as_index, as_vector
from PASTALib.straighten import is_sheared


class InsertLesiond(RandomizableTransform, MapTransform):
    """Inserts synthetic lesions into a CT, or a patch of one, that comes with organ labels.

    Put it behind loading, orientation, spacing and cropping, and before intensities are scaled and
    before transforms that shear: it needs HU and voxels at right angles. Reproducible by
    ``set_random_state`` as every randomizable transform, and safe in ``DataLoader`` workers.

    Adds to each item ``lesion_key``: uint8 catalogue labels of the inserted lesions, on the grid of
    the image; and ``plans_key``: their plans as JSON, from which `PASTAGenLib.apply.apply` makes
    the same lesions again.

    Args:
        image_key: CT in HU, ``(1, x, y, z)``.
        organs_key: organ labels of the same shape; where a lesion grows beyond its organ or pushes
            tissue aside, they follow.
        label_key: a label map that also takes the lesions, with the numbers of `label_numbers`.
        label_numbers: number of each lesion type in `label_key`.
        lesion_key: where the lesions' own label map goes.
        plans_key: where their plans go.
        prob: probability that an item gets lesions.
        types: see `PatchLesions`.
        count: see `PatchLesions`.
        organ_table: see `label_lookup`.
        phase: contrast phase of all items; estimated from each image if not given.
        phase_key: key of an item's own phase.
        allow_missing_keys: leave items without image or organs as they are.

    Raises:
        PastaError: an argument is wrong.
    """

    backend = MapTransform.backend

    def __init__(
        self,
        image_key: str = "image",
        organs_key: str = "organs",
        *,
        label_key: str | None = None,
        label_numbers: Mapping[str, int] | None = None,
        lesion_key: str = "lesion",
        plans_key: str = "lesion_plans",
        prob: float = 0.5,
        types: Mapping[str | LesionMix, float] | Sequence[str | LesionMix] | None = None,
        count: tuple[int, int] = (1, 1),
        organ_table: str | Mapping[int, str] = "pasta",
        phase: Phase | None = None,
        phase_key: str | None = None,
        allow_missing_keys: bool = False,
    ) -> None:
        MapTransform.__init__(self, (image_key, organs_key), allow_missing_keys)
        RandomizableTransform.__init__(self, prob)
        if label_key is not None and not label_numbers:
            raise PastaError("label_key needs label_numbers: the number of each lesion type.")
        self.image_key, self.organs_key, self.label_key = image_key, organs_key, label_key
        self.lesion_key, self.plans_key = lesion_key, plans_key
        self._numbers = {catalog().label(k): n for k, n in (label_numbers or {}).items()}
        self._lesions = PatchLesions(types, count)
        self._lookup = label_lookup(organ_table)
        self._phase, self._phase_key = phase, phase_key
        self._seed = 0

    def randomize(self, data: Any = None) -> None:
        """Draw whether there are lesions, and the seed of all that they draw."""
        super().randomize(data)
        self._seed = int(self.R.randint(2**32, dtype=np.uint64))

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """The item with lesions; the one that is handed in stays as it was."""
        item = dict(data)
        self.randomize()
        if any(key not in item for key in (self.image_key, self.organs_key)):
            if self.allow_missing_keys:
                return item
            missing = next(k for k in (self.image_key, self.organs_key) if k not in item)
            raise PastaError(f"InsertLesiond finds no '{missing}' in the item; name the right key.")
        image, organs = item[self.image_key], item[self.organs_key]
        _check(image, organs)
        item[self.plans_key] = []
        item[self.lesion_key] = _like(organs, np.zeros(organs.shape, np.uint8))
        if not self._do_transform:
            return item
        theirs = _array(organs)
        hu = np.rint(_array(image)).astype(np.int16)
        found = self._lesions(
            hu,
            self._lookup[theirs],
            geometry_of(image),
            np.random.default_rng(self._seed),
            item.get(self._phase_key, self._phase) if self._phase_key else self._phase,
        )
        if not found:
            return item
        change, labels = np.zeros(hu.shape, np.int16), np.zeros(hu.shape, np.uint8)
        moved = theirs.copy()
        for lesion in found:
            change[lesion.where] += lesion.change
            labels[lesion.where][lesion.mask] = catalog().label(lesion.plan.type)
            _move(moved[lesion.where], lesion.organs, self._lookup)
        item[self.plans_key] = [lesion.plan.to_json() for lesion in found]
        item[self.image_key] = _like(image, _array(image) + change)
        item[self.organs_key] = _like(organs, moved)
        item[self.lesion_key] = _like(organs, labels)
        if self.label_key is not None:
            label = _array(item[self.label_key]).copy()
            for ours, number in self._numbers.items():
                label[labels == ours] = number
            item[self.label_key] = _like(item[self.label_key], label)
        return item


def geometry_of(image: Any) -> Geometry:
    """Where the voxels of an image ``(1, x, y, z)`` lie, from its affine.

    A tensor without an affine counts as 1 mm voxels along LPS axes.

    Raises:
        PastaError: the axes are not at right angles.
    """
    x, y, z = (int(n) for n in image.shape[1:])
    if not isinstance(image, MetaTensor):
        return Geometry.isotropic((z, y, x), 1.0)
    affine = np.asarray(image.affine, np.float64)
    if image.meta.get("space", SpaceKeys.RAS) != SpaceKeys.LPS:
        affine = np.diag([-1.0, -1.0, 1.0, 1.0]) @ affine
    if is_sheared(affine):
        raise PastaError(
            "The axes of the image are not at right angles; put InsertLesiond before transforms "
            "that shear, such as RandAffined."
        )
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    direction = affine[:3, :3] / spacing
    return Geometry(
        as_index((x, y, z)),
        as_vector(spacing),
        as_vector(affine[:3, 3]),
        tuple(float(value) for value in direction.ravel()),
    )


def _check(image: Any, organs: Any) -> None:
    if image.ndim != 4 or image.shape[0] != 1:
        raise PastaError(
            f"InsertLesiond needs an image of shape (1, x, y, z), not {tuple(image.shape)}; use "
            "EnsureChannelFirstd, and one channel."
        )
    if tuple(organs.shape) != tuple(image.shape):
        raise PastaError(
            f"Organs {tuple(organs.shape)} and image {tuple(image.shape)} differ in shape; bring "
            "both to one grid first, with Spacingd or ResampleToMatchd."
        )


def _array(tensor: Any) -> np.ndarray:
    """``[z, y, x]`` of a tensor or array ``(1, x, y, z)``; labels become whole numbers."""
    array = np.asarray(tensor[0].cpu() if isinstance(tensor, torch.Tensor) else tensor[0])
    return np.ascontiguousarray(array.transpose(2, 1, 0))


def _like(tensor: Any, array: np.ndarray) -> Any:
    """An array ``[z, y, x]`` (or a finished ``(1, x, y, z)``) as what `tensor` is."""
    ready = array if array.ndim == 4 else np.ascontiguousarray(array.transpose(2, 1, 0))[None]
    if not isinstance(tensor, torch.Tensor):
        return ready
    made = torch.from_numpy(ready)
    return MetaTensor(made, meta=tensor.meta) if isinstance(tensor, MetaTensor) else made


def _move(theirs: np.ndarray, ours: np.ndarray, lookup: np.ndarray) -> None:
    """Let a user's organ labels follow what an insertion did to the catalogue's, in place."""
    number = {int(label): int(n) for n, label in reversed(list(enumerate(lookup))) if label}
    changed = lookup[theirs] != ours
    for label in np.unique(ours[changed]):
        theirs[changed & (ours == label)] = number.get(int(label), 0)
