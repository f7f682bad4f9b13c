"""Which structure of the scan a lesion may be in, and which part of it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from PASTAGenLib.scene import Host, Scene, hosts_of
from PASTAGenLib.spec import LesionSpec
from PASTALib.catalog import catalog
from PASTALib.errors import PastaError

FEW_VOXELS = 12
MANY_VOXELS = 20_000


def candidate_hosts(scene: Scene, spec: LesionSpec) -> list[Host]:
    """Structures of the scan that the lesion may be in.

    Raises:
        PastaError: the organ is absent, or the place asked for is not in it.
    """
    organ = spec.kind.organ
    hosts = [h for h in hosts_of(organ) if len(scene.voxels(h.labels)) >= FEW_VOXELS]
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
    _, place = spec.words
    if place is None:
        return hosts
    known = catalog().structures
    wanted = [
        h
        for h in hosts
        if place in (h.key, known[h.key].side) or (place in known and known[place].parent == h.key)
    ]
    if not wanted:
        raise PastaError(
            f"location '{spec.location}' holds no place for {spec.called} in this scan; use one of "
            f"{', '.join(h.key for h in hosts)}."
        )
    return wanted


def draw_host(scene: Scene, hosts: list[Host], rng: np.random.Generator) -> Host:
    """One of the hosts; larger ones more often, by the square root of their volume."""
    weights = np.sqrt([float(len(scene.voxels(h.labels))) for h in hosts])
    return hosts[int(rng.choice(len(hosts), p=weights / weights.sum()))]


def site_voxels(scene: Scene, host: Host, spec: LesionSpec) -> NDArray[np.int64]:
    """Flat indices of the voxels in which the center may lie.

    Raises:
        PastaError: the part of the structure that was asked for is not there.
    """
    hints, place = spec.words
    structure = catalog().structures.get(place or "")
    part = structure is not None and structure.parent == host.key
    labels = (structure.label,) if part and structure is not None else host.labels
    voxels = scene.voxels(labels)
    if len(voxels) > MANY_VOXELS and hints:
        voxels = voxels[:: len(voxels) // MANY_VOXELS]
    if hints and len(voxels):
        index = np.stack(np.unravel_index(voxels, scene.geometry.shape_zyx), axis=1)
        points = scene.geometry.points_of_zyx(index)
        for hint in sorted(hints):
            keep = in_part(points, hint)
            voxels, points = voxels[keep], points[keep]
    if not len(voxels):
        raise PastaError(
            f"location '{spec.location}' names no part of the "
            f"{catalog().structures[host.key].name.lower()} in this scan; leave it out."
        )
    return voxels


def in_part(points: NDArray[np.float64], part: str) -> NDArray[np.bool_]:
    """Which of a structure's points (LPS mm) lie in a part of it.

    Upper, middle and lower are thirds along the body. The pancreas lies across it, its head to the
    right, so head, body and tail are thirds from right to left. Central is the inner half by the
    ellipsoid of the points.
    """
    x, y, z = points.T
    if part in ("upper", "middle", "lower", "head", "body", "tail"):
        along = z if part in ("upper", "middle", "lower") else x
        low, high = np.percentile(along, [1, 99])
        third = np.clip((along - low) / max(high - low, 1e-6) * 3, 0, 2.999).astype(int)
        number = ("lower", "middle", "upper") if along is z else ("head", "body", "tail")
        return np.asarray(third == number.index(part))
    if part in ("anterior", "posterior"):
        return np.asarray((y > np.median(y)) == (part == "posterior"))
    if part in ("medial", "lateral"):
        # The midline is x of the body's middle; without it, what is nearer to x = 0 of the organ.
        away = np.abs(x) if abs(np.median(x)) > np.ptp(x) / 2 else np.abs(x - np.median(x))
        return np.asarray((away > np.median(away)) == (part == "lateral"))
    spread = points - points.mean(axis=0)
    inverse = np.linalg.inv(np.cov(points.T) + np.eye(3))
    depth = np.einsum("ni,ij,nj->n", spread, inverse, spread)
    return np.asarray((depth < np.median(depth)) == (part == "central"))
