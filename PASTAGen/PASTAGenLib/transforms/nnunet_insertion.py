"""Lesions as a transform of batchgeneratorsv2, the augmentation of nnU-Net."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from batchgeneratorsv2.transforms.base.basic_transform import BasicTransform

from PASTAGenLib.lesion_mix import LesionMix
from PASTAGenLib.transforms.patch_lesions import PatchLesion, PatchLesions, label_lookup
from PASTALib.catalog import Phase, catalog
from PASTALib.errors import PastaError
from PASTALib.geometry import LPS_AXES, Geometry, as_vector


class InsertLesion(BasicTransform):
    """Inserts synthetic lesions into normalized patches whose segmentation has organs.

    Put it first in the list of transforms, before those that rotate, deform or change intensities.
    `get_parameters` draws the lesions, `apply` writes them; channel 0 of image and segmentation is
    used. nnU-Net clips HU before it normalizes, so lesions are clipped to the same range.

    Random numbers come from numpy's global generator, which nnU-Net seeds in each worker.

    Args:
        labels: number of each class in the segmentation, as in ``dataset.json``. Names of
            structures and organs are where lesions go, names of lesion types are what they become.
        spacing_zyx: mm between voxels along the patch's axes: ``spacing`` of the configuration in
            nnU-Net's plans.
        mean: that nnU-Net subtracts, ``foreground_intensity_properties_per_channel`` in the plans.
        sd: that it divides by.
        clip: HU that it clips to, its percentiles 0.5 and 99.5.
        prob: probability that a patch gets lesions.
        types: see `PatchLesions`; those types that `labels` has a number for if not given.
        count: see `PatchLesions`.
        phase: contrast phase; estimated from each patch if not given.
        direction: row-major 3 x 3 direction cosines of the scans, columns in the order x, y, z.

    Raises:
        PastaError: the labels hold no organ or no lesion type, or a number is wrong.
    """

    def __init__(
        self,
        labels: Mapping[str, int],
        spacing_zyx: Sequence[float],
        mean: float,
        sd: float,
        clip: tuple[float, float] = (-1024.0, 3071.0),
        *,
        prob: float = 0.5,
        types: Mapping[str | LesionMix, float] | Sequence[str | LesionMix] | None = None,
        count: tuple[int, int] = (1, 1),
        phase: Phase | None = None,
        direction: tuple[float, ...] = LPS_AXES,
    ) -> None:
        super().__init__()
        known = catalog().lesion_types
        self._numbers = {name: int(n) for name, n in labels.items() if name in known}
        if not self._numbers:
            raise PastaError(
                f"labels name none of the lesion types ({', '.join(known)}); give the labels of "
                "dataset.json."
            )
        self._lookup = label_lookup(
            {int(n): name for name, n in labels.items() if int(n) > 0 and name not in known}
        )
        if sd <= 0 or len(spacing_zyx) != 3:
            raise PastaError("sd must be above zero, and spacing_zyx three numbers in mm.")
        self._spacing = as_vector(list(spacing_zyx)[::-1])
        self._mean, self._sd, self._clip = mean, sd, clip
        self._prob, self._phase, self._direction = prob, phase, direction
        self._lesions = PatchLesions(tuple(self._numbers) if types is None else types, count)

    @classmethod
    def from_plans(
        cls, dataset: Path, plans: Path, configuration: str = "3d_fullres", **options: Any
    ) -> InsertLesion:
        """For a data set that nnU-Net has planned.

        Args:
            dataset: its ``dataset.json``.
            plans: its ``nnUNetPlans.json``.
            configuration: such as ``3d_fullres``.
            options: as for the class.

        Raises:
            PastaError: a file cannot be read, or does not have what is needed.
        """
        try:
            labels = json.loads(dataset.read_text(encoding="utf-8"))["labels"]
            planned = json.loads(plans.read_text(encoding="utf-8"))
            spacing = planned["configurations"][configuration]["spacing"]
            facts = planned["foreground_intensity_properties_per_channel"]["0"]
            clip = (facts["percentile_00_5"], facts["percentile_99_5"])
        except (OSError, ValueError, LookupError) as error:
            raise PastaError(
                f"'{dataset}' and '{plans}' are not dataset.json and plans of nnU-Net with the "
                f"configuration '{configuration}' ({error})."
            ) from error
        return cls(labels, spacing, facts["mean"], facts["std"], clip, **options)

    def get_parameters(self, **data_dict: Any) -> dict[str, Any]:
        """Draw lesions for the patch: ``lesions``, none or more."""
        seed, chance = np.random.randint(2**31), np.random.random()  # noqa: NPY002
        image, segmentation = data_dict.get("image"), data_dict.get("segmentation")
        if image is None or segmentation is None or chance >= self._prob:
            return {"lesions": ()}
        hu = np.rint(np.asarray(image[0], np.float32) * self._sd + self._mean).astype(np.int16)
        if hu.ndim != 3:
            raise PastaError("InsertLesion needs 3D patches; use a 3d configuration of nnU-Net.")
        labels = np.asarray(segmentation[0])
        organs = self._lookup[np.clip(labels, 0, 255).astype(np.uint8)]  # -1 is outside of the scan
        z, y, x = hu.shape
        geometry = Geometry((x, y, z), self._spacing, (0.0, 0.0, 0.0), self._direction)
        rng = np.random.default_rng(seed)
        return {"lesions": self._lesions(hu, organs, geometry, rng, self._phase)}

    def _apply_to_image(self, img: torch.Tensor, **params: Any) -> torch.Tensor:
        lesions: tuple[PatchLesion, ...] = params["lesions"]
        if not lesions:
            return img
        changed = img.clone()
        low, high = ((hu - self._mean) / self._sd for hu in self._clip)
        for lesion in lesions:
            box = changed[0][lesion.where]
            change = torch.from_numpy(lesion.change / np.float32(self._sd)).to(box)
            changed[0][lesion.where] = torch.where(
                change == 0, box, (box + change).clamp(low, high)
            )
        return changed

    def _apply_to_segmentation(self, segmentation: torch.Tensor, **params: Any) -> torch.Tensor:
        lesions: tuple[PatchLesion, ...] = params["lesions"]
        if not lesions:
            return segmentation
        changed = segmentation.clone()
        for lesion in lesions:
            box = changed[0][lesion.where]
            box[torch.from_numpy(lesion.mask)] = self._numbers[lesion.plan.type]
        return changed
