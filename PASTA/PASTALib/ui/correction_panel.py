"""Correction by hand: Slicer's segment editor on the chosen finding."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import qt
import slicer
import vtk

from PASTALib.errors import PastaError
from PASTALib.mrml.desk import Desk
from PASTALib.mrml.editable import EDITOR_TAG, editor_node
from PASTALib.signals import Signal
from PASTALib.ui.folding import Folding

SETTLE_MS = 100
"""A stroke tells of many changes; they are measured when it has been still for so long."""


class CorrectionPanel:
    """Binds the segment editor, and tells the desk what was drawn: here or in any other module.

    Args:
        ui: the widgets.
        desk: what is told.
        scene: where the editor's node lives.
        tell: shows a sentence to the user.

    Attributes:
        chosen: emitted with the id of the finding that was chosen in the editor.
    """

    def __init__(self, ui: Any, desk: Desk, scene: Any, tell: Callable[[str], None]) -> None:
        self.chosen = Signal()
        self.editing: str | None = None
        self._ui, self._desk, self._scene, self._tell = ui, desk, scene, tell
        self._editor = ui.segmentEditor
        self._editor.undoEnabled = False  # one undo for all: the desk's
        self._node: Any = None
        self._watched: Any = None
        self._watch_tag: int | None = None
        self._drawn: set[str] = set()
        self._folding = Folding(
            (ui.inputSection, ui.runSection, ui.reportSection, ui.exportSection)
        )
        self._still = qt.QTimer()
        self._still.setSingleShot(True)
        self._still.setInterval(SETTLE_MS)
        self._still.connect("timeout()", self._settled)
        self._editor.connect("currentSegmentIDChanged(QString)", self._segment_chosen)
        desk.changed.connect(self._watch)
        ui.editorFrame.visible = False

    # The editor ----------------------------------------------------------------------------------

    def edit(self, finding_id: str | None) -> None:
        """Correct the outline of a finding; None ends it."""
        if finding_id is None or self._desk.nodes is None:
            self.stop()
            return
        nodes, editor = self._desk.nodes, self._editor
        self._use_node()
        editor.setSegmentationNode(nodes.lesions)
        editor.setSourceVolumeNode(nodes.volume)
        editor.setCurrentSegmentID(finding_id)
        if self.editing is None:
            editor.installKeyboardShortcuts()
            self._folding.fold()
        self.editing = finding_id
        self._ui.editorFrame.visible = True
        self._ui.editButton.checked = True
        self._ui.editorLabel.text = f"Correcting {finding_id}; other findings are not changed."

    def stop(self) -> None:
        """End the correction."""
        if self.editing is not None:
            self._editor.setActiveEffect(None)
            self._editor.uninstallKeyboardShortcuts()
        self.editing = None
        self._folding.unfold()
        self._ui.editorFrame.visible = False
        self._ui.editButton.checked = False

    def leave(self) -> None:
        """The panel is left: the editor must not react to other modules' views and keys."""
        self.stop()
        self._editor.removeViewObservations()

    def close(self) -> None:
        """The scene closes, or the panel goes."""
        self.leave()
        self._still.stop()
        self._drawn.clear()
        if self._node is not None:
            self._editor.setSegmentationNode(None)
        self._unwatch()

    def _use_node(self) -> None:
        """The editor's own node; drawing overwrites no other segment."""
        if self._node is None or self._node.GetScene() is None:
            node = editor_node(self._scene)
            if node is None:
                node = slicer.vtkMRMLSegmentEditorNode()
                node.SetSingletonTag(EDITOR_TAG)
                node = self._scene.AddNode(node)
            node.SetOverwriteMode(slicer.vtkMRMLSegmentEditorNode.OverwriteNone)
            self._node = node
            self._editor.setMRMLScene(self._scene)
            self._editor.setMRMLSegmentEditorNode(node)

    def _segment_chosen(self, segment_id: str) -> None:
        if self.editing is not None and segment_id and segment_id != self.editing:
            self.editing = segment_id
            self._ui.editorLabel.text = f"Correcting {segment_id}; other findings are not changed."
            self.chosen.emit(segment_id)

    # What is drawn -------------------------------------------------------------------------------

    def _watch(self) -> None:
        """Observe the lesions of the open case."""
        nodes = self._desk.nodes
        if nodes is None:
            self._unwatch()
            self.stop()
            return
        segmentation = nodes.lesions.GetSegmentation()
        if segmentation is self._watched:
            return
        self._unwatch()

        @vtk.calldata_type(vtk.VTK_STRING)
        def changed(_caller: Any, _event: Any, segment_id: str = "") -> None:
            self._note(segment_id)

        event = slicer.vtkSegmentation.SourceRepresentationModified
        self._watched = segmentation
        self._watch_tag = segmentation.AddObserver(event, changed)

    def _unwatch(self) -> None:
        if self._watched is not None and self._watch_tag is not None:
            self._watched.RemoveObserver(self._watch_tag)
        self._watched, self._watch_tag = None, None

    def _note(self, segment_id: str) -> None:
        if self._desk.writing:
            return
        self._drawn.add(segment_id or self.editing or "")
        self._still.start()

    def _settled(self) -> None:
        drawn, self._drawn = self._drawn, set()
        for segment_id in sorted(drawn):
            try:
                self._desk.outline_changed(segment_id)
            except PastaError as error:
                self._tell(str(error))
