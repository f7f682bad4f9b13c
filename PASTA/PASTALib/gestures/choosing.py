"""All outlines that a reader may mean, measured: around a first mark, or as changes of one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import KDTree

from PASTALib.cubes import box_of, on_grid, resampled, sampled
from PASTALib.errors import PastaError
from PASTALib.geometry import Floats, Geometry, as_index, as_vector
from PASTALib.gestures.bulges import Surface, redrawn
from PASTALib.gestures.changes import Asked
from PASTALib.gestures.marks import Gesture, Marks, marks_of
from PASTALib.gestures.proposals import RULES, Grown, grown_from
from PASTALib.gestures.scan import Scan
from PASTALib.gestures.training_free import walked_once
from PASTALib.gestures.traits import (
    ADDS,
    ANEW_FROM_MARKS,
    BULGES,
    OFFSETS,
    REDRAWN,
    TAKES_AWAY,
    WALKER,
    Change,
    Measured,
    change_traits,
    traits_of,
)
from PASTALib.gestures.view import FINEST_MM, View, marked, noise_of
from PASTALib.gestures.voxels import Mask
from PASTALib.region import Region

HALVES_MM = (9.0, 20.0, 44.0, 96.0)
"""Half the edge of the views around a first mark, from near to far."""
FIRST_VOXELS = 32
"""Along the longest edge of a view around a first mark."""
LATER_VOXELS = 34
"""The same where there is an outline already."""
SIZES = (0.3, 0.8)
"""A view shows lesions of a radius between these shares of half its edge; the nearest one all
that are smaller, too."""
MARGIN_MM = 8.0
MARGIN_SHARE = 0.3
"""The view of an outline shows so much, or this share of its extent, on all sides."""
CORE_SHARE = 0.7
"""Where nothing is marked as lesion, what is deeper than this share of the depth is."""
ANEW = (0.4, 4.0)
"""Outlines that are begun anew have so much of the volume before, at least and at most."""
BLUR_VOXELS = 0.7
MANY_VOXELS = 20000
"""More of an outline are not looked at to tell how far away it is."""
LEAST_CHANGE = 2
"""Voxels of the view that a change has at least."""


def first_outlines(scan: Scan, gestures: Sequence[Gesture]) -> Iterator[Measured]:
    """Outlines around what was marked, where there was none; those of each view by themselves.

    Raises:
        PastaError: another finding or a negative mark leaves no place for one.
    """
    points = _marked(gestures)
    extent = float(np.ptp(points, axis=0).max())
    halves = [half for half in HALVES_MM if 1.5 * half > extent] or [0.75 * extent]
    found = False
    for number, half in enumerate(halves):
        center = (points.min(axis=0) + points.max(axis=0)) / 2
        grid = _grid(scan.geometry, center[None], half, FIRST_VOXELS)
        view = _view(scan, gestures, grid)
        seeds = view.positive if view.positive.any() else _core(~view.negative)
        if not seeds.any():
            continue
        reach = 0.5 * float(np.max(np.multiply(grid.size, grid.spacing)))
        least = 3.0 if number == 0 else _ball(SIZES[0] * reach / grid.spacing[0])
        volumes = least, _ball(SIZES[1] * reach / grid.spacing[0])
        barred = view.negative | _beyond(scan.geometry, grid)
        sets = list(grown_from(view, seeds, barred, reach, volumes))
        if sets:
            found = True
            yield _measured(replace(view, positive=seeds), sets)
    if not found:
        raise PastaError("Nothing can be outlined there; mark the lesion elsewhere, or draw it.")


def _measured(view: View, sets: Sequence[Grown]) -> Measured:
    masks = np.stack([grown.mask | view.positive for grown in sets])
    rules, gaps = (np.array([getattr(grown, name) for grown in sets]) for name in ("rule", "gap"))
    traits = traits_of(view, masks, rules, gaps).astype(np.float32)
    return Measured(masks, traits, view, np.zeros(view.image.shape, bool))


def changed_outlines(scan: Scan, gestures: Sequence[Gesture], before: Region) -> Measured:
    """Outlines that differ from the one before and agree with all marks."""
    points = np.concatenate([_marked(gestures), box_of(before).corners()])
    extent = float(np.ptp(points, axis=0).max())
    margin = max(MARGIN_MM, MARGIN_SHARE * extent, _farthest(gestures, before))
    view = _view(scan, gestures, _grid(scan.geometry, points, margin, LATER_VOXELS))
    was = resampled(before.mask, box_of(before), view.geometry) > 0.5
    if not was.any():  # it is smaller than a voxel of the view
        was = marked(before.mask, box_of(before), view.geometry)
    surface = Surface.of(view, was)
    changes = list(_changes(view, was, surface, _beyond(scan.geometry, view.geometry)))
    masks = np.stack([change.after for change in changes])
    seen = replace(view, positive=view.positive if view.positive.any() else was)
    traits = traits_of(
        seen,
        np.concatenate([masks, was[None]]),
        np.array([*(change.rule for change in changes), len(RULES)]),
        np.array([*(change.gap for change in changes), 0.0]),
    )
    more = change_traits(view, was, surface, changes, traits)
    numbers = np.concatenate([traits[:-1], more], axis=1).astype(np.float32)
    return Measured(masks, numbers, view, was)


def _changes(view: View, was: Mask, surface: Surface | None, beyond: Mask) -> Iterator[Change]:
    """Changes that marks ask for, outlines anew from all marks, and what a random walker finds."""
    marks = Marks(view.positive, view.negative)
    asked = Asked.by(marks, was)
    reach = 0.5 * view.step * max(view.image.shape)

    def change(mask: Mask, way: int, grown: Grown | None = None) -> Iterator[Change]:
        after = (mask | marks.inside) & ~marks.outside
        if after.any():
            yield Change(after, way, grown.rule if grown else len(RULES), grown.gap if grown else 0)

    missing, wrong = view.positive & ~was, view.negative & was
    yield from change(was, TAKES_AWAY if wrong.any() else ADDS)
    any_size = (LEAST_CHANGE, view.image.size)
    if missing.any():
        for grown in grown_from(view, missing, was | view.negative | beyond, reach, any_size):
            yield from change(was | grown.mask, ADDS, grown)
    if wrong.any():
        for grown in grown_from(view, wrong, ~was | view.positive, reach, any_size):
            yield from change(was & ~grown.mask, TAKES_AWAY, grown)
    seeds = view.positive if view.positive.any() else _core(was & ~view.negative)
    like_it = np.count_nonzero(was) * np.array(ANEW)
    if seeds.any():
        for grown in grown_from(view, seeds, view.negative | beyond, reach, tuple(like_it)):
            yield from change(asked.of(grown.mask), ANEW_FROM_MARKS, grown)
    yield from change(asked.of(walked_once(view, was) > 0.5), WALKER)
    if surface is not None:
        for mask in surface.bulges():
            yield from change(mask, BULGES)
        for mask in surface.offsets():
            yield from change(mask, OFFSETS)
    for mask in redrawn(view, was, surface):
        yield from change(asked.of(mask), REDRAWN)
        yield from change(mask, REDRAWN)


def _marked(gestures: Sequence[Gesture]) -> Floats:
    """LPS points ``(n, 3)`` of marks; a box that says where no lesion is tells nothing."""
    points = [g.extent for g in gestures if g.inside or g.kind != "box"]
    return np.concatenate(points) if points else np.zeros((0, 3))


def _farthest(gestures: Sequence[Gesture], before: Region) -> float:
    """Distance in mm from an outline to the farthest mark of the lesion.

    A reader clicks into the middle of what is missing, which reaches as far again.
    """
    points = [g.extent for g in gestures if g.inside and g.kind != "box"]
    if not points:
        return 0.0
    voxels = np.argwhere(before.mask) + before.start
    some = voxels[:: 1 + len(voxels) // MANY_VOXELS]
    there = KDTree(before.geometry.points_of_zyx(some))
    return float(there.query(np.concatenate(points))[0].max())


def _grid(geometry: Geometry, points: Floats, margin_mm: float, voxels: int) -> Geometry:
    """Cubic voxels along the axes of the CT over points and a margin; it may reach over the CT."""
    axes = np.reshape(geometry.direction, (3, 3))
    along = points @ axes
    low, high = along.min(axis=0) - margin_mm, along.max(axis=0) + margin_mm
    step = max(float((high - low).max()) / voxels, FINEST_MM)
    size = np.maximum(5, np.ceil((high - low) / step))
    first = axes @ ((low + high) / 2 - step * (size - 1) / 2)
    return Geometry(as_index(size), (step,) * 3, as_vector(first), geometry.direction)


def _view(scan: Scan, gestures: Sequence[Gesture], grid: Geometry) -> View:
    """The CT on a grid along its axes; beyond it goes on as at its sides, so that these are no
    edges."""
    hu = sampled(scan.hu, scan.geometry, grid)[np.ix_(*_nearest_within(scan.geometry, grid))]
    image = ndimage.gaussian_filter(hu, BLUR_VOXELS).astype(float)
    marks = marks_of(gestures, grid)
    taken = on_grid(scan.others, grid)
    return View(image, grid, noise_of(image), marks.inside & ~taken, marks.outside | taken)


def _nearest_within(geometry: Geometry, grid: Geometry) -> list[NDArray[np.intp]]:
    """For each index of a grid along z, y, x the nearest one whose voxels lie in the CT."""
    corners = np.array([np.zeros(3), np.subtract(grid.shape_zyx, 1)])
    ends = geometry.indices_zyx(grid.points_of_zyx(corners))
    near = []
    for axis, count in enumerate(grid.shape_zyx):
        along = np.linspace(ends[0, axis], ends[1, axis], count)
        within = np.flatnonzero((along >= 0) & (along <= geometry.shape_zyx[axis] - 1))
        first, last = (within[0], within[-1]) if len(within) else (0, count - 1)
        near.append(np.clip(np.arange(count), first, last))
    return near


def _beyond(geometry: Geometry, grid: Geometry) -> Mask:
    """The voxels of a grid along its axes that lie beyond a CT."""
    within = np.ones(grid.shape_zyx, bool)
    for axis, near in enumerate(_nearest_within(geometry, grid)):
        inside = near == np.arange(len(near))
        within &= np.expand_dims(inside, tuple(a for a in range(3) if a != axis))
    return ~within


def _core(mask: Mask) -> Mask:
    """What lies deepest in a mask, or in the part of a view that a box leaves."""
    depth = ndimage.distance_transform_edt(mask)
    core: Mask = mask & (depth >= CORE_SHARE * depth.max())
    return core


def _ball(radius: float) -> float:
    """Volume of a ball."""
    return 4 / 3 * np.pi * radius**3
