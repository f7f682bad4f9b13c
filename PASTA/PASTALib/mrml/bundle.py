"""Reports as text nodes, and a scene as one ``.mrb`` file."""

from __future__ import annotations

import tempfile
import zipfile
from pathlib import Path
from typing import Any

from PASTALib.errors import PastaError
from PASTALib.files import written_atomically

REPORT_ATTRIBUTE = "PASTA.Report"
"""Node attribute that tells a report's text node from other text: ``json`` or ``html``."""


def add_report(scene: Any, text: str, name: str, form: str, segmentation: Any = None) -> Any:
    """Add a report to the scene as a text node that is saved as a file of its own.

    Args:
        scene: the scene to add to.
        text: the report.
        name: name of the node.
        form: ``json`` or ``html``.
        segmentation: segmentation node that the report is about; the node remembers it.
    """
    node = scene.AddNewNodeByClass("vtkMRMLTextNode", name)
    node.SetForceCreateStorageNode(node.CreateStorageNodeAlways)
    node.AddDefaultStorageNode()
    storage = node.GetStorageNode()
    storage.SetSupportedReadFileExtensions((form,))
    storage.SetSupportedWriteFileExtensions((form,))
    node.SetAttribute(REPORT_ATTRIBUTE, form)
    node.SetText(text)
    if segmentation is not None:
        node.SetNodeReferenceID("segmentation", segmentation.GetID())
    return node


def save_scene(scene: Any, path: Path) -> None:
    """Save the whole scene as a Medical Reality Bundle. The scene stays as it is.

    Raises:
        PastaError: wrong suffix, or the place cannot be written to.
    """
    path = Path(path).absolute()
    if path.suffix != ".mrb":
        raise PastaError(f"{path.name} must end in .mrb.")
    with (
        tempfile.TemporaryDirectory(prefix="pasta-mrb-") as place,
        written_atomically(path) as temporary,
    ):
        # The folder's name becomes the name of the scene file in it.
        folder = Path(place) / path.stem
        folder.mkdir()
        if not scene.SaveSceneToSlicerDataBundleDirectory(str(folder), None):
            raise PastaError(f"The scene could not be saved for {path}; check the free space.")
        try:
            _zip(folder, temporary)
        except OSError as error:
            raise PastaError(
                f"{path} could not be written; check the folder and the free space."
            ) from error


def _zip(folder: Path, target: Path) -> None:
    """A folder, with its own name as the top one, as a zip file.

    Not ``scene.WriteToMRB``: it names everything after the temporary file and tells of each file
    on the console. Images are compressed already, so level 1 costs nothing and serves the text.
    """
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as bundle:
        for file in sorted(folder.rglob("*")):
            if file.is_file():
                bundle.write(file, file.relative_to(folder.parent))
