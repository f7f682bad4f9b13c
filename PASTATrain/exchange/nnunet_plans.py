"""What nnU-Net v2 has to be told about a model of ours: ``plans.json`` and ``dataset.json``."""

from __future__ import annotations

from typing import Any

from PASTALib.exchange.nnunet_names import architecture
from PASTALib.model import ModelInfo

CONFIGURATION = "3d_fullres"
PLANS_NAME = "nnUNetPlans"


def dataset_json(info: ModelInfo) -> dict[str, Any]:
    """Channels, labels (the output channels, by their catalogue keys) and files."""
    return {
        "channel_names": {"0": "CT"},
        "labels": {key: number for number, key in enumerate(info.classes)},
        "numTraining": 0,
        "file_ending": ".nii.gz",
        "name": info.name,
        "description": (
            f"PASTA model {info.name} {info.version}. Images must be stored with LPS axes "
            "(direction 1 0 0 0 1 0 0 0 1 in ITK), as axial DICOM series of supine patients are: "
            "nnU-Net does not turn them."
        ),
    }


def plans_json(info: ModelInfo, dataset_name: str) -> dict[str, Any]:
    """Plans of nnU-Net under which it prepares a CT as the model expects it.

    ``CTNormalization`` clips to two percentiles, subtracts a mean and divides by a standard
    deviation: with the model's own numbers in the place of a dataset's it is the same function.
    """
    normalization = info.normalization
    return {
        "dataset_name": dataset_name,
        "plans_name": PLANS_NAME,
        "original_median_spacing_after_transp": [info.spacing_mm] * 3,
        "original_median_shape_after_transp": list(info.patch),
        "image_reader_writer": "SimpleITKIO",
        "transpose_forward": [0, 1, 2],
        "transpose_backward": [0, 1, 2],
        "experiment_planner_used": "ExperimentPlanner",
        "label_manager": "LabelManager",
        "foreground_intensity_properties_per_channel": {
            "0": {
                "mean": normalization.mean,
                "median": normalization.mean,
                "std": normalization.sd,
                "min": normalization.low,
                "max": normalization.high,
                "percentile_00_5": normalization.low,
                "percentile_99_5": normalization.high,
            }
        },
        "configurations": {CONFIGURATION: _configuration(info)},
    }


def _configuration(info: ModelInfo) -> dict[str, Any]:
    return {
        "data_identifier": f"{PLANS_NAME}_{CONFIGURATION}",
        "preprocessor_name": "DefaultPreprocessor",
        "batch_size": 2,
        "patch_size": list(info.patch),
        "median_image_size_in_voxels": list(info.patch),
        "spacing": [info.spacing_mm] * 3,
        "normalization_schemes": ["CTNormalization"],
        "use_mask_for_norm": [False],
        **_resampling(),
        "architecture": _architecture(info),
        "batch_dice": True,
    }


def _resampling() -> dict[str, Any]:
    """Linear, as we resample CT and scores; segmentations are only resampled in training."""
    entries: dict[str, Any] = {}
    for what in ("data", "seg", "probabilities"):
        entries[f"resampling_fn_{what}"] = "resample_data_or_seg_to_shape"
        entries[f"resampling_fn_{what}_kwargs"] = {
            "is_seg": what == "seg",
            "order": 1,
            "order_z": 0,
            "force_separate_z": None,
        }
    return entries


def _architecture(info: ModelInfo) -> dict[str, Any]:
    """nnU-Net's own network where it can answer as the model does, else ours by its name."""
    if info.is_plain:
        return architecture(info.features)
    return {
        "network_class_name": "PASTALib.plans_network.PlansUNet",
        "arch_kwargs": {
            "features_per_stage": list(info.features),
            "finest": info.finest,
            "biases": info.biases,
            "refines": info.refines,
            "compresses": info.compresses,
            "hu_windows": info.hu_windows,
            "strides": [[1, 1, 1]] + [[2, 2, 2]] * (len(info.features) - 1),
        },
        "_kw_requires_import": [],
    }
