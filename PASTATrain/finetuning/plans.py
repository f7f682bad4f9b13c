"""Plans of nnU-Net for a dataset and the network that is fine-tuned.

nnU-Net's planner would choose a network for the dataset; here the network is given, and the plans
have to follow it: it halves every axis on each level, so the strides are 1 and then 2, and the
edges of a patch are multiples of two to the number of halvings (32 for PASTA).
"""

from __future__ import annotations

from typing import Any

from PASTALib.errors import PastaError
from PASTALib.exchange.nnunet_names import COMPRESSED_UNET, WINDOWED_UNET
from PASTALib.exchange.pretrained import Start
from PASTALib.model import ModelInfo, Normalization
from PASTATrain.exchange.nnunet_plans import CONFIGURATION, plans_json
from PASTATrain.finetuning.config import FinetuneConfig
from PASTATrain.finetuning.trainers.pasta_trainers import PLANS_ENTRY

PLANS_NAME = "PASTAPlans"
PASTA_SPACING_MM = 1.0
"""PASTA's weights were trained at 1 mm."""


def check_patch(patch: tuple[int, int, int], levels: int) -> None:
    """Refuse a patch that the network cannot take.

    Raises:
        PastaError: an edge is no multiple of the coarsest voxel, or holds but one of them.
    """
    step = 2 ** (levels - 1)
    if any(edge % step or edge < 2 * step for edge in patch):
        shown = " x ".join(map(str, patch))
        raise PastaError(
            f"The patch {shown} does not fit a network of {levels} levels; its edges must be "
            f"multiples of {step} from {2 * step} on."
        )


def finetuning_plans(
    start: Start,
    fingerprint: dict[str, Any],
    config: FinetuneConfig,
    dataset_name: str,
    is_ct: bool = True,
) -> dict[str, Any]:
    """Plans for a dataset.

    Args:
        start: what training starts from. The grid and normalization of a model stay as they are;
            for PASTA's weights it is 1 mm, and nnU-Net's normalization from the dataset.
        fingerprint: what nnU-Net extracted of the dataset.
        config: the run.
        dataset_name: as nnU-Net knows it.
        is_ct: otherwise, as for MR, each scan is normalized by its own mean and standard deviation,
            whatever the start has. That is in the range of what the network knows from CT: soft
            tissue is -2 to 2 for a model of ours, and about so for PASTA's weights.

    Raises:
        PastaError: the patch does not fit the network.
    """
    check_patch(config.patch, len(start.features))
    model = start.info
    spacing = config.spacing_mm or (model.spacing_mm if model else PASTA_SPACING_MM)
    intensities = fingerprint["foreground_intensity_properties_per_channel"]
    normalization = model.normalization if model else _from_dataset(intensities["0"])
    info = ModelInfo(
        name=dataset_name,
        version="",
        classes=("background",),
        spacing_mm=spacing,
        patch=config.patch,
        features=start.features,
        normalization=normalization,
    )
    plans = plans_json(info, dataset_name)
    if model is None:
        plans["foreground_intensity_properties_per_channel"] = intensities
    settings = plans["configurations"][CONFIGURATION]
    settings["batch_size"] = config.batch
    if not is_ct:
        settings["normalization_schemes"] = ["ZScoreNormalization"]
    if model is not None and model.hu_windows:
        settings["architecture"]["network_class_name"] = WINDOWED_UNET
    elif model is not None and model.compresses:
        settings["architecture"]["network_class_name"] = COMPRESSED_UNET
    settings["data_identifier"] = f"{PLANS_NAME}_{CONFIGURATION}"
    return {**plans, "plans_name": PLANS_NAME, PLANS_ENTRY: dict(config.schedule)}


def _from_dataset(values: dict[str, float]) -> Normalization:
    return Normalization(
        values["percentile_00_5"], values["percentile_99_5"], values["mean"], values["std"]
    )
