"""Find a place that holds a drawn lesion, and fit its size to what is asked for."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from PASTAGenLib.boxes import NOWHERE, box_around, grown, start_of
from PASTAGenLib.density import Density
from PASTAGenLib.features.canvas import Feature
from PASTAGenLib.habits import HABITS, WIDER_SHAPES
from PASTAGenLib.insertion_plan import Form, InsertionPlan
from PASTAGenLib.looks import shape_of
from PASTAGenLib.outline import lesion_mask, outline
from PASTAGenLib.placed import Placed
from PASTAGenLib.scene import Host, Scene
from PASTAGenLib.shape import BETWEEN_POINTS, Blob
from PASTAGenLib.sites.bile_ducts import FEATURE as BILE_DUCTS
from PASTAGenLib.sites.bile_ducts import nearest_to_hilum
from PASTAGenLib.sites.hosts import in_parts, site_voxels
from PASTAGenLib.sites.solid import draw_centers, index_steps, shares
from PASTAGenLib.sites.wall import ring, tube_at, wall_points
from PASTAGenLib.spec import LesionSpec
from PASTAGenLib.upstream import asked_upstream, with_upstream
from PASTAGenLib.warp import MassEffect
from PASTALib.attributes import invasion
from PASTALib.catalog import Phase, catalog
from PASTALib.contacts import find_contacts
from PASTALib.geometry import as_vector
from PASTALib.measure import long_axis_in_plane, longest_diameter, measure
from PASTALib.region import Region

TRIES = 6
"""Candidate places at which a lesion is outlined."""
FITS = 5
"""Outlines at one place to reach the size that is asked for."""
STUCK = 0.7
"""What is still this share of its last error away from the size that is asked for gets no nearer:
the organ ends."""
SHORTEST_RING = 0.3
"""Length of a ring along its tube, as a share of its longest diameter."""
SIZE_SHARE, SIZE_VOXELS = 0.05, 0.5
"""A size fits if it is off by no more than this share, or part of a voxel."""
ALL_FREE = 0.93
"""Share of a protruding blob's points in its organ or in free fat."""
FULL_ENOUGH = 0.45
"""Smallest share of a blob's volume that must remain in its organ."""
LONG_ENOUGH = 0.75
"""Smallest share of a wall thickening's length that must remain in its organ."""
CLOSE_SHARE = 0.1
"""Share of points just beyond the surface in other organs, where a close relationship is asked."""
ON_WALL = 0.45
"""A polyp's center is this share of its shortest semi-axis inside of the wall."""
OPEN_LUMEN = 0.75
"""A ring leaves a quarter of the tube's radius open."""
SMALLER = 0.8


@dataclass(frozen=True)
class Draft:
    """A lesion that has no place yet; attributes as in `InsertionPlan`.

    Attributes:
        host: structure that is to hold it.
        template: its shape with a long axis of 1 mm, about zero.
        push: mass effect as a share of the shortest semi-axis.
        grain: size of the texture's grains as a share of the long axis.
        feature_seed: seed that its features are drawn with, at any size the same.
        grain_mm: size of the grains where it was asked for.
    """

    type: str
    host: Host
    phase: Phase
    long_axis_mm: float
    shape: str
    form: Form
    template: Blob
    thickness_mm: float | None
    outward_mm: float
    density: Density
    push: float
    grain: float
    keeps: float
    texture_seed: int
    feature_seed: int
    mass_effect: MassEffect = MassEffect(0.0, 1.0)  # noqa: RUF009
    features: tuple[Feature, ...] = field(default=())
    grain_mm: float | None = None


def place(scene: Scene, spec: LesionSpec, draft: Draft, rng: np.random.Generator) -> Placed | None:
    """The draft at a place that holds it; None where none of the candidates does."""
    size = draft.long_axis_mm
    blob = _sized(draft.template, size, np.zeros(3))
    voxels = site_voxels(scene, draft.host, spec)
    if spec.center is not None:
        centers = scene.geometry.indices_zyx(np.array([spec.center]))
    else:
        centers = draw_centers(scene, voxels, spec, min(blob.semi_axes), rng)
    if draft.form in ("plaque", "polyp") and spec.center is None:
        walls, normals = wall_points(scene, draft.host, centers)
        there = in_parts(scene, draft.host, spec, walls)
        walls, normals = walls[there], normals[there]
        inward = 0.0 if draft.form == "plaque" else ON_WALL * min(blob.semi_axes)
        centers = walls + index_steps(scene, inward * normals)
    centers = _fitting(scene, spec, draft, blob, centers)
    if BILE_DUCTS in asked_upstream(spec):
        centers = nearest_to_hilum(scene, centers)
    ring_by_chance = draft.form == "annular" and not spec.narrows
    if ring_by_chance and not any(tube_at(scene, draft.host, c) for c in centers[:TRIES]):
        return place(scene, spec, replace(draft, form="plaque"), rng)
    for center in centers[:TRIES]:
        body = _body(scene, draft, center)
        placed = None if body is None else _fitted(scene, spec, draft, body)
        if placed is not None:
            placed = with_upstream(scene, spec, placed, rng)
        if placed is not None:
            return placed
    return None


def _fitting(
    scene: Scene, spec: LesionSpec, draft: Draft, blob: Blob, centers: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Of the candidate centers those at which the shape lies as it should."""
    if not len(centers):
        return centers
    lies = shares(scene, draft.host.labels, blob, centers)
    fits = np.ones(len(centers), bool)
    if draft.thickness_mm is None and draft.outward_mm > 0:
        least, most = HABITS[spec.type].half_out
        fits &= (lies.own >= least) & (lies.own <= most) & (lies.free >= ALL_FREE)
    elif draft.thickness_mm is None:
        fits &= lies.own >= HABITS[spec.type].inside
    if spec.invasion is None or draft.thickness_mm is not None:
        return np.asarray(centers[fits])
    if spec.invasion.startswith("No"):
        return np.asarray(centers[fits & (lies.foreign == 0)])
    fits &= lies.foreign >= CLOSE_SHARE
    order = np.argsort(-lies.foreign[fits], kind="stable")
    return np.asarray(centers[fits][order])


def _body(scene: Scene, draft: Draft, center: NDArray[np.float64]) -> Draft | None:
    """The draft with its shape at a fractional index; None where a ring finds no tube."""
    if draft.form != "annular":
        point = scene.geometry.points_of_zyx(center)
        return replace(draft, template=_sized(draft.template, draft.long_axis_mm, point))
    tube = tube_at(scene, draft.host, center)
    if tube is None:
        return None
    thickness = min(draft.thickness_mm or 0.0, OPEN_LUMEN * tube.radius_mm)
    length = _ring_length(draft.long_axis_mm, 2 * tube.radius_mm)
    return replace(draft, template=ring(draft.template, tube, length), thickness_mm=thickness)


def _ring_length(longest: float, across: float) -> float:
    """Length along the tube of a ring with a longest diameter, all in mm."""
    return max(max(longest**2 - across**2, 0.0) ** 0.5, SHORTEST_RING * longest)


def _fitted(scene: Scene, spec: LesionSpec, draft: Draft, body: Draft) -> Placed | None:
    """The body outlined, and scaled until its size is the one that was asked for."""
    error, voxel = np.inf, float(np.median(scene.geometry.spacing_zyx))
    for _ in range(FITS):
        placed = _outlined(scene, body)
        mask = lesion_mask(placed.outline.share)
        region = Region.of(mask, scene.geometry, start_of(placed.plan.box))
        if region is None or not _is_whole(scene, spec, body, region):
            return None
        long_axis = long_axis_in_plane(region).length_mm
        size, asked = _sizes(spec, body, region, long_axis)
        last, error = error, abs(size - asked)
        if error <= max(SIZE_SHARE * asked, SIZE_VOXELS * voxel):
            return _named(scene, spec, placed, region, long_axis)
        if error > STUCK * last:
            return None
        body = _scaled(body, size, asked)
    return None


def _named(
    scene: Scene, spec: LesionSpec, placed: Placed, region: Region, long_axis: float
) -> Placed | None:
    """With its long axis, the noise there, and the shape that the organ left of it.

    None where that is not the shape, or the relation to other organs, that was asked for.
    """
    found = shape_of(region, spec.kind, long_axis, placed.plan.form != "mass")
    asked = spec.shape
    if asked in WIDER_SHAPES:
        form, asked = WIDER_SHAPES[asked]
        asked = found if form == "polyp" and found in ("Irregular", "Round-like") else asked
    if found is None or found not in spec.kind.shapes or (asked and found != asked):
        return None
    if not _relates(scene, spec, region):
        return None
    noise = scene.noise_near(placed.plan.box)
    plan = replace(placed.plan, long_axis_mm=long_axis, shape=found, noise_hu=noise)
    return replace(placed, plan=plan)


def _relates(scene: Scene, spec: LesionSpec, region: Region) -> bool:
    """Whether a measurement finds the relation to other organs that was asked for, if any was."""
    if spec.invasion is None:
        return True
    size, own = measure(region), catalog().organ_labels(spec.kind.organ)
    contacts = find_contacts(region, scene.organs, own, size.surface_mm2)
    return invasion(contacts, size).value == spec.invasion


def _sizes(spec: LesionSpec, body: Draft, region: Region, long_axis: float) -> tuple[float, float]:
    """The size that a request speaks of as it is and as it was asked for, in mm.

    The long axis in the axial plane; of a wall thickening its longest diameter in space; or the
    edge of the cube of its volume. What was not asked for is as it should be.
    """
    if spec.volume_mm3 is not None:
        volume = region.voxels * region.geometry.voxel_mm3
        return volume ** (1 / 3), spec.volume_mm3 ** (1 / 3)
    if spec.long_axis_mm is None:
        return 1.0, 1.0
    whole_axis = body.thickness_mm is not None
    return longest_diameter(region).length_mm if whole_axis else long_axis, spec.long_axis_mm


def _scaled(body: Draft, size: float, asked: float) -> Draft:
    """The body that is to have the size that was asked for; a ring grows along its tube only."""
    semi = np.array(body.template.semi_axes)
    if body.form == "annular":
        length = 2 * float(semi[0])
        across = max(size**2 - length**2, 0.0) ** 0.5
        semi[0] *= np.clip(_ring_length(asked, across) / length, 0.6, 1.6)
    else:
        semi *= np.clip(asked / size, 0.75, 1.33)
    return replace(body, template=replace(body.template, semi_axes=as_vector(semi)))


def _is_whole(scene: Scene, spec: LesionSpec, body: Draft, region: Region) -> bool:
    """Whether enough of the shape is left in the organ to be called by its planned size."""
    if body.thickness_mm is None:
        blob = body.template
        volume = region.voxels * scene.geometry.voxel_mm3
        return min(blob.semi_axes) < 4 or volume >= FULL_ENOUGH * blob.volume()
    if spec.sized:
        return True  # it is scaled until it has its size
    return longest_diameter(region).length_mm >= LONG_ENOUGH * body.long_axis_mm


def _outlined(scene: Scene, body: Draft) -> Placed:
    """The plan of a draft whose template has its place, with the box of what it may change."""
    blob = body.template
    thinnest = body.thickness_mm or 2 * min(blob.semi_axes)
    plan = InsertionPlan(
        type=body.type,
        host=body.host.key,
        host_labels=body.host.labels,
        phase=body.phase,
        shape=body.shape,
        form=body.form,
        long_axis_mm=body.long_axis_mm,
        blob=blob,
        thickness_mm=body.thickness_mm,
        outward_mm=body.outward_mm,
        density=body.density,
        grain_mm=body.grain_mm or float(np.clip(body.grain * thinnest, 1.5, 6.0)),
        keeps=body.keeps,
        mass_effect=body.mass_effect,
        features=body.features,
        noise_hu=0.0,  # of the place that is taken, see `_named`
        point_spread_mm=scene.point_spread_mm,
        texture_seed=body.texture_seed,
        box=NOWHERE,
        grid_shape=scene.geometry.shape_zyx,
    )
    around = plan.reach_mm + BETWEEN_POINTS * max(blob.semi_axes)
    box = box_around(scene.geometry, blob.surface(), around)
    plan = replace(plan, box=grown(box, np.ones(3), scene.geometry.shape_zyx))
    return Placed(plan, outline(plan, scene))


def _sized(template: Blob, size: float, center: NDArray[np.float64]) -> Blob:
    semi = as_vector(size * np.array(template.semi_axes))
    return replace(template, center=as_vector(center), semi_axes=semi)


def what_fits(scene: Scene, spec: LesionSpec, draft: Draft, rng: np.random.Generator) -> str:
    """A sentence that says which size would fit.

    Sizes are only tried where one was asked for; training asks for none and drops what fails.
    """
    structure = catalog().structures[draft.host.key].name.lower()
    upstream = asked_upstream(spec)
    if upstream:
        rest = tuple(name for name in spec.features or () if name not in upstream)
        trial = replace(spec, features=rest)
        if place(scene, trial, draft, rng) is not None:
            return (
                f"The {structure} does not go on upstream of {spec.called} where it fits in this "
                f"scan, so there is no {upstream[0]}; choose another location, or leave "
                f"'{upstream[0]}' out of features."
            )
    asked = draft.long_axis_mm
    sizes = [asked * SMALLER**k for k in range(1, 20) if asked * SMALLER**k > 2]
    if draft.form == "annular":  # it is at least as long as its tube is wide
        sizes = [asked / SMALLER**k for k in range(1, 5)] + sizes
    for size in sizes if spec.sized else []:
        trial = replace(spec, long_axis_mm=size, volume_mm3=None)
        if place(scene, trial, replace(draft, long_axis_mm=size), rng) is not None:
            limit = "more" if size > asked else "less"
            return (
                f"The {structure} cannot hold {spec.called} with a long axis of {asked:.0f} mm "
                f"where it was asked for; ask for {size:.0f} mm or {limit}."
            )
    of_any_size = " of any size" if spec.sized else ""
    return (
        f"The {structure} of this scan cannot hold {spec.called}{of_any_size} as asked for; "
        "choose another place or type, or leave out what need not be."
    )
