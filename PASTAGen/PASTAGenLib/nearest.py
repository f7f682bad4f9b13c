"""The nearest place to a point at which a lesion that was asked for fits."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from PASTAGenLib.plan import placed_in
from PASTAGenLib.scene import Scene
from PASTAGenLib.sites.hosts import candidate_hosts, site_voxels
from PASTAGenLib.spec import LesionSpec
from PASTALib.errors import PastaError
from PASTALib.geometry import Vector, as_vector
from PASTALib.progress import CancelToken

DEPTHS = (0.9, 0.6, 0.3, 0.0)
"""Shares of the radius that a place is looked for below the organ's surface; the first is surest.
"""
PLACES = 2
"""Places that are tried at each depth."""
LEAST_APART = 0.25
"""Two of them are apart by this share of the size, or they fail for the same reason."""
MANY = 40_000


def nearest_place(scene: Scene, spec: LesionSpec, cancel: CancelToken | None = None) -> Vector:
    """LPS mm of a center near the spec's at which the lesion can be planned.

    Raises:
        PastaError: none was found.
        Cancelled: asked to stop.
    """
    assert spec.center is not None
    best: tuple[float, Vector] | None = None
    for point in _candidates(scene, spec):
        if cancel is not None:
            cancel.check()
        away = float(np.linalg.norm(point - np.array(spec.center)))
        if best is not None and away >= best[0]:
            continue
        # Without a size, a refusal does not look for one that would fit.
        at = replace(spec, center=as_vector(point))
        try:
            placed_in(scene, at, np.random.default_rng(spec.seed))
        except PastaError:
            continue
        best = (away, as_vector(point))
    if best is None:
        raise PastaError(
            f"No place for such a {spec.kind.name.lower()} was found in this scan; ask for a "
            "smaller one, or leave out what need not be."
        )
    return best[1]


def _candidates(scene: Scene, spec: LesionSpec) -> Iterator[NDArray[np.float64]]:
    """Centers in the organ: at each depth the nearest ones."""
    size = spec.long_axis_mm or spec.kind.long_axis_mm.median
    for host in candidate_hosts(scene, replace(spec, center=None)):
        voxels = site_voxels(scene, host, replace(spec, center=None))
        index = np.stack(np.unravel_index(voxels, scene.geometry.shape_zyx), axis=1)
        depth = _depth(scene, index)
        thin = slice(None, None, max(1, len(index) // MANY))
        points, depth = scene.geometry.points_of_zyx(index[thin]), depth[thin]
        away = np.linalg.norm(points - np.array(spec.center), axis=1)
        for share in DEPTHS:
            fits = np.flatnonzero(depth >= min(share * size / 2, float(depth.max())))
            chosen: list[NDArray[np.float64]] = []
            for number in fits[np.argsort(away[fits], kind="stable")]:
                point = points[number]
                gaps = [np.linalg.norm(point - other) for other in chosen]
                if min(gaps, default=np.inf) >= LEAST_APART * size:
                    chosen.append(point)
                    yield point
                if len(chosen) == PLACES:
                    break


def _depth(scene: Scene, index: NDArray[np.int64]) -> NDArray[np.float64]:
    """Distance in mm of voxels of a structure from its surface."""
    low = index.min(axis=0) - 1
    inside = np.zeros(np.ptp(index, axis=0) + 3, bool)
    inside[tuple((index - low).T)] = True
    distance = ndimage.distance_transform_edt(inside, sampling=scene.geometry.spacing_zyx)
    return np.asarray(distance[tuple((index - low).T)])
