"""Where a network can run, what each place has in memory, and in which precision it runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from PASTALib.errors import PastaError

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Device:
    """A place to compute.

    Attributes:
        key: torch's name of it: ``cpu``, ``cuda:0`` or ``mps``.
        name: what to call it to a user.
        free_bytes: memory that is free now; None where it cannot be asked.
    """

    key: str
    name: str
    free_bytes: int | None

    def __str__(self) -> str:
        if self.free_bytes is None:
            return f"{self.key}: {self.name}"
        return f"{self.key}: {self.name}, {self.free_bytes / 1e9:.1f} GB free"


def list_devices() -> list[Device]:
    """All places where a network can run here, the fastest kind first, the CPU last."""
    import torch

    found = []
    if torch.cuda.is_available():
        for number in range(torch.cuda.device_count()):
            free, _ = torch.cuda.mem_get_info(number)
            found.append(Device(f"cuda:{number}", torch.cuda.get_device_name(number), free))
    if torch.backends.mps.is_available():
        found.append(Device("mps", "Apple graphics", None))
    threads = torch.get_num_threads()
    found.append(Device("cpu", f"CPU, {threads} thread{'s' if threads != 1 else ''}", None))
    return found


def choose_device(wanted: str = "auto") -> str:
    """Torch's name of the device to use.

    Args:
        wanted: ``auto`` (the CUDA device with most free memory, else Apple's, else the CPU),
            ``cpu``, ``cuda``, ``cuda:N`` or ``mps``.

    Raises:
        PastaError: this machine has no such device.
    """
    devices = list_devices()
    keys = [device.key for device in devices]
    if wanted in keys:
        return wanted
    if wanted in ("auto", "cuda"):
        cuda = [device for device in devices if device.key.startswith("cuda")]
        if cuda:
            return max(cuda, key=lambda device: device.free_bytes or 0).key
        if wanted == "auto":
            return keys[0]
    raise PastaError(
        f"There is no device '{wanted}' on this machine; use auto or one of: {', '.join(keys)}."
    )


def fast_precision(device: str) -> torch.dtype | None:
    """The half precision that this device computes faster than 32 bits; None if there is none.

    On CPUs bfloat16 pays only where the instructions for it exist: a 64-voxel tile takes 0.14 s
    instead of 0.48 s on two cores with AVX512_BF16, but longer than in 32 bits without it.
    """
    import torch

    if device.startswith("cuda"):
        return torch.float16
    if device != "cpu":
        return None
    # These questions are private in torch and have moved between versions: a missing one is a no.
    questions = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    if any(getattr(torch.cpu, question, lambda: False)() for question in questions):
        return torch.bfloat16
    return None
