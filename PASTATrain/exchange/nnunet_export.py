"""Export of a model as a trained-model folder of nnU-Net v2."""

from __future__ import annotations

import json
from pathlib import Path

from PASTALib.errors import PastaError
from PASTALib.exchange.nnunet_names import to_nnunet
from PASTALib.files import write_text, written_atomically
from PASTALib.model import Model
from PASTATrain.exchange.nnunet_plans import CONFIGURATION, PLANS_NAME, dataset_json, plans_json

TRAINER = "nnUNetTrainer"
CHECKPOINT = "checkpoint_final.pth"


def export_nnunet(model: Model, results: Path, number: int = 900) -> Path:
    """Write a model so that ``nnUNetv2_predict`` runs it.

    What differs from PASTA, by nnU-Net's design: labels are the most probable channel (PASTA adds
    up the lesion types and has a threshold), images are not turned to LPS axes, and a scan that is
    smaller than a tile is filled up with 0 after normalization.

    Args:
        model: the model; one that answers at half resolution needs PASTALib beside nnU-Net.
        results: the folder that ``nnUNet_results`` names.
        number: of the dataset that nnU-Net knows the model by.

    Returns:
        The trained-model folder, ``DatasetNNN_name/trainer__plans__configuration``.

    Raises:
        PastaError: the number is not one of three digits.
    """
    import torch

    if not 1 <= number <= 999:
        raise PastaError(f"nnU-Net numbers its datasets from 1 to 999, so {number} cannot be used.")
    info = model.info
    dataset = f"Dataset{number:03d}_{info.name.replace('-', '_')}"
    folder = results / dataset / f"{TRAINER}__{PLANS_NAME}__{CONFIGURATION}"
    weights = {k: v.detach().cpu() for k, v in model.network.state_dict().items()}
    if info.is_plain:
        weights = to_nnunet(weights, len(info.features))
    checkpoint = {
        "network_weights": weights,
        "trainer_name": TRAINER,
        "init_args": {"configuration": CONFIGURATION, "fold": 0},
        # The model tells right from left: no mirrored predictions to average with.
        "inference_allowed_mirroring_axes": None,
    }
    with written_atomically(folder / "fold_0" / CHECKPOINT) as temporary:
        torch.save(checkpoint, temporary)
    write_text(folder / "dataset.json", json.dumps(dataset_json(info), indent=1) + "\n")
    write_text(folder / "plans.json", json.dumps(plans_json(info, dataset), indent=1) + "\n")
    return folder
