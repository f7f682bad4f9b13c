"""Which structure of the scan a lesion may be in, and which part of it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from PASTAGenLib.habits import SEGMENTS
from PASTAGenLib.scene import Host, Scene, hosts_of
from PASTAGenLib.sites.couinaud import segments
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
        points = scene.geometry.points_of_zyx(_indices(scene, voxels))
        voxels = voxels[_narrowed(scene, points, hints, points)]
    if not len(voxels):
        raise PastaError(
            f"location '{spec.location}' names no part of the "
            f"{catalog().structures[host.key].name.lower()} in this scan; leave it out."
        )
    return voxels


def in_parts(
    scene: Scene, host: Host, spec: LesionSpec, indices: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Which fractional indices on the wall of a structure lie in the parts that were asked for."""
    hints, _ = spec.words
    if not hints or not len(indices):
        return np.ones(len(indices), bool)
    voxels = scene.voxels(host.labels)
    voxels = voxels[:: max(1, len(voxels) // MANY_VOXELS)]
    organ = scene.geometry.points_of_zyx(_indices(scene, voxels))
    return _narrowed(scene, organ, hints, scene.geometry.points_of_zyx(indices))


def _indices(scene: Scene, voxels: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.stack(np.unravel_index(voxels, scene.geometry.shape_zyx), axis=1)


def _narrowed(
    scene: Scene,
    organ: NDArray[np.float64],
    hints: frozenset[str],
    points: NDArray[np.float64],
) -> NDArray[np.bool_]:
    """Which points (LPS mm) lie in all parts; each is a part of what those before it left."""
    keep = np.ones(len(points), bool)
    for hint in sorted(hints):
        if not len(organ):
            return np.zeros(len(points), bool)
        if hint in SEGMENTS:
            left, here = (segments(scene, p) == 1 + SEGMENTS.index(hint) for p in (organ, points))
        else:
            left, here = (in_part(p, hint, organ) for p in (organ, points))
        keep &= here
        organ = organ[left]
    return keep


def in_part(
    points: NDArray[np.float64], part: str, organ: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Which points lie in a part of a structure.

    Upper, middle and lower are thirds along the body. The pancreas lies across it, its head to the
    right, so head, body and tail are thirds from right to left. Central is the inner half by the
    ellipsoid of the points.

    Args:
        points: LPS mm.
        part: one of `habits.HINTS` but the liver's segments.
        organ: points of the structure, which say where its parts are.
    """
    x, y, _ = points.T
    if part in ("upper", "middle", "lower", "head", "body", "tail"):
        axis = 2 if part in ("upper", "middle", "lower") else 0
        low, high = np.percentile(organ[:, axis], [1, 99])
        third = ((points[:, axis] - low) / max(high - low, 1e-6) * 3).clip(0, 2.999).astype(int)
        number = ("lower", "middle", "upper") if axis == 2 else ("head", "body", "tail")
        return np.asarray(third == number.index(part))
    if part in ("anterior", "posterior"):
        return np.asarray((y > np.median(organ[:, 1])) == (part == "posterior"))
    if part in ("medial", "lateral"):
        # The midline is x of the body's middle; without it, what is nearer to x = 0 of the organ.
        middle = np.median(organ[:, 0])
        zero = 0.0 if abs(middle) > np.ptp(organ[:, 0]) / 2 else middle
        limit = np.median(np.abs(organ[:, 0] - zero))
        return np.asarray((np.abs(x - zero) > limit) == (part == "lateral"))
    inverse = np.linalg.inv(np.cov(organ.T) + np.eye(3))
    depth, every = (
        np.einsum("ni,ij,nj->n", p - organ.mean(axis=0), inverse, p - organ.mean(axis=0))
        for p in (points, organ)
    )
    return np.asarray((depth < np.median(every)) == (part == "central"))
