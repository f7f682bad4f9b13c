"""Where in a crop the answer comes from: Grad-CAM or occlusion, by MONAI."""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk
import torch
from torch import Tensor, nn

from PASTALib.model import Model
from PASTATrain.heads.crops import Crop
from PASTATrain.heads.encoder import EncoderWithHead, as_inputs
from PASTATrain.heads.training import TrainedHead

METHODS = ("gradcam", "occlusion")
LEVEL = 0
"""Encoder level whose activations Grad-CAM weighs: that of full resolution. Coarser ones of a
head that reads all levels point beside the tumor (measured on painted scans: its neighborhood
outranks 97 % of the organ at level 0, 58 % at level 1, 47 % at level 2)."""
HIDDEN_SHARE = 4
"""The cube that is hidden is the crop's edge over this; cubes overlap by half."""


class OneOutput(nn.Module):
    """One output of a head as a function of the image alone: what MONAI's methods take."""

    def __init__(self, module: EncoderWithHead, mask: Tensor, output: int) -> None:
        super().__init__()
        self.module = module
        self.mask = mask
        self.output = output

    def forward(self, image: Tensor) -> Tensor:
        """Logits ``(n, 1)`` of images ``(n, 1, z, y, x)``."""
        mask = self.mask.expand(len(image), -1, -1, -1, -1)
        return self.module(image, mask)[:, self.output : self.output + 1]


def saliency(head: TrainedHead, model: Model, crop: Crop, output: int, method: str) -> sitk.Image:
    """How much each place of the organ speaks for an output, 0 to 1, float32.

    What lies outside of the organ (or of the lesions) that the crop is of is 0.

    Args:
        head: the head.
        model: whose normalization it has.
        crop: what it looks at.
        output: number of the output.
        method: one of `METHODS`.
    """
    image, mask = (x.to(model.device) for x in as_inputs(model, crop.hu[None], crop.mask[None]))
    function = OneOutput(head.module, mask, output).eval()
    values = _gradcam(function, image) if method == "gradcam" else _occlusion(function, image)
    values = np.where(crop.mask > 0, np.maximum(values, 0), 0)
    largest = float(values.max())
    scaled = values / largest if largest > 0 else values
    return crop.geometry.place(sitk.GetImageFromArray(scaled.astype(np.float32)))


def _gradcam(function: OneOutput, image: Tensor) -> np.ndarray:
    from monai.visualize import GradCAM

    for block in function.modules():
        if isinstance(block, nn.LeakyReLU):
            block.inplace = False  # hooks on gradients do not allow it
    layer = f"module.network.encoder.{LEVEL}"
    cam = GradCAM(function, layer, postprocessing=lambda values: values)
    values: np.ndarray = cam(image, class_idx=0)[0, 0].detach().cpu().numpy()
    return values


def _occlusion(function: OneOutput, image: Tensor) -> np.ndarray:
    """How much the logit falls where a cube of the organ's median is put."""
    from monai.visualize import OcclusionSensitivity

    inside = function.mask[0, 0] > 0
    places = inside.nonzero()
    low, high = places.amin(0).tolist(), places.amax(0).tolist()
    method = OcclusionSensitivity(
        function,
        mask_size=image.shape[-1] // HIDDEN_SHARE,
        n_batch=4,
        verbose=False,
        overlap=0.5,
        activate=False,
        mode=float(image[0, 0][inside].median()),
    )
    values = np.zeros(inside.shape, np.float32)
    with torch.inference_mode():
        before = float(function(image))
        # MONAI leaves out the last plane of a box along each axis for a cube of even edge.
        box = [end for a, b in zip(low, high, strict=True) for end in (a, b + 1)]
        hidden = method(image, b_box=box)[0][0, 0]
    starts = zip(low, hidden.shape, strict=False)
    part = tuple(slice(start, start + size) for start, size in starts)
    values[part] = before - hidden.reshape(hidden.shape[:3]).cpu().numpy()
    return values
