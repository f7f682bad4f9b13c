"""Where in an organ a body can lie, and how much of it would be inside."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from PASTAGenLib.outline import FAT_HU, RIM_HU
from PASTAGenLib.scene import Scene
from PASTAGenLib.shape import Blob, sphere_directions
from PASTAGenLib.spec import LesionSpec

CANDIDATES = 96
LUNG_AIR_HU = -500
"""A lung tumor is not centered on a vessel or airway wall brighter than this."""
NEAR_MM = 2.0
"""What is so near to another organ is in close relationship with it."""
WALL_MM = 2.0
"""Organ maps hold the gallbladder with its wall, which is 1 to 3 mm thick; stones lie on it."""
LOWER_POLE = 0.45
"""Share of kidney stones that are looked for in the lower third (facts 4.2 (13))."""
DOWN = {
    "supine": (0.0, 1.0, 0.0),
    "prone": (0.0, -1.0, 0.0),
    "left_lateral": (1.0, 0.0, 0.0),
    "right_lateral": (-1.0, 0.0, 0.0),
}
"""Direction of gravity in LPS by how the patient lies."""


@dataclass(frozen=True)
class Shares:
    """Of a blob's points, by candidate center, what share lies where.

    Attributes:
        own: in the organ.
        free: in the organ or in free fat.
        foreign: of the points `NEAR_MM` beyond the surface, in other structures.
    """

    own: NDArray[np.float64]
    free: NDArray[np.float64]
    foreign: NDArray[np.float64]


def draw_centers(
    scene: Scene,
    voxels: NDArray[np.int64],
    spec: LesionSpec,
    radius_mm: float,
    rng: np.random.Generator,
) -> NDArray[np.float64]:
    """Candidate centers as fractional indices ``(n, 3)``, in the order of preference."""
    picked = voxels[rng.integers(0, len(voxels), CANDIDATES)]
    index = np.stack(np.unravel_index(picked, scene.geometry.shape_zyx), axis=1).astype(float)
    if spec.type == "lung_tumor":
        aerated = scene.hu.ravel()[picked] < LUNG_AIR_HU
        return np.concatenate([index[aerated], index[~aerated]])
    if spec.type == "gallstone":
        return _sunk(scene, voxels, spec, radius_mm, index)
    if spec.type == "kidney_stone":
        return _in_calyces(scene, voxels, index, rng)
    return index


def _sunk(
    scene: Scene,
    voxels: NDArray[np.int64],
    spec: LesionSpec,
    radius_mm: float,
    index: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Stones sink: each candidate down to the floor below it, the lowest floors first."""
    down = np.array(DOWN[spec.position or "supine"])
    step = 0.5 * float(scene.geometry.spacing_zyx.min())
    inside = np.zeros(scene.organs.size, bool)
    inside[voxels] = True
    walk = (np.arange(1, int(80 / step)) * step)[None, :, None] * down
    flat, valid = nearest_voxels(scene, index[:, None] + index_steps(scene, walk))
    left = ~(inside[flat] & valid)
    depth = np.where(left.any(axis=1), np.argmax(left, axis=1), 0) * step
    rest = np.maximum(depth - WALL_MM - radius_mm, 0)[:, None] * down
    sunk = index + index_steps(scene, rest)
    height = scene.geometry.points_of_zyx(sunk) @ down
    return np.asarray(sunk[np.argsort(-height, kind="stable")])


def _in_calyces(
    scene: Scene, voxels: NDArray[np.int64], index: NDArray[np.float64], rng: np.random.Generator
) -> NDArray[np.float64]:
    """Kidney stones lie in the collecting system: around the middle, often in the lower pole."""
    points = scene.geometry.points_of_zyx(index)
    few = voxels[:: max(1, len(voxels) // 2000)]
    every = np.stack(np.unravel_index(few, scene.geometry.shape_zyx), axis=1)
    kidney = scene.geometry.points_of_zyx(every)
    spread = points - kidney.mean(axis=0)
    inverse = np.linalg.inv(np.cov(kidney.T) + np.eye(3))
    off_center = np.einsum("ni,ij,nj->n", spread, inverse, spread)
    order = np.abs(off_center - rng.uniform(0.1, 0.8))
    if rng.random() < LOWER_POLE:
        order = order + (spread[:, 2] > -0.5 * kidney[:, 2].std())
    return np.asarray(index[np.argsort(order, kind="stable")])


def shares(
    scene: Scene, labels: tuple[int, ...], blob: Blob, centers: NDArray[np.float64]
) -> Shares:
    """How a blob about zero would lie at each candidate center."""
    directions = sphere_directions()
    radii = blob.radii(directions)[:, None]
    surface = directions * radii
    points = np.concatenate([surface, 0.6 * surface[::2]])
    flat, valid = nearest_voxels(scene, centers[:, None] + index_steps(scene, points)[None])
    there, hu = scene.organs.ravel()[flat], scene.hu.ravel()[flat]
    own = Scene.table(labels)
    inside = own[there] & valid
    free = valid & (there == 0) & (hu >= FAT_HU[0]) & (hu <= RIM_HU)
    outer = directions * (radii + NEAR_MM)
    flat, valid = nearest_voxels(scene, centers[:, None] + index_steps(scene, outer)[None])
    beyond = scene.organs.ravel()[flat]
    foreign = valid & (beyond > 0) & ~own[beyond]
    return Shares(inside.mean(axis=1), (inside | free).mean(axis=1), foreign.mean(axis=1))


def index_steps(scene: Scene, vectors: NDArray) -> NDArray[np.float64]:
    """Vectors in LPS mm as fractional index steps ``z, y, x``."""
    return np.asarray(vectors @ scene.geometry.inverse_zyx.T)


def nearest_voxels(scene: Scene, indices: NDArray) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Flat array index of the nearest voxels, and which of them lie in the scan."""
    nearest = np.rint(indices).astype(np.int64)
    limits = np.array(scene.geometry.shape_zyx)
    valid = np.all((nearest >= 0) & (nearest < limits), axis=-1)
    nearest = np.clip(nearest, 0, limits - 1)
    return np.ravel_multi_index(tuple(np.moveaxis(nearest, -1, 0)), scene.geometry.shape_zyx), valid
