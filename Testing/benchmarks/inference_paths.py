"""The ways from a CT file to a label file that the benchmark compares.

Each takes the same prepared CT (LPS axes) and the same loaded model, and writes one label map:
the number of the output channel at every voxel. Nothing but the work differs.
"""

from __future__ import annotations

import os
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from PASTALib.model import Model
from PASTATrain.exchange.nnunet_plans import dataset_json, plans_json

MONAI_OVERLAP = 0.25  # MONAI's default, and ours
NNUNET_STEP = 0.5  # nnU-Net's default


def ours(source: Path, target: Path, model: Model) -> None:
    """`PASTALib.inference.segment`, with the model's closer look if it has one.

    Organs and lesions are put into one map for the comparison.
    """
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


def first_look(source: Path, target: Path, model: Model) -> None:
    """`ours` without the closer look: the work that the other programs do, too."""
    ours(source, target, replace(model, closer=None))


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

    plans = PlansManager(plans_json(model.info, "Dataset001_Benchmark"))
    dataset = dataset_json(model.info)
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


PATHS = {"ours": ours, "first look": first_look, "nnU-Net": nnunet, "MONAI": monai}
