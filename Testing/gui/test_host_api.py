"""Our code uses only names that Slicer 5.12 has; the table of names is what Slicer says."""

from __future__ import annotations

import ast

from host.api import api, has_method, names, properties, python_api, signals
from host.api_used import Use, is_known, unknown, uses, uses_in, widgets_by_name

SNIPPET = """
import qt, slicer

class Panel:
    def __init__(self, ui):
        self._timer = qt.QTimer()
        self._timer.setInterval(5)
        self._timer.setSpeed(5)
        self.ui.runButton.text = "Run"
        self.ui.runButton.caption = "Run"
        self.ui.runButton.connect("clicked(int)", self.run)
        unknown.connect("textEdited(QString)", self.run)
        slicer.util.errorDisplay("x")
        slicer.util.errorDialog("x")
        slicer.app.layoutManager()
        slicer.app.layout()
        qt.QWidgetX()
"""


def test_our_code_uses_only_names_that_slicer_has():
    found = uses()
    assert len(found) > 30
    assert unknown(found) == []


def test_names_that_slicer_does_not_have_are_found():
    found = list(uses_in(ast.parse(SNIPPET), "snippet.py", {"runButton": "QPushButton"}))
    wrong = {(use.owner, use.name) for use in unknown(found)}
    assert wrong == {
        ("QTimer", "setSpeed"),
        ("QPushButton", "caption"),
        ("QPushButton", "clicked(int)"),
        ("slicer.util", "errorDialog"),
        ("qSlicerApplication", "layout"),
        ("QWidgetX", ""),
    }
    assert len(found) > len(wrong)


def test_a_widget_is_known_by_its_name_in_the_ui_file(tmp_path):
    path = tmp_path / "a.ui"
    path.write_text('<ui><widget class="QWidget" name="top"><widget class="QLabel" name="hint"/>'
                    "</widget></ui>", encoding="utf-8")  # fmt: skip
    assert widgets_by_name([path]) == {"top": "QWidget", "hint": "QLabel"}


def test_the_table_says_what_slicer_says():
    # Facts of qMRMLNodeComboBox.h, ctkSliderWidget.h and qSlicerCoreApplication.h.
    combo = "qMRMLNodeComboBox"
    assert properties(combo)["noneEnabled"] == "bool"
    assert "currentNodeChanged(vtkMRMLNode*)" in signals(combo)
    assert has_method(combo, "addAttribute")
    assert not has_method(combo, "setNoneEnabled"), "a setter that is no slot is not seen by Python"
    assert "valueIsChanging(double)" in signals("ctkSliderWidget")
    assert {"layoutManager", "testingEnabled", "processEvents"} <= names("qSlicerApplication")
    assert {"pip_ensure", "pip_check"} <= set(python_api()["slicer.packaging"])
    assert api()["qMRMLSegmentEditorWidget"].base == "qMRMLWidget"


def test_inherited_names_are_known():
    assert is_known(Use("qMRMLNodeComboBox", "setEnabled", ""))
    assert is_known(Use("QPushButton", "toggled(bool)", ""))
    assert not is_known(Use("QLabel", "toggled(bool)", ""))
