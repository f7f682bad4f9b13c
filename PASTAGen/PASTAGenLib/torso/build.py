"""From a spec to the CT and its organ labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk

from PASTAGenLib.torso import abdomen, bowel, chest, limbs, pelvic_bones, rib_cage, spine
from PASTAGenLib.torso.body_wall import Painter, back_muscles, body_wall, breasts
from PASTAGenLib.torso.fields import SmoothField
from PASTAGenLib.torso.grid import blank_canvas, slabs, thin_slices, to_image, torso_axes
from PASTAGenLib.torso.pelvic_organs import pelvic_organs
from PASTAGenLib.torso.person import Person, draw_person
from PASTAGenLib.torso.scan import scan
from PASTAGenLib.torso.spec import TorsoSpec
from PASTAGenLib.torso.vessels import crura, great_vessels, mesentery

# Distance of the knots in mm, of the noise fields that organs use, from coarse to fine.
_NOISE_STEPS = (45.0, 16.0, 7.0, 3.5)
# Distance in mm of the knots of the deformation, and the box that all fields cover.
_WARP_STEP = 75.0
_LOWER, _UPPER = (-330.0, -260.0, -330.0), (330.0, 200.0, 520.0)


@dataclass(frozen=True)
class Torso:
    """A CT made by rule.

    Attributes:
        image: int16 HU, identity direction (LPS).
        organs: uint8 catalogue labels in the same geometry.
        spec: what it was made from.
    """

    image: sitk.Image
    organs: sitk.Image
    spec: TorsoSpec


def _painters(person: Person, streams: Sequence[np.random.Generator]) -> list[Painter]:
    """Everything that is painted, from back to front."""
    return [
        *limbs.arms(person),
        *body_wall(person, streams[0]),
        *breasts(person, streams[16]),
        *back_muscles(person, streams[1]),
        *limbs.shoulders(person),
        *chest.lungs(person),
        *chest.lung_vessels(person, streams[2]),
        *chest.mediastinum(person),
        *spine.spine(person),
        *rib_cage.ribs(person, streams[3]),
        *pelvic_bones.pelvis(person),
        *bowel.colon(person, streams[6]),
        *abdomen.liver(person, streams[4]),
        *abdomen.spleen(person, streams[5]),
        *mesentery(person, streams[15]),
        *bowel.small_bowel(person, streams[7]),
        *abdomen.kidneys(person, streams[8]),
        *bowel.stomach(person, streams[9]),
        *bowel.duodenum(person),
        *chest.heart(person),
        *abdomen.gallbladder(person, streams[10]),
        *pelvic_organs(person, streams[11]),
        *abdomen.pancreas(person, streams[12]),
        *crura(person),
        *great_vessels(person, streams[13]),
        *abdomen.adrenals(person),
        *chest.esophagus(person, streams[14]),
        *chest.airways(person),
    ]


def build_torso(spec: TorsoSpec) -> Torso:
    """Build the CT and its labels; the same spec gives the same bytes."""
    person_stream, warp_stream, noise_stream, scan_stream, *streams = np.random.default_rng(
        spec.seed
    ).spawn(24)
    person = draw_person(spec, person_stream)
    painters = _painters(person, streams)
    warp = [SmoothField.draw(warp_stream, _LOWER, _UPPER, _WARP_STEP) for _ in range(3)]
    noise = [SmoothField.draw(noise_stream, _LOWER, _UPPER, step) for step in _NOISE_STEPS]
    axes = torso_axes(spec, person)
    parts = thin_slices(spec)
    hu = np.empty(axes.shape, np.float32)
    labels = np.empty(axes.shape, np.uint8)
    for part, thin in slabs(axes, spec):
        canvas = blank_canvas(spec, person, thin, warp, noise)
        for paint in painters:
            paint(canvas)
        size = (-1, parts, *axes.shape[1:])
        hu[part] = canvas.hu.reshape(size).mean(axis=1)
        labels[part] = canvas.label.reshape(size)[:, parts // 2]
    image = scan(hu, axes, spec, person, scan_stream)
    return Torso(to_image(image, axes, spec), to_image(labels, axes, spec), spec)
