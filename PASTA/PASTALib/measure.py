"""Size and shape of one binary mask, in millimeters.

**Which contour.** A voxel mask says only that the edge lies somewhere between the center of the
last voxel inside and that of the first one outside. We put it halfway (the 0.5 level of marching
squares in the slice, and its corner points in 3D). Chords between the centers of the outer voxels
are too short by about one voxel, chords between the voxels' corners too long by up to 1.4; the
halfway contour has the least bias of the three on ellipses (see test_measure).

**Which plane.** RECIST 1.1 asks for axial diameters. The axial slices of a CT are the slices along
the array axis whose direction is closest to the patient's z. In a tilted acquisition these are the
tilted slices, as a reader measures them (`Measurements.slice_tilt_degrees` says how far). In a
volume stored coronally or sagittally they are the reformatted axial slices.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import ConvexHull
from scipy.spatial.distance import pdist

from PASTALib.errors import PastaError
from PASTALib.region import Geometry, Index, Region, Vector

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Axis:
    """A straight measurement: end points in LPS mm, length in mm."""

    start: Vector
    end: Vector
    length_mm: float


@dataclass(frozen=True)
class SliceAxes:
    """RECIST 1.1 axes of a mask.

    Attributes:
        long: longest diameter within one connected part of one axial slice.
        short: longest chord perpendicular to `long` in the same part of the same slice.
        slice_index: index of that slice along `slice_axis`.
        slice_axis: array axis (0 is z of the array, 2 is x) that the slices are numbered along.
    """

    long: Axis
    short: Axis
    slice_index: int
    slice_axis: int


@dataclass(frozen=True)
class Measurements:
    """Size and shape of one mask.

    Attributes:
        volume_mm3: number of voxels times voxel volume.
        equivalent_diameter_mm: diameter of the ball of that volume.
        long_axis, short_axis: RECIST 1.1, see `SliceAxes`.
        slice_index, slice_axis: the slice they lie in, see `SliceAxes`.
        slice_tilt_degrees: angle between slice normal and patient z.
        diameter_3d: longest diameter in space (maximum Feret diameter).
        principal_diameters_mm: diameters, longest first, of the ellipsoid with the mask's moments.
        surface_mm2: surface area by Crofton's formula (ITK's label shape statistics).
        sphericity: surface of the ball of that volume divided by the surface, at most 1.
        solidity: volume divided by that of the convex hull, at most 1.
        centroid: LPS mm.
        voxels: number of voxels.
        box_start, box_size: bounding box in array order ``(z, y, x)``.
    """

    volume_mm3: float
    equivalent_diameter_mm: float
    long_axis: Axis
    short_axis: Axis
    slice_index: int
    slice_axis: int
    slice_tilt_degrees: float
    diameter_3d: Axis
    principal_diameters_mm: Vector
    surface_mm2: float
    sphericity: float
    solidity: float
    centroid: Vector
    voxels: int
    box_start: Index
    box_size: Index


def measure_mask(mask: sitk.Image) -> Measurements:
    """Measure the nonzero voxels of an image.

    Raises:
        PastaError: the mask is empty.
    """
    array = sitk.GetArrayViewFromImage(mask) != 0
    region = Region.of(array, Geometry.of(mask))
    if region is None:
        raise PastaError("The mask to be measured is empty; draw at least one voxel.")
    return measure(region)


def measure(region: Region) -> Measurements:
    """Measure a region. Takes milliseconds for a lesion of some centimeters."""
    geometry = region.geometry
    volume = region.voxels * geometry.voxel_mm3
    diameter = equivalent_diameter(volume)
    axes = axes_in_plane(region)
    diameter_3d, hull_mm3 = _diameter_3d(region)
    surface = _surface(region)
    centroid, principal = _moments(region)
    nz, ny, nx = region.mask.shape
    return Measurements(
        volume_mm3=volume,
        equivalent_diameter_mm=diameter,
        long_axis=axes.long,
        short_axis=axes.short,
        slice_index=axes.slice_index,
        slice_axis=axes.slice_axis,
        slice_tilt_degrees=geometry.slice_tilt_degrees,
        diameter_3d=diameter_3d,
        principal_diameters_mm=principal,
        surface_mm2=surface,
        sphericity=min(1.0, float(np.pi * diameter**2 / surface)),
        solidity=min(1.0, volume / hull_mm3),
        centroid=centroid,
        voxels=region.voxels,
        box_start=region.start,
        box_size=(nz, ny, nx),
    )


def equivalent_diameter(volume_mm3: float) -> float:
    """Diameter in mm of the ball of that volume."""
    return float((6.0 * volume_mm3 / np.pi) ** (1.0 / 3.0))


def axes_in_plane(region: Region) -> SliceAxes:
    """RECIST 1.1 long axis and perpendicular short axis.

    Two parts of a lesion that touch in space but not in a slice are measured apart in that slice.
    The axes are diameters: in a concave lesion they may cross tissue outside it.
    """
    axis = region.geometry.slice_axis
    in_plane = [a for a in range(3) if a != axis]
    spacing = region.geometry.spacing_zyx[in_plane]
    stack = np.moveaxis(region.mask, axis, 0)
    best: tuple[float, int, Floats, Floats] | None = None
    for number, plane in enumerate(stack):
        # A slice can hold no diameter longer than its box's diagonal.
        if best is not None and _diagonal(plane, spacing) <= best[0]:
            continue
        parts, count = ndimage.label(plane, structure=np.ones((3, 3)))
        for part in range(1, count + 1):
            segments = _contour(parts == part) * spacing
            ends = _longest(segments.reshape(-1, 2))
            length = float(np.linalg.norm(ends[1] - ends[0]))
            if best is None or length > best[0] + 1e-9:
                best = (length, number, ends, segments)
    if best is None:
        raise ValueError("an empty region has no axes")
    _, number, ends, segments = best

    def in_space(pair: Floats) -> Axis:
        index = np.empty((2, 3))
        index[:, axis] = number
        index[:, in_plane] = pair / spacing
        return _axis(region.geometry.points(index + np.array(region.start)))

    return SliceAxes(
        long=in_space(ends),
        short=in_space(_widest_across(segments, ends)),
        slice_index=number + region.start[axis],
        slice_axis=axis,
    )


def _diagonal(plane: NDArray[np.bool_], spacing: Floats) -> float:
    rows, columns = np.flatnonzero(plane.any(1)), np.flatnonzero(plane.any(0))
    if rows.size == 0:
        return 0.0
    size = np.array([rows[-1] - rows[0] + 1, columns[-1] - columns[0] + 1])
    return float(np.linalg.norm(size * spacing))


def _axis(points: Floats) -> Axis:
    (x0, y0, z0), (x1, y1, z1) = points.tolist()
    return Axis((x0, y0, z0), (x1, y1, z1), float(np.linalg.norm(points[1] - points[0])))


def _contour(plane: NDArray[np.bool_]) -> Floats:
    """Line segments (N, 2, 2) of the 0.5 contour, in row and column indices.

    Marching squares; of a saddle's two readings the one that joins the inside is taken, as in the
    8-connected parts.
    """
    padded = np.pad(plane, 1)
    a, b = padded[:-1, :-1], padded[:-1, 1:]
    d, c = padded[1:, :-1], padded[1:, 1:]
    crossed = {"top": a != b, "right": b != c, "bottom": d != c, "left": a != d}
    middle = {"top": (0, 0.5), "right": (0.5, 1), "bottom": (1, 0.5), "left": (0.5, 0)}
    saddle = (a == c) & (b == d) & (a != b)
    segments = []
    for first, second in (
        ("top", "bottom"),
        ("left", "right"),
        ("top", "right"),
        ("left", "bottom"),
        ("top", "left"),
        ("right", "bottom"),
    ):
        joined = crossed[first] & crossed[second] & ~saddle
        if {first, second} in ({"top", "right"}, {"left", "bottom"}):
            joined |= saddle & a
        elif {first, second} in ({"top", "left"}, {"right", "bottom"}):
            joined |= saddle & b
        corner = np.argwhere(joined)[:, None, :] - 1.0
        segments.append(corner + np.array([middle[first], middle[second]]))
    found: Floats = np.concatenate(segments)
    return found


def _longest(points: Floats) -> Floats:
    """The two points (2, d) that are farthest apart."""
    corners = points[ConvexHull(points).vertices]
    distances = pdist(corners, "sqeuclidean")
    first, second = np.triu_indices(len(corners), 1)
    k = int(np.argmax(distances))
    ends: Floats = corners[[first[k], second[k]]]
    return ends


def _widest_across(segments: Floats, long_axis: Floats) -> Floats:
    """End points of the longest chord of the contour that is perpendicular to the long axis.

    The length of such a chord changes linearly between the contour's corners, so the longest one
    passes through a corner.
    """
    along = long_axis[1] - long_axis[0]
    along = along / np.linalg.norm(along)
    across = np.array([-along[1], along[0]])
    position, height = segments @ along, segments @ across
    low, high = position.min(axis=1), position.max(axis=1)
    run = position[:, 1] - position[:, 0]
    level = np.abs(run) < 1e-9
    slope = np.where(level, 0.0, (height[:, 1] - height[:, 0]) / np.where(level, 1.0, run))
    best, ends = -1.0, segments[0]
    for place in np.unique(np.round(position, 6)):
        met = (low <= place + 1e-6) & (high >= place - 1e-6)
        met_level = met & level
        cuts = np.concatenate(
            [
                (height[:, 0] + slope * (place - position[:, 0]))[met & ~level],
                height[met_level].ravel(),
            ]
        )
        length = float(np.ptp(cuts))
        if length > best:
            best = length
            ends = place * along + np.array([[cuts.min()], [cuts.max()]]) * across
    chord: Floats = ends
    return chord


def _diameter_3d(region: Region) -> tuple[Axis, float]:
    """Longest diameter in space and volume of the convex hull in mm3."""
    mask = np.pad(region.mask, 1)
    points = []
    for axis in range(3):
        step = np.diff(mask.astype(np.int8), axis=axis)
        half = np.zeros(3)
        half[axis] = 0.5
        points.append(np.argwhere(step != 0) + half)
    index = np.concatenate(points) - 1.0 + np.array(region.start)
    hull = ConvexHull(region.geometry.points(index))
    return _axis(_longest(hull.points[hull.vertices])), float(hull.volume)


def _surface(region: Region) -> float:
    """Surface in mm2 by Crofton's formula over 13 directions (ITK)."""
    image = sitk.GetImageFromArray(np.pad(region.mask, 1).astype(np.uint8))
    image.SetSpacing(region.geometry.spacing)
    shape = sitk.LabelShapeStatisticsImageFilter()
    shape.ComputePerimeterOn()
    shape.ComputeFeretDiameterOff()
    shape.Execute(image)
    return float(shape.GetPerimeter(1))


def _moments(region: Region) -> tuple[Vector, Vector]:
    """Centroid in LPS mm and the diameters of the ellipsoid with the same second moments."""
    index = np.argwhere(region.mask).astype(float)
    center = index.mean(axis=0)
    offset = (index - center) * region.geometry.spacing_zyx
    # Each voxel is a small box, not a point: its own second moment is spacing^2 / 12.
    covariance = offset.T @ offset / len(offset) + np.diag(region.geometry.spacing_zyx**2 / 12)
    c, b, a = (2.0 * np.sqrt(5.0 * np.linalg.eigvalsh(covariance))).tolist()
    x, y, z = region.geometry.points((center + np.array(region.start))[None])[0].tolist()
    return (x, y, z), (a, b, c)
