"""Which models there are, and whether a folder is what it says it is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from PASTALib.errors import PastaError
from PASTALib.exchange.pretrained import Pretrained, pretrained_network, read_pretrained
from PASTALib.model import (
    INFO_FILE,
    PRETRAINED_FILE,
    WEIGHTS_FILE,
    ModelInfo,
    available_models,
    load_model,
    read_info,
)


def listed(folders: list[Path]) -> Iterator[str]:
    """A line for each bundled model, and for each model and pretrained weights in `folders`."""
    for name, folder in available_models().items():
        yield f"{name} (bundled): {described(read_info(folder), folder)}"
    for parent in folders:
        found = [
            path.parent for kind in (INFO_FILE, PRETRAINED_FILE) for path in _below(parent, kind)
        ]
        for folder in sorted(set(found)):
            is_model = (folder / INFO_FILE).is_file()
            what = read_info(folder) if is_model else read_pretrained(folder)
            yield f"{folder}: {described(what, folder)}"


def _below(parent: Path, name: str) -> Iterator[Path]:
    yield from parent.glob(name)
    yield from parent.glob(f"*/{name}")


def described(what: ModelInfo | Pretrained, folder: Path) -> str:
    """One line about a model or pretrained weights."""
    size = f"{(folder / WEIGHTS_FILE).stat().st_size / 1e6:.0f} MB"
    features = "-".join(map(str, what.features))
    if isinstance(what, Pretrained):
        return f"pretrained weights of {what.source}, features {features}, {size}"
    resolution = ", at half resolution" if what.finest else ""
    return (
        f"{what.name} {what.version}, {len(what.classes)} classes, {what.spacing_mm:g} mm"
        f"{resolution}, features {features}, {size}"
    )


def verify(name_or_folder: str) -> str:
    """Check files, checksum, shapes, and that the network answers with finite numbers.

    Returns:
        What was checked, as a line.

    Raises:
        PastaError: something is wrong with it, in one sentence.
    """
    import torch

    folder = Path(name_or_folder)
    if (folder / PRETRAINED_FILE).is_file() and not (folder / INFO_FILE).is_file():
        what: ModelInfo | Pretrained = read_pretrained(folder)
        network = pretrained_network(folder)
    else:
        model = load_model(name_or_folder)
        folder = available_models().get(name_or_folder, folder)
        what, network = model.info, model.network
    if not all(bool(weight.isfinite().all()) for weight in network.parameters()):
        raise PastaError(f"'{folder}' has weights that are not finite numbers; get it again.")
    edge = 2 ** len(what.features)
    generator = torch.Generator().manual_seed(0)
    with torch.inference_mode():
        answer = network(torch.randn((1, 1, edge, edge, edge), generator=generator))
    if not bool(answer.isfinite().all()):
        raise PastaError(f"The network of '{folder}' does not answer with finite numbers.")
    count = sum(weight.numel() for weight in network.parameters())
    return (
        f"{described(what, folder)}: checksum, {count:,} parameters and an answer of "
        f"{answer.shape[1]} channels are as they should be"
    )
