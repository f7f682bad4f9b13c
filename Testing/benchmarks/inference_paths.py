"""The three ways from a CT file to a label file that the benchmark compares.

Each takes the same prepared CT (LPS axes) and the same loaded model, and writes one label map:
the number of the output channel at every voxel. Nothing but the work differs.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk

from PASTALib.model import Model, ModelInfo

MONAI_OVERLAP = 0.25  # MONAI's default, and ours
NNUNET_STEP = 0.5  # nnU-Net's default


def ours(source: Path, target: Path, model: Model) -> None:
    """`PASTALib.inference.segment`; organs and lesions are put into one map for the comparison."""
    from PASTALib.ct import CT
    from PASTALib.inference import segment

    found = segment(CT(sitk.ReadImage(str(source)), "bench"), model)
    channel = np.zeros(256, np.uint8)
    channel[list(model.info.labels)] = range(len(model.info.labels))
    organs = sitk.GetArrayViewFromImage(found.organs)
    lesions = sitk.GetArrayViewFromImage(found.lesions)
    labels = sitk.GetImageFromArray(channel[np.where(lesions > 0, lesions, organs)])
    labels.CopyInformation(found.organs)
    sitk.WriteImage(labels, str(target), useCompression=True)


def monai(source: Path, target: Path, model: Model) -> None:
    """MONAI's sliding window over the resampled CT, argmax, and nearest-neighbor resampling."""
    import torch
    from monai.inferers import SlidingWindowInferer

    image = sitk.ReadImage(str(source))
    info = model.info
    size = [
        max(1, round(count * step / info.spacing_mm))
        for count, step in zip(image.GetSize(), image.GetSpacing(), strict=True)
    ]
    grid = sitk.Resample(
        sitk.Cast(image, sitk.sitkFloat32),
        size,
        sitk.Transform(),
        sitk.sitkLinear,
        image.GetOrigin(),
        [info.spacing_mm] * 3,
        image.GetDirection(),
        -1024.0,
    )
    values = torch.from_numpy(info.normalization(sitk.GetArrayFromImage(grid)))[None, None]
    inferer = SlidingWindowInferer(info.patch, 1, MONAI_OVERLAP, mode="gaussian")
    with torch.inference_mode():
        logits = inferer(values.to(model.device), model.network)
    labels = sitk.GetImageFromArray(logits[0].argmax(dim=0).to(torch.uint8).cpu().numpy())
    labels.CopyInformation(grid)
    labels = sitk.Resample(labels, image, sitk.Transform(), sitk.sitkNearestNeighbor, 0)
    sitk.WriteImage(labels, str(target), useCompression=True)


def nnunet(source: Path, target: Path, model: Model) -> None:
    """nnU-Net's predictor: its reading, resampling, sliding window and export; no mirroring."""
    for name in ("nnUNet_raw", "nnUNet_preprocessed", "nnUNet_results"):
        os.environ.setdefault(name, tempfile.gettempdir())  # else it complains; they stay unused
    os.environ.setdefault("nnUNet_def_n_proc", str(os.cpu_count()))
    import torch
    from nnunetv2.imageio.simpleitk_reader_writer import SimpleITKIO
    from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor
    from nnunetv2.utilities.plans_handling.plans_handler import PlansManager

    plans = PlansManager(nnunet_plans(model.info))
    dataset = {
        "channel_names": {"0": "CT"},
        "labels": {key: number for number, key in enumerate(model.info.classes)},
        "file_ending": ".nii.gz",
    }
    predictor = nnUNetPredictor(
        tile_step_size=NNUNET_STEP,
        use_mirroring=False,
        perform_everything_on_device=model.device != "cpu",
        device=torch.device(model.device),
        allow_tqdm=False,
    )
    predictor.manual_initialization(
        model.network,
        plans,
        plans.get_configuration("3d_fullres"),
        [model.network.state_dict()],
        dataset,
        "nnUNetTrainer",
        None,
    )
    values, properties = SimpleITKIO().read_images([str(source)])
    shorter = str(target).removesuffix(".nii.gz")
    predictor.predict_single_npy_array(values, properties, None, shorter, False)


def nnunet_plans(info: ModelInfo) -> dict[str, Any]:
    """Plans of nnU-Net that describe a model of ours, with nnU-Net's default resampling."""
    normalization = info.normalization
    resampling: dict[str, Any] = {}
    for what, is_seg, order in (("data", False, 3), ("seg", True, 1), ("probabilities", False, 1)):
        resampling[f"resampling_fn_{what}"] = "resample_data_or_seg_to_shape"
        resampling[f"resampling_fn_{what}_kwargs"] = {
            "is_seg": is_seg,
            "order": order,
            "order_z": 0,
            "force_separate_z": None,
        }
    levels = len(info.features)
    return {
        "dataset_name": "Dataset001_Benchmark",
        "plans_name": "nnUNetPlans",
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
                "std": normalization.sd,
                "percentile_00_5": normalization.low,
                "percentile_99_5": normalization.high,
            }
        },
        "configurations": {
            "3d_fullres": {
                "data_identifier": "nnUNetPlans_3d_fullres",
                "preprocessor_name": "DefaultPreprocessor",
                "batch_size": 1,
                "patch_size": list(info.patch),
                "median_image_size_in_voxels": list(info.patch),
                "spacing": [info.spacing_mm] * 3,
                "normalization_schemes": ["CTNormalization"],
                "use_mask_for_norm": [False],
                **resampling,
                "architecture": {
                    "network_class_name": "PASTALib.network.UNet",
                    "arch_kwargs": {"strides": [[1] * 3] + [[2] * 3] * (levels - 1)},
                    "_kw_requires_import": [],
                },
                "batch_dice": False,
            }
        },
    }


PATHS = {"ours": ours, "nnU-Net": nnunet, "MONAI": monai}
