"""Weights of a network as a safetensors file, with its checksum."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from PASTALib.errors import PastaError
from PASTALib.files import written_atomically

if TYPE_CHECKING:
    from torch import nn


def file_sha256(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while part := stream.read(1 << 24):
            digest.update(part)
    return digest.hexdigest()


def read_weights(network: nn.Module, weights: Path, sha256: str, described_in: str) -> None:
    """Fill a network with the weights of a file.

    Args:
        network: of the kind that the weights are of.
        weights: safetensors file.
        sha256: of the file; not checked if empty.
        described_in: name of the file that says so, for messages.

    Raises:
        PastaError: the file is missing or damaged, or of another network.
    """
    from safetensors.torch import load_file

    if not weights.is_file():
        raise PastaError(f"The weights '{weights}' are missing; copy the whole folder.")
    if sha256 and file_sha256(weights) != sha256:
        raise PastaError(
            f"The weights '{weights}' do not match the checksum in {described_in}; copy the model "
            "folder again."
        )
    try:
        network.load_state_dict({key: value.float() for key, value in load_file(weights).items()})
    except Exception as error:
        raise PastaError(
            f"The weights '{weights}' do not fit the network that {described_in} describes."
        ) from error


def write_weights(network: nn.Module, path: Path, *, half: bool) -> str:
    """Write a safetensors file, atomically; returns its SHA-256."""
    from safetensors.torch import save_file

    state = {
        key: (value.half() if half else value).contiguous()
        for key, value in network.state_dict().items()
    }
    with written_atomically(path) as temporary:
        save_file(state, temporary)
    return file_sha256(path)
