"""A planned lesion in the voxels of its box. Pure: the same plan and scan give the same bytes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from PASTAGenLib.boxes import slices
from PASTAGenLib.insertion_plan import InsertionPlan
from PASTAGenLib.outline import Outline, lesion_mask, outline
from PASTAGenLib.paint import picture
from PASTAGenLib.scene import HU, Scene
from PASTALib.errors import PastaError


@dataclass(frozen=True)
class Inserted:
    """One lesion in the voxels of its box.

    Attributes:
        hu: HU of the box after insertion, in the type of the scene's.
        mask: voxels of the box that are lesion.
        share: share of lesion in each voxel, 0 to 1.
        organs: uint8 labels of the box after insertion: moved by its mass effect, and the lesion
            is part of its organ.
        planned_hu: mean HU of the lesion, features included, without noise and partial volume.
    """

    hu: HU
    mask: NDArray[np.bool_]
    share: NDArray[np.float32]
    organs: NDArray[np.uint8]
    planned_hu: float


def apply_in(scene: Scene, plan: InsertionPlan, device: str = "cpu") -> Inserted:
    """The box of a plan after insertion; the scene's arrays are left as they are.

    Args:
        scene: the scan that was planned on.
        plan: the plan.
        device: where it is painted, such as ``cuda``; the picture is the same but for rounding.

    Raises:
        PastaError: the plan was made for a scan of another size.
    """
    if tuple(plan.grid_shape) != scene.geometry.shape_zyx:
        raise PastaError("The plan was made for a scan of another size; plan the lesion anew.")
    return painted(scene, plan, outline(plan, scene, device), device)


def painted(scene: Scene, plan: InsertionPlan, where: Outline, device: str) -> Inserted:
    """The box of a plan after insertion, where its outline is known."""
    if not bool(where.share.any()):
        raise PastaError("The plan finds no room in this organ map; plan the lesion anew.")
    before = scene.hu[slices(plan.box)]
    mask = lesion_mask(where.share)
    after, planned_hu, changed = picture(plan, scene, where, mask, device)
    values = scene.stored(after.cpu().numpy())
    organs = where.organs.copy()
    organs[mask & ~Scene.table(plan.host_labels)[organs]] = plan.host_labels[0]
    return Inserted(
        hu=np.where(changed.cpu().numpy(), values, before),
        mask=mask,
        share=where.share.cpu().numpy(),
        organs=organs,
        planned_hu=planned_hu,
    )
