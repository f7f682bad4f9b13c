"""Export of a model as a MONAI bundle, for ``monai.bundle``, MONAI Label and MONAI Deploy."""

from __future__ import annotations

import json
from importlib.metadata import version
from pathlib import Path
from typing import Any

from PASTALib import grid
from PASTALib.files import write_text, written_atomically
from PASTALib.inference import OVERLAP
from PASTALib.model import Model, ModelInfo
from PASTATrain.exchange.monai_names import network_definition, to_monai

WEIGHTS = "model.pt"
SCHEMA = (
    "https://github.com/Project-MONAI/MONAI-extra-test-data/releases/download/0.8.1/"
    "meta_schema_20240725.json"
)


def export_monai(model: Model, folder: Path) -> Path:
    """Write a model as a bundle: ``configs``, ``models`` and ``docs``.

    The bundle's label of a voxel is the most probable channel; PASTA itself adds up the lesion
    types and has a threshold.

    Args:
        model: the model; one that answers at half resolution needs PASTALib beside MONAI.
        folder: of the bundle.

    Returns:
        The folder.
    """
    import torch

    weights = {k: v.detach().cpu().float() for k, v in model.network.state_dict().items()}
    with written_atomically(folder / "models" / WEIGHTS) as temporary:
        torch.save(to_monai(weights, model.info), temporary)
    write_text(folder / "configs" / "metadata.json", _text(metadata(model.info)))
    write_text(folder / "configs" / "inference.json", _text(inference_config(model.info)))
    write_text(folder / "docs" / "README.md", readme(model.info))
    return folder


def _text(data: dict[str, Any]) -> str:
    return json.dumps(data, indent=1) + "\n"


def metadata(info: ModelInfo) -> dict[str, Any]:
    """``metadata.json``: what goes in and what comes out."""
    normalization = info.normalization
    low, high = ((x - normalization.mean) / normalization.sd
                 for x in (normalization.low, normalization.high))  # fmt: skip
    return {
        "schema": SCHEMA,
        "version": info.version,
        "changelog": {info.version: "Exported from PASTA"},
        "monai_version": version("monai"),
        "pytorch_version": version("torch").split("+")[0],
        "numpy_version": version("numpy"),
        "required_packages_version": {
            "fire": "0.4.0",
            "nibabel": "5.0",
            "pytorch-ignite": "0.4.11",
        },
        "name": info.name,
        "task": "Segmentation of organs and lesions in CT",
        "description": "A model of PASTA for 3D Slicer. For research use only.",
        "authors": "PASTA for 3D Slicer",
        "copyright": "See the model card",
        "intended_use": "Research; not a medical device",
        "network_data_format": {
            "inputs": {
                "image": {
                    "type": "image",
                    "format": "hounsfield",
                    "modality": "CT",
                    "num_channels": 1,
                    "spatial_shape": list(info.patch),
                    "dtype": "float32",
                    "value_range": [low, high],
                    "is_patch_data": True,
                    "channel_def": {"0": "image"},
                }
            },
            "outputs": {
                "pred": {
                    "type": "image",
                    "format": "segmentation",
                    "num_channels": len(info.classes),
                    "spatial_shape": list(info.patch),
                    "dtype": "float32",
                    "value_range": [0, len(info.classes) - 1],
                    "is_patch_data": True,
                    "channel_def": {str(n): key for n, key in enumerate(info.classes)},
                }
            },
        },
    }


def inference_config(info: ModelInfo) -> dict[str, Any]:
    """``inference.json``: from files to label files, with the parts that MONAI Label looks for."""
    return {
        "imports": ["$import glob", "$import os"],
        "bundle_root": ".",
        "dataset_dir": "$@bundle_root + '/data'",
        "output_dir": "$@bundle_root + '/eval'",
        "datalist": "$sorted(glob.glob(os.path.join(@dataset_dir, '*.nii.gz')))",
        "device": "$torch.device('cuda:0' if torch.cuda.is_available() else 'cpu')",
        "network_def": network_definition(info),
        "network": "$@network_def.to(@device)",
        "preprocessing": {"_target_": "Compose", "transforms": _before(info)},
        "dataset": {
            "_target_": "Dataset",
            "data": "$[{'image': i} for i in @datalist]",
            "transform": "@preprocessing",
        },
        "dataloader": {
            "_target_": "DataLoader",
            "dataset": "@dataset",
            "batch_size": 1,
            "shuffle": False,
            "num_workers": 0,
        },
        "inferer": {
            "_target_": "SlidingWindowInferer",
            "roi_size": list(info.patch),
            "sw_batch_size": 1,
            "overlap": OVERLAP,
            "mode": "gaussian",
            "padding_mode": "constant",
            "cval": _normalized(info, grid.AIR_HU),
        },
        "postprocessing": {"_target_": "Compose", "transforms": _after()},
        "handlers": [
            {
                "_target_": "CheckpointLoader",
                "load_path": f"$@bundle_root + '/models/{WEIGHTS}'",
                "load_dict": {"model": "@network"},
                "map_location": "@device",
            }
        ],
        "evaluator": {
            "_target_": "SupervisedEvaluator",
            "device": "@device",
            "val_data_loader": "@dataloader",
            "network": "@network",
            "inferer": "@inferer",
            "postprocessing": "@postprocessing",
            "val_handlers": "@handlers",
        },
        "run": ["$@evaluator.run()"],
    }


def _normalized(info: ModelInfo, hu: float) -> float:
    kept = min(max(hu, info.normalization.low), info.normalization.high)
    return (kept - info.normalization.mean) / info.normalization.sd


def _before(info: ModelInfo) -> list[dict[str, Any]]:
    """Axes ``SPL`` in MONAI's order are our ``[z, y, x]`` of LPS."""
    low, high = info.normalization.low, info.normalization.high
    return [
        {"_target_": "LoadImaged", "keys": "image"},
        {"_target_": "EnsureChannelFirstd", "keys": "image"},
        {"_target_": "Orientationd", "keys": "image", "axcodes": "SPL"},
        {
            "_target_": "Spacingd",
            "keys": "image",
            "pixdim": [info.spacing_mm] * 3,
            "mode": "bilinear",
        },
        {
            "_target_": "ScaleIntensityRanged",
            "keys": "image",
            "a_min": low,
            "a_max": high,
            "b_min": _normalized(info, low),
            "b_max": _normalized(info, high),
            "clip": True,
        },
        {"_target_": "EnsureTyped", "keys": "image"},
    ]


def _after() -> list[dict[str, Any]]:
    """Labels first, then back to the CT: scores of all classes there would not fit in memory."""
    return [
        {"_target_": "AsDiscreted", "keys": "pred", "argmax": True},
        {
            "_target_": "Invertd",
            "keys": "pred",
            "transform": "@preprocessing",
            "orig_keys": "image",
            "nearest_interp": True,
            "to_tensor": True,
        },
        {
            "_target_": "SaveImaged",
            "keys": "pred",
            "output_dir": "@output_dir",
            "output_postfix": "seg",
            "output_dtype": "$torch.uint8",
            "separate_folder": False,
            "resample": False,
        },
    ]


def readme(info: ModelInfo) -> str:
    """How to run the bundle, and what is in it."""
    ours = "\nNeeds PASTALib on the Python path (its network is of no kind that MONAI has).\n"
    return f"""# {info.name} {info.version}

A model of PASTA for 3D Slicer as a MONAI bundle. For research use only.
{"" if info.is_plain else ours}
```
pip install "monai[fire,ignite,nibabel]"
python -m monai.bundle run --config_file configs/inference.json --bundle_root . \\
    --dataset_dir FOLDER_WITH_CT --output_dir FOLDER
```

CT in HU as `.nii.gz`, any orientation. Labels are the numbers in `configs/metadata.json`.
"""
