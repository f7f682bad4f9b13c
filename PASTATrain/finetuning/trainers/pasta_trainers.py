"""PASTA's trainers for nnU-Net v2, with the schedules of the authors' fork.

nnU-Net imports this file by itself, from the folder in ``nnUNet_extTrainer``: it knows nothing but
nnU-Net. Everything besides the schedule is nnU-Net's default, as in the fork: SGD with Nesterov
momentum 0.99, polynomial decay, weight decay 3e-5, Dice and cross-entropy with deep supervision.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import torch
from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer

PLANS_ENTRY = "pasta_schedule"
"""Entry of the plans that changes numbers of the schedule, such as for a short trial."""


@dataclass(frozen=True)
class Schedule:
    """How long and how fast a trainer trains."""

    epochs: int
    iterations: int
    validation_iterations: int
    learning_rate: float


class PASTATrainer(nnUNetTrainer):
    """PASTA's own pre-training on masks (stage I): long, from random weights."""

    schedule = Schedule(2000, 250, 50, 1e-2)

    def __init__(
        self,
        plans: dict[str, Any],
        configuration: str,
        fold: int,
        dataset_json: dict[str, Any],
        device: torch.device = torch.device("cuda"),  # noqa: B008
    ) -> None:
        changes = plans.get(PLANS_ENTRY, {})
        super().__init__(plans, configuration, fold, dataset_json, device)
        schedule = replace(self.schedule, **changes)
        self.num_epochs = schedule.epochs
        self.num_iterations_per_epoch = schedule.iterations
        self.num_val_iterations_per_epoch = schedule.validation_iterations
        self.initial_lr = schedule.learning_rate


class PASTATrainer_ft(PASTATrainer):
    """Fine-tuning of pre-trained weights: a hundredth of the learning rate."""

    schedule = Schedule(500, 250, 50, 1e-4)


class PASTATrainer_fewshot(PASTATrainer):
    """Fine-tuning on 1 to 16 scans: ten short epochs."""

    schedule = Schedule(10, 200, 50, 1e-3)
