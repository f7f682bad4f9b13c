"""What the heads learn by: answers, malignancy of organs, survival. Unknown targets are NaN."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor
from torch.nn import functional

Loss = Callable[[Tensor, Tensor], Tensor]
"""Logits ``(n, outputs)`` and targets ``(n, columns)`` to one number."""


def answers_loss(groups: Mapping[str, slice], weights: Mapping[str, Tensor]) -> Loss:
    """Mean over the questions of the cross-entropy; targets are numbers of the right answers.

    Args:
        groups: outputs of each question, in the order of the target columns.
        weights: of the answers to each question.
    """

    def loss(logits: Tensor, targets: Tensor) -> Tensor:
        losses = []
        for column, (key, place) in enumerate(groups.items()):
            known = ~targets[:, column].isnan()
            if known.any():
                right = targets[known, column].long()
                weight = weights[key].to(logits.device)
                losses.append(functional.cross_entropy(logits[known, place], right, weight))
        return torch.stack(losses).mean() if losses else logits.sum() * 0

    return loss


def answer_weights(targets: Tensor, questions: Mapping[str, tuple[str, ...]]) -> dict[str, Tensor]:
    """Weights of the answers: one over the root of how often they are right, mean 1."""
    weights = {}
    for column, (key, values) in enumerate(questions.items()):
        known = targets[~targets[:, column].isnan(), column].long()
        weight = torch.bincount(known, minlength=len(values)).clamp_min(1).float().rsqrt()
        weights[key] = weight / weight.mean()
    return weights


def malignancy_loss(positive_weights: Tensor) -> Loss:
    """Binary cross-entropy of the organs whose target is 0 or 1; positive ones weigh more.

    Args:
        positive_weights: ``(organs,)``. PASTA weighs 10 to 1.
    """

    def loss(logits: Tensor, targets: Tensor) -> Tensor:
        known = ~targets.isnan()
        weights = positive_weights.to(logits.device).expand_as(logits)[known]
        right = targets[known]
        if not len(right):
            return logits.sum() * 0
        return functional.binary_cross_entropy_with_logits(logits[known], right, pos_weight=weights)

    return loss


def positive_weights(targets: Tensor) -> Tensor:
    """For each organ how many negative scans there are to a positive one, at least 1, up to 10."""
    positive = (targets == 1).sum(0).clamp_min(1)
    return ((targets == 0).sum(0) / positive).clamp(1.0, 10.0)


def cox_loss(logits: Tensor, targets: Tensor) -> Tensor:
    """Negative log partial likelihood of Cox's model a death, Breslow's form for ties.

    Args:
        logits: log hazard ``(n, 1)``.
        targets: days, and 1 where the patient died then, ``(n, 2)``. Those who died are compared
            with the patients of the same batch who were seen alive as long, so it has to be large.
    """
    risk, days, died = logits[:, 0], targets[:, 0], targets[:, 1] > 0
    if not died.any():
        return logits.sum() * 0
    at_risk = days[None, :] >= days[died, None]
    among = risk[None, :].expand(len(at_risk), -1).masked_fill(~at_risk, -torch.inf)
    return (among.logsumexp(1) - risk[died]).mean()
