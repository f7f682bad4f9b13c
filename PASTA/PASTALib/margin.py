"""How sharp the edge of a lesion is: its 10-90 % width, read from profiles across the surface."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from scipy import ndimage
from scipy.special import ndtr

from PASTALib.point_spread import POINT_SPREAD_SIGMA_MM
from PASTALib.region import Region
from PASTALib.surroundings import labelled

Floats = NDArray[np.float64]

INWARD_MM, OUTWARD_MM, STEP_MM = 5.0, 7.0, 0.25
"""A profile runs from inside the mask to outside of it, along the surface normal."""
SHIFT_MM = 3.0
"""The mask's edge may be off the image's edge by so much."""
TURN = 0.25
"""Share of the HU step that a profile may turn back before another tissue is assumed."""
MANY_POINTS = 1500
SECTORS = 24
TEN_TO_NINETY = 2.563
"""Width of an error-function edge from 10 to 90 %, in units of its sigma."""
BEYOND_MM = 2.0
"""What lies this far outside of a surface point says whether the lesion goes on in its organ."""
OWN_SURFACE = 0.3
"""Share of the surface that must lie toward the organ for the rest to be left out."""
STEEPEST = 0.5
"""Normals with a larger component across the slices are left out where slices are thick."""


@dataclass(frozen=True)
class Edge:
    """Edge of a lesion.

    Attributes:
        width_mm: 10-90 % width as seen in the image, median over the sectors of the surface.
        blur_mm: 10-90 % width that scanner and voxels give to a step.
        own_width_mm: `width_mm` without that blur (in quadrature).
        contrast: median absolute HU step across the edge.
        sectors: sectors of the surface with a step clearly above noise.
        all_sectors: sectors looked at.
    """

    width_mm: float
    blur_mm: float
    own_width_mm: float
    contrast: float
    sectors: int
    all_sectors: int


def measure_edge(
    region: Region,
    hu: NDArray[np.int16],
    noise: float,
    point_spread_mm: float = POINT_SPREAD_SIGMA_MM,
    organs: NDArray[np.uint8] | None = None,
    organ_labels: tuple[int, ...] = (),
) -> Edge | None:
    """Fit an error-function edge to averaged profiles across the lesion's surface.

    Profiles of one sector (directions from the lesion's center) are averaged against noise, not all
    of them, because the mask's own error would blur the mean of all.

    Args:
        region: the lesion.
        hu: HU of the whole image.
        noise: local noise SD in HU, to tell which sectors show an edge at all.
        point_spread_mm: sigma of the scanner's blur in the plane.
        organs: catalogue labels of the whole image. Where a lesion ends with its organ, the edge
            is the organ's; so the surface toward the organ counts, if there is enough of it.
        organ_labels: those of the lesion's organ.

    Returns:
        None if no sector of the surface shows an edge.
    """
    grown = region.grown(OUTWARD_MM + 1.0)
    points, normals, depth = _surface_points(grown)
    if organs is not None and len(points):
        organ = labelled(organs[grown.slices], organ_labels)
        free = _toward(organ, points, normals, region.geometry.spacing_zyx)
        if free.mean() >= OWN_SURFACE:
            points, normals = points[free], normals[free]
    if len(points) < 8:
        return None
    spacing = region.geometry.spacing_zyx
    distance = _profile_distances()
    places = points[:, None, :] + distance[None, :, None] * normals[:, None, :] / spacing
    box = hu[grown.slices].astype(np.float32)
    sampled = ndimage.map_coordinates(box, places.reshape(-1, 3).T, order=1, mode="nearest")
    profiles = sampled.reshape(len(points), len(distance)).astype(float)
    reach = min(INWARD_MM, max(1.0, depth))
    sector = _sector_of(points, grown)
    fits = []
    for number in np.unique(sector):
        chosen = profiles[sector == number]
        error = noise / np.sqrt(max(1.0, len(chosen) / 4))
        mean = chosen.mean(axis=0)
        own = _own_edge(mean, distance, reach, error)
        fit = _fit_edge(mean[own], own)
        fits.append((*fit, abs(fit[1]) > max(10.0, 3 * error), len(chosen)))
    seen = [f for f in fits if f[2]]
    if not seen:
        return None
    width = TEN_TO_NINETY * _weighted_median([f[0] for f in seen], [f[3] for f in seen])
    in_plane = np.delete(spacing, region.geometry.slice_axis).mean()
    # A voxel averages over its width (variance s^2/12), linear interpolation adds s^2/6, and the
    # surface points of one sector are off by up to half a voxel along the normal: another s^2/12.
    blur = float(TEN_TO_NINETY * np.sqrt(point_spread_mm**2 + in_plane**2 / 3))
    return Edge(
        width_mm=float(width),
        blur_mm=blur,
        own_width_mm=float(np.sqrt(max(0.0, width**2 - blur**2))),
        contrast=float(np.median([abs(f[1]) for f in seen])),
        sectors=len(seen),
        all_sectors=len(fits),
    )


def _surface_points(region: Region) -> tuple[Floats, Floats, float]:
    """Points on the surface (indices of the box), outward unit normals in array axes (mm), and the
    radius in mm of the largest ball inside.
    """
    spacing = region.geometry.spacing_zyx
    # Where the image ends the lesion goes on: its cut is no surface. Filters need some slices, too.
    padded = np.pad(region.mask, 2, mode="edge")
    image = sitk.GetImageFromArray(padded.astype(np.uint8))
    image.SetSpacing(region.geometry.spacing)
    signed = sitk.SignedMaurerDistanceMap(
        image, insideIsPositive=False, squaredDistance=False, useImageSpacing=True
    )
    smooth = sitk.GetArrayFromImage(sitk.SmoothingRecursiveGaussian(signed, 1.0))
    inner = (slice(2, -2),) * 3
    edge = (padded & ~ndimage.binary_erosion(padded))[inner]
    index = np.argwhere(edge)
    gradient = np.stack(
        [np.gradient(smooth, s, axis=axis)[inner] for axis, s in enumerate(spacing)], axis=-1
    )[tuple(index.T)]
    length = np.linalg.norm(gradient, axis=1)
    axis = region.geometry.slice_axis
    unit = gradient / np.maximum(length, 1e-6)[:, None]
    good = length > 0.2
    if spacing[axis] > 1.5 * np.delete(spacing, axis).mean():
        good &= np.abs(unit[:, axis]) < STEEPEST
    index, unit = index[good], unit[good]
    if len(index) > MANY_POINTS:
        chosen = np.linspace(0, len(index) - 1, MANY_POINTS).astype(int)
        index, unit = index[chosen], unit[chosen]
    # The surface lies half a voxel outside the center of the outermost voxels.
    offset = 0.5 * (np.abs(unit) @ spacing)
    depth = -float(sitk.GetArrayViewFromImage(signed).min())
    return index + offset[:, None] * unit / spacing, unit, depth


def _toward(
    organ: NDArray[np.bool_], points: Floats, normals: Floats, spacing: Floats
) -> NDArray[np.bool_]:
    """Surface points (indices of a box) that have the organ outside of them."""
    if not len(points):
        return np.zeros(0, bool)
    beyond = np.rint(points + BEYOND_MM * normals / spacing).astype(int)
    inside: NDArray[np.bool_] = organ[tuple(np.clip(beyond, 0, np.array(organ.shape) - 1).T)]
    return inside


def _sector_of(points: Floats, region: Region) -> NDArray[np.int_]:
    """Nearest of `SECTORS` evenly spread directions from the lesion's center."""
    center = np.argwhere(region.mask).mean(axis=0)
    offset = (points - center) * region.geometry.spacing_zyx
    step = np.arange(SECTORS) + 0.5
    height = 1 - 2 * step / SECTORS
    turn = np.pi * (1 + 5**0.5) * step
    radius = np.sqrt(1 - height**2)
    directions = np.stack([height, radius * np.cos(turn), radius * np.sin(turn)])
    nearest: NDArray[np.int_] = np.argmax(offset @ directions, axis=1)
    return nearest


def _own_edge(profile: Floats, distance: Floats, reach: float, error: float) -> slice:
    """Part of a profile that belongs to the lesion's edge.

    From the steepest place near the mask's edge it runs both ways, inward at most `reach`, as long
    as the HU go on in the same sense; where they turn back by more than noise and by more than
    `TURN` of the step, another tissue begins (fat beyond the thin rim of kidney around a mass),
    whose edge is not the lesion's.
    """
    steps = np.gradient(ndimage.gaussian_filter1d(profile, 0.5 / STEP_MM, mode="nearest"))
    near = np.flatnonzero(np.abs(distance) <= min(SHIFT_MM, reach))
    steepest = int(near[np.argmax(np.abs(steps[near]))])
    rising = np.sign(steps[steepest]) * profile
    turn = max(3 * error, TURN * float(np.ptp(profile[near])))
    ends = []
    for path in (rising[steepest:], -rising[steepest::-1]):
        best = np.maximum.accumulate(path)
        back = np.flatnonzero(best - path > turn)
        ends.append(len(path) - 1 if back.size == 0 else int(np.argmax(path[: back[0]])))
    first = max(steepest - ends[1], int(np.searchsorted(distance, -reach)))
    return slice(first, max(steepest + ends[0] + 1, first + 4))


def _profile_distances() -> Floats:
    """Distances in mm from the mask's surface at which a profile is read."""
    return np.arange(-INWARD_MM, OUTWARD_MM + STEP_MM / 2, STEP_MM)


@cache
def _edge_models() -> tuple[Floats, Floats]:
    """Sigma in mm of each error-function edge that is tried, and the edges over whole profiles."""
    sigma, center = (
        grid.ravel()
        for grid in np.meshgrid(
            np.geomspace(0.2, 4.0, 40), np.arange(-SHIFT_MM, SHIFT_MM + 0.1, 0.25)
        )
    )
    return sigma, ndtr((_profile_distances()[None, :] - center[:, None]) / sigma[:, None])


def _fit_edge(profile: Floats, part: slice) -> tuple[float, float]:
    """Sigma in mm and HU step of the error-function edge that fits part of a profile best.

    Args:
        profile: HU in that part.
        part: which of `_profile_distances` it covers.
    """
    sigma, whole = _edge_models()
    models = whole[:, part]
    models = models - models.mean(axis=1, keepdims=True)
    power = (models**2).sum(axis=1)
    step = models @ (profile - profile.mean()) / np.maximum(power, 1e-9)
    gain = step**2 * power
    best = int(np.argmax(gain))
    return float(sigma[best]), float(step[best])


def _weighted_median(values: list[float], weights: list[int]) -> float:
    order = np.argsort(values)
    total = np.cumsum(np.array(weights)[order])
    return float(np.array(values)[order][np.searchsorted(total, total[-1] / 2)])
