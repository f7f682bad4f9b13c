"""Import of a model that nnU-Net v2 (or PASTA's fork of it) trained, as a model of ours."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PASTALib.errors import PastaError
from PASTALib.exchange.class_names import catalogue_classes
from PASTALib.exchange.nnunet_names import (
    COMPRESSED_UNET,
    PLAIN_UNET,
    WINDOWED_UNET,
    from_nnunet,
)
from PASTALib.exchange.pasta_import import take_pasta
from PASTALib.exchange.pasta_names import MARK, PASTA_FEATURES
from PASTALib.exchange.pickles import read_pickle, weights_in
from PASTALib.model import ModelInfo, Normalization, save_model

if TYPE_CHECKING:
    from torch import Tensor

CHECKPOINTS = ("checkpoint_final.pth", "checkpoint_best.pth", "checkpoint_latest.pth")


def import_nnunet(
    source: Path, folder: Path, given: Mapping[str, str], fold: str | None = None
) -> ModelInfo:
    """Write a trained-model folder of nnU-Net v2 as a model folder.

    Args:
        source: the folder with ``plans.json``, ``dataset.json`` and ``fold_*``.
        folder: of the new model; its name is that of the model.
        given: catalogue key of classes whose name does not say it, by their name.
        fold: which fold; the first where it is not said.

    Raises:
        PastaError: files are missing, or the model is of a kind that PASTA does not run: it says
            which, and what would be needed.
    """
    plans, dataset = (_read_json(source / name) for name in ("plans.json", "dataset.json"))
    path = _checkpoint(source, fold)
    stored = read_pickle(path)
    configuration = _configuration(plans, stored)
    classes = catalogue_classes(_labels(dataset), given)
    weights = weights_in(stored, str(path))
    features: tuple[int, ...]
    if MARK in weights:  # PASTA's fork replaces the network of the plans by its own
        taken = take_pasta(weights, str(path))
        features, biases, state = PASTA_FEATURES, False, _without_report(taken.weights)
    else:
        features, biases = _plain_unet_features(configuration), True
        state = _translated(weights, len(features), path)
    info = ModelInfo(
        name=folder.name,
        version="1",
        classes=classes,
        spacing_mm=_spacing(configuration),
        patch=_patch(configuration, len(features)),
        features=tuple(features),
        normalization=_normalization(plans, configuration),
        training={"imported from": f"nnU-Net v2, {plans.get('dataset_name', source.name)}"},
        biases=biases,
        compresses=configuration["architecture"]["network_class_name"] == COMPRESSED_UNET,
        hu_windows=configuration["architecture"]["network_class_name"] == WINDOWED_UNET,
    )
    network = info.network()
    try:
        network.load_state_dict(state)
    except RuntimeError as error:
        raise PastaError(
            f"The weights in '{path}' do not fit the network of its plans and the "
            f"{len(classes)} classes of its dataset.json."
        ) from error
    return save_model(folder, info, network, half=False)


def _read_json(path: Path) -> dict[str, Any]:
    try:
        data: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise PastaError(
            f"'{path}' cannot be read ({error}); give the trained-model folder of nnU-Net, which "
            "holds plans.json, dataset.json and fold_0."
        ) from error
    return data


def _checkpoint(source: Path, fold: str | None) -> Path:
    folders = sorted(source.glob("fold_*" if fold is None else f"fold_{fold}"))
    for path in (folder / name for folder in folders for name in CHECKPOINTS):
        if path.is_file():
            return path
    raise PastaError(f"'{source}' holds no checkpoint such as fold_{fold or 0}/{CHECKPOINTS[0]}.")


def _configuration(plans: dict[str, Any], stored: Any) -> dict[str, Any]:
    """The configuration that was trained, with old plans brought to today's form by nnU-Net."""
    try:
        from nnunetv2.utilities.plans_handling.plans_handler import PlansManager
    except ImportError as error:
        raise PastaError(
            "nnU-Net is needed to read its plans; install it with pip install nnunetv2."
        ) from error
    name = stored.get("init_args", {}).get("configuration", "3d_fullres")
    found: dict[str, Any] = PlansManager(plans).get_configuration(name).configuration
    if list(plans.get("transpose_forward", [0, 1, 2])) != [0, 1, 2]:
        raise PastaError("The model was trained on turned axes (transpose_forward in its plans).")
    return found


def _labels(dataset: dict[str, Any]) -> dict[str, int]:
    if len(dataset.get("channel_names", {"0": "CT"})) != 1:
        raise PastaError("The model takes several images at once; PASTA has one CT.")
    labels = {k: v for k, v in dataset.get("labels", {}).items() if k != "ignore"}
    if any(not isinstance(number, int) for number in labels.values()):
        raise PastaError("The model was trained with overlapping regions; PASTA needs labels.")
    return labels


def _plain_unet_features(configuration: dict[str, Any]) -> tuple[int, ...]:
    """Channels of each level of a network that is one of ours.

    Raises:
        PastaError: it is another network.
    """
    design = configuration["architecture"]
    settings = design["arch_kwargs"]
    features = tuple(settings.get("features_per_stage", ()))
    levels = len(features)
    same_everywhere = {
        "kernels of 3x3x3": (settings.get("kernel_sizes"), [[3, 3, 3]] * levels),
        "strides of 2 on every axis": (
            settings.get("strides"),
            [[1, 1, 1]] + [[2, 2, 2]] * (levels - 1),
        ),
        "two convolutions a level": (settings.get("n_conv_per_stage"), [2] * levels),
        "two convolutions a decoder level": (
            settings.get("n_conv_per_stage_decoder"),
            [2] * (levels - 1),
        ),
    }
    lacking = [
        name
        for name, (found, wanted) in same_everywhere.items()
        if json.loads(json.dumps(found)) != wanted
    ]
    if design["network_class_name"] not in (PLAIN_UNET, COMPRESSED_UNET, WINDOWED_UNET):
        lacking.insert(0, "nnU-Net's PlainConvUNet")
    if lacking:
        raise PastaError(
            f"PASTA runs U-Nets of one kind only, and this one lacks: {', '.join(lacking)}. Train "
            "with an isotropic spacing and the planner of 'pasta-train finetune'."
        )
    return features


def _translated(weights: dict[str, Tensor], levels: int, path: Path) -> dict[str, Tensor]:
    try:
        return from_nnunet(weights, levels)
    except KeyError as error:
        raise PastaError(f"'{path}' lacks the weights {error}; it is damaged.") from error


def _without_report(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor for name, tensor in weights.items() if not name.startswith("report_head.")}


def _spacing(configuration: dict[str, Any]) -> float:
    spacing = [float(value) for value in configuration["spacing"]]
    if max(spacing) > 1.02 * min(spacing):
        raise PastaError(
            f"The model was trained at {' x '.join(f'{value:g}' for value in spacing)} mm; PASTA's "
            "grid is isotropic. Plan with one spacing for all axes."
        )
    return sum(spacing) / 3


def _patch(configuration: dict[str, Any], levels: int) -> tuple[int, int, int]:
    z, y, x = (int(edge) for edge in configuration["patch_size"])
    step = 2 ** (levels - 1)
    if any(edge % step for edge in (z, y, x)):
        raise PastaError(f"The patch {z} x {y} x {x} of the model does not divide by {step}.")
    return z, y, x


def _normalization(plans: dict[str, Any], configuration: dict[str, Any]) -> Normalization:
    schemes = configuration["normalization_schemes"]
    if schemes != ["CTNormalization"]:
        raise PastaError(
            f"The model was trained with {', '.join(schemes)}; PASTA reads CT, which nnU-Net "
            'prepares with CTNormalization (channel_names {"0": "CT"} in dataset.json).'
        )
    values = plans["foreground_intensity_properties_per_channel"]["0"]
    return Normalization(
        float(values["percentile_00_5"]),
        float(values["percentile_99_5"]),
        float(values["mean"]),
        float(values["std"]),
    )
