"""Random walker with priors: each voxel's probability to belong to what was marked.

Grady, "Multilabel random walker image segmentation using prior models" (CVPR 2005). The probability
is smooth wherever the image is, follows a prior where marks are far, and is 1 and 0 at the marks.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, diags_array
from scipy.sparse.linalg import cg

from PASTALib.geometry import Floats

LEAST_WEIGHT = 1e-3
"""Of an edge across the strongest boundary: no voxel is cut off from all marks."""
ITERATIONS = 80
TOLERANCE = 2e-3


def walk(
    image: Floats,
    sigma: float,
    fixed: NDArray[np.bool_],
    known: Floats,
    prior: Floats,
    strength: Floats,
) -> Floats:
    """Probability ``[z, y, x]`` from 0 to 1.

    Args:
        image: ``[z, y, x]``; the walk is slow across steps of it.
        sigma: step of the image that halves (roughly) the weight of an edge.
        fixed: voxels whose probability is given.
        known: their probability.
        prior: probability that is preferred elsewhere.
        strength: of that preference, 0 or more.
    """
    free = ~fixed.ravel()
    number = np.cumsum(free) - 1
    count = int(free.sum())
    values = known.ravel()
    diagonal = strength.ravel()[free].astype(float)
    right = diagonal * prior.ravel()[free]
    rows, columns, weights = [], [], []
    index = np.arange(image.size).reshape(image.shape)
    for axis in range(3):
        first = np.take(index, range(image.shape[axis] - 1), axis).ravel()
        second = np.take(index, range(1, image.shape[axis]), axis).ravel()
        step = image.ravel()[first] - image.ravel()[second]
        weight = np.exp(-(step**2) / (2 * sigma**2)) + LEAST_WEIGHT
        for here, there in ((first, second), (second, first)):
            mine = free[here]
            diagonal += np.bincount(number[here[mine]], weight[mine], count)
            both = mine & free[there]
            rows.append(number[here[both]])
            columns.append(number[there[both]])
            weights.append(-weight[both])
            marked = mine & ~free[there]
            pull = weight[marked] * values[there[marked]]
            right += np.bincount(number[here[marked]], pull, count)
    edges = csr_array(
        (np.concatenate(weights), (np.concatenate(rows), np.concatenate(columns))),
        shape=(count, count),
    )
    system = edges + diags_array(diagonal)
    start = prior.ravel()[free]
    solution, _ = cg(
        system,
        right,
        x0=start,
        rtol=TOLERANCE,
        maxiter=ITERATIONS,
        M=diags_array(1 / diagonal),
    )
    result = values.astype(float).copy()
    result[free] = np.clip(solution, 0, 1)
    return result.reshape(image.shape)
