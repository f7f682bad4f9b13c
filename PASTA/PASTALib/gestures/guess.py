"""A first outline from marks alone: of all ranges of HU, the one with the sharpest edge."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from PASTALib.geometry import Floats
from PASTALib.gestures.view import MOST_BORDER, View, marks_in, noise_of
from PASTALib.gestures.voxels import held

BALL_MM = 2.5
"""Around a positive mark, tissue is taken to be lesion."""
DEFAULT_BALL_MM = 4.0
"""Radius of the ball that is taken where nothing has an edge."""
WIDTHS = tuple(np.geomspace(1.5, 40.0, 12))
"""Half widths of the ranges of HU that are tried, in standard deviations of the noise."""
MIDDLE = 0.3
"""What is deeper than this share of the depth of a box is taken to be lesion at first."""
LEAST_VOXELS = 4


def first_guess(view: View) -> NDArray[np.bool_]:
    """For each positive mark, what hangs together with it and has the sharpest edge.

    Ranges of HU around that of the mark are tried, from narrow to wide, until one reaches a
    negative mark or the sides of the box. Where only a box was drawn, it is the middle of it.
    """
    if not view.positive.any():
        depth = view.away(view.negative)
        middle: NDArray[np.bool_] = depth > MIDDLE * depth.max()
        return middle
    smooth = ndimage.gaussian_filter(view.image, 0.8)
    calm = replace(view, image=smooth, noise=noise_of(smooth))
    edge = ndimage.gaussian_gradient_magnitude(smooth, 0.7)
    guess = np.zeros(smooth.shape, bool)
    for mark in marks_in(view.positive):
        if not (guess & mark).any():
            guess |= _sharpest(calm, mark, edge)
    return guess & ~view.negative


def _sharpest(view: View, mark: NDArray[np.bool_], edge: Floats) -> NDArray[np.bool_]:
    away = view.away(mark)
    ball = away <= BALL_MM
    center = float(np.median(view.image[ball]))
    best, sharpest = away <= DEFAULT_BALL_MM, 0.0
    for width in WIDTHS:
        part = held(np.abs(view.image - center) <= width * view.noise, mark)
        part = held(ndimage.binary_opening(part) | (part & ball), mark)
        if part.sum() < LEAST_VOXELS:
            continue
        if (part & view.negative).any() or part[view.border].mean() > MOST_BORDER:
            break
        rim = ndimage.binary_dilation(part) & ~ndimage.binary_erosion(part)
        sharpness = float(np.mean(edge[rim]))
        if sharpness > sharpest:
            best, sharpest = part, sharpness
    return best
