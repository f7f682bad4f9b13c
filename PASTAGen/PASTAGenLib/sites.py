"""Where in its organ a lesion can lie."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from PASTAGenLib.render import FAT_HU, RIM_HU
from PASTAGenLib.scene import Host, Scene, hosts_of
from PASTAGenLib.shapes import Blob, sphere_directions
from PASTAGenLib.spec import LesionSpec
from PASTALib.catalog import catalog
from PASTALib.errors import PastaError

CANDIDATES = 48
"""Places that are tried at once; looking at 48 costs about a millisecond."""
FEW_VOXELS = 12
LUNG_AIR_HU = -500
"""A lung tumor is not centered on a vessel or airway wall brighter than this."""


def candidate_hosts(scene: Scene, spec: LesionSpec) -> list[Host]:
    """Structures of the scan that the lesion may be in.

    Raises:
        PastaError: the organ is absent, or the place asked for is not in it.
    """
    organ = spec.kind.organ
    all_hosts = hosts_of(organ)
    hosts = [h for h in all_hosts if len(scene.voxels(h.labels)) >= FEW_VOXELS]
    name = spec.kind.name.lower()
    if not hosts:
        raise PastaError(
            f"A {name} needs the {catalog().organs[organ].name.lower()}, which this scan's organ "
            "map does not hold; choose another lesion type."
        )
    if spec.center is not None:
        index = np.rint(scene.geometry.indices_zyx(np.array(spec.center))).astype(int)
        inside = bool(np.all((index >= 0) & (index < scene.geometry.shape_zyx)))
        label = int(scene.organs[tuple(index)]) if inside else 0
        at = [h for h in hosts if label in h.labels]
        if not at:
            raise PastaError(
                f"The center of the {name} is not in the {catalog().organs[organ].name.lower()}; "
                "move it inside or leave it out."
            )
        return at
    if spec.location is not None:
        known = catalog().structures
        wanted = [
            h
            for h in hosts
            if spec.location in (h.key, known[h.key].side)
            or (spec.location in known and known[spec.location].parent == h.key)
        ]
        if not wanted:
            raise PastaError(
                f"location '{spec.location}' holds no place for a {name} in this scan; use one of "
                f"{', '.join(h.key for h in hosts)}."
            )
        return wanted
    return hosts


def draw_host(scene: Scene, hosts: list[Host], rng: np.random.Generator) -> Host:
    """One of the hosts; larger ones more often, by the square root of their volume."""
    weights = np.sqrt([float(len(scene.voxels(h.labels))) for h in hosts])
    return hosts[int(rng.choice(len(hosts), p=weights / weights.sum()))]


def site_labels(host: Host, location: str | None) -> tuple[int, ...]:
    """Labels in which the center may lie: a lobe if one was asked for, else all of the host."""
    structure = catalog().structures.get(location or "")
    return (structure.label,) if structure and structure.parent == host.key else host.labels


def draw_centers(
    scene: Scene, labels: tuple[int, ...], spec: LesionSpec, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Candidate voxels ``(n, 3)`` in the order of preference."""
    where = scene.voxels(labels)
    picked = where[rng.integers(0, len(where), CANDIDATES * 4)]
    indices = np.stack(np.unravel_index(picked, scene.geometry.shape_zyx), axis=1).astype(
        np.float64
    )
    if spec.type == "lung_tumor":
        aerated = scene.hu.ravel()[picked] < LUNG_AIR_HU
        indices = np.concatenate([indices[aerated], indices[~aerated]])
    elif spec.type == "gallstone":
        # Stones sink: most posterior first. LPS y points to the back of a supine patient.
        posterior = scene.geometry.points_of_zyx(indices)[:, 1]
        indices = indices[np.argsort(-posterior, kind="stable")]
    elif spec.type == "kidney_stone":
        points = scene.geometry.points_of_zyx(indices)
        z, y, x = np.unravel_index(where[:: max(1, len(where) // 2000)], scene.geometry.shape_zyx)
        all_points = scene.geometry.points_of_zyx(np.stack([z, y, x], axis=1).astype(np.float64))
        spread = points - all_points.mean(0)
        inverse = np.linalg.inv(np.cov(all_points.T) + np.eye(3))
        off_center = np.einsum("ni,ij,nj->n", spread, inverse, spread)
        # The collecting system: the inner part of the kidney, calyces rather than mid-point.
        indices = indices[np.argsort(np.abs(off_center - rng.uniform(0.1, 0.8)), kind="stable")]
    return indices


def shares_inside(
    scene: Scene, labels: tuple[int, ...], blob: Blob, centers: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Share of a blob's points that lie in the organ, and in the organ or free fat, by center."""
    directions = sphere_directions()
    surface = directions * blob.radii(directions)[:, None]
    points = np.concatenate([surface, 0.6 * surface[::2]])
    flat, valid = _flat(scene, centers[:, None] + _steps(scene, points)[None])
    labels_there, hu = scene.organs.ravel()[flat], scene.hu.ravel()[flat]
    inside = scene.table(labels)[labels_there] & valid
    free = valid & (labels_there == 0) & (hu >= FAT_HU[0]) & (hu <= RIM_HU)
    return inside.mean(axis=1), (inside | free).mean(axis=1)


def _steps(scene: Scene, vectors: NDArray) -> NDArray[np.float64]:
    """Vectors in mm as fractional index steps."""
    return np.asarray(vectors @ scene.geometry.inverse_zyx.T)


def _flat(scene: Scene, indices: NDArray) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Flat array index of the nearest voxels, and which of them lie in the scan."""
    nearest = np.rint(indices).astype(np.int64)
    limits = np.array(scene.geometry.shape_zyx)
    valid = np.all((nearest >= 0) & (nearest < limits), axis=-1)
    nearest = np.clip(nearest, 0, limits - 1)
    return np.ravel_multi_index(tuple(np.moveaxis(nearest, -1, 0)), scene.geometry.shape_zyx), valid


def wall_centers(
    scene: Scene, host: Host, centers: NDArray[np.float64], reach_mm: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """From points in a hollow organ, walk outward to its surface.

    Each candidate goes along its own direction until it leaves the organ, which reaches the
    wall wherever the organ bends, without looking at the whole organ.

    Returns:
        Fractional indices of points on the wall, and inward normals in LPS.
    """
    directions = sphere_directions(len(centers) or 1)
    # The golden-ratio order of the lattice goes from pole to pole; shuffle without a generator.
    directions = directions[(np.arange(len(centers)) * 29) % max(len(centers), 1)]
    step_mm = float(scene.geometry.spacing_zyx.min())
    count = int(reach_mm / step_mm) + 2
    walk = (np.arange(count) * step_mm)[None, :, None] * directions[:, None]
    path = np.rint(centers[:, None] + _steps(scene, walk))
    flat, valid = _flat(scene, path)
    inside = scene.table(host.labels)[scene.organs.ravel()[flat]] & valid
    left = ~inside
    last = np.argmax(left, axis=1) - 1
    # Leaving through the edge of the scan is no wall.
    outside = valid[np.arange(len(centers)), np.maximum(last + 1, 0)]
    good = left.any(axis=1) & (last >= 0) & outside
    points = path[np.arange(len(centers)), np.maximum(last, 0)]
    return points[good], -directions[good].astype(np.float64)
