"""Axis orders, directions and spacings that geometry has to stand."""

from __future__ import annotations

from itertools import permutations, product

import numpy as np
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

AXIS_ORDERS = [
    (np.diag(signs)[:, list(order)]).astype(float)
    for order in permutations(range(3))
    for signs in product((1, -1), repeat=3)
]


def angles(most):
    """Degrees from ``-most`` to ``most`` in steps of a hundredth: of angles like 1e-300, ITK cannot
    invert what is left in a direction.
    """
    return st.integers(-100 * most, 100 * most).map(lambda hundredths: hundredths / 100)


@st.composite
def directions(draw):
    """All 48 axis orders, and random oblique ones."""
    order = draw(st.sampled_from(AXIS_ORDERS))
    if draw(st.booleans()):
        return order
    turns = draw(st.tuples(*[angles(40)] * 3))
    return Rotation.from_euler("xyz", turns, degrees=True).as_matrix() @ order


spacings = st.tuples(*[st.floats(0.6, 5.0)] * 3)


def points_of(geometry):
    """LPS points of all voxels, ``[z, y, x, 3]``."""
    x, y, z = np.meshgrid(*[np.arange(n) for n in geometry.size], indexing="ij")
    return geometry.points_of_xyz(np.stack([x, y, z], axis=-1)).transpose(2, 1, 0, 3)
