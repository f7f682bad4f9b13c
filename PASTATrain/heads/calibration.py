"""Temperature: one number that makes stated probabilities true on cases kept from learning.

Guo et al., On Calibration of Modern Neural Networks, ICML 2017. It changes no order, so no AUC.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from scipy.optimize import minimize_scalar
from torch import Tensor
from torch.nn import functional

RANGE = (0.1, 10.0)


def temperatures(
    logits: Tensor,
    targets: Tensor,
    questions: Mapping[str, tuple[str, ...]],
) -> dict[str, float]:
    """Temperature of each question with the least cross-entropy; 1 where one answer is seen only.

    Args:
        logits: ``(n, outputs)`` of cases kept from learning, `HeadInfo.shift` taken off.
        targets: ``(n, questions)``, NaN where not known: number of the right answer, or 1 and 0
            for a question with one answer.
        questions: answers to each.
    """
    found, start = {}, 0
    for column, (key, values) in enumerate(questions.items()):
        known = ~targets[:, column].isnan()
        right = targets[known, column]
        told = logits[known, start : start + len(values)]
        start += len(values)
        found[key] = _temperature(told, right) if len(right.unique()) > 1 else 1.0
    return found


def _temperature(logits: Tensor, right: Tensor) -> float:
    def entropy(log_temperature: float) -> float:
        scaled = logits / torch.tensor(log_temperature).exp()
        if logits.shape[1] == 1:
            loss = functional.binary_cross_entropy_with_logits(scaled[:, 0], right)
        else:
            loss = functional.cross_entropy(scaled, right.long())
        return float(loss)

    bounds = torch.tensor(RANGE).log().tolist()
    return float(torch.tensor(minimize_scalar(entropy, bounds=bounds, method="bounded").x).exp())
