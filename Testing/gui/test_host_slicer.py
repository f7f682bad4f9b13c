"""The parts of Slicer that the test host supplies behave as in Slicer."""

import enum
import typing
from pathlib import Path

import pytest

pytestmark = pytest.mark.slicer

UI = """<ui version="4.0"><class>Form</class>
<widget class="qMRMLWidget" name="Form"><layout class="QVBoxLayout" name="rows">
<item><widget class="ctkCollapsibleButton" name="section">
 <property name="text"><string>Section</string></property>
 <layout class="QVBoxLayout" name="inner"><item>
  <widget class="qMRMLNodeComboBox" name="selector">
   <property name="nodeTypes"><stringlist><string>vtkMRMLScalarVolumeNode</string></stringlist></property>
   <property name="SlicerParameterName" stdset="0"><string>volume</string></property>
  </widget></item><item>
  <widget class="ctkSliderWidget" name="slider">
   <property name="decimals"><number>3</number></property>
   <property name="pageStep"><double>0.25</double></property>
   <property name="SlicerParameterName" stdset="0"><string>threshold</string></property>
  </widget></item><item>
  <widget class="QCheckBox" name="fast">
   <property name="SlicerParameterName" stdset="0"><string>fast</string></property>
  </widget></item></layout></widget></item></layout></widget>
<customwidgets>
 <customwidget><class>qMRMLWidget</class><extends>QWidget</extends><container>1</container></customwidget>
 <customwidget><class>ctkCollapsibleButton</class><extends>QWidget</extends><container>1</container></customwidget>
 <customwidget><class>qMRMLNodeComboBox</class><extends>QWidget</extends></customwidget>
 <customwidget><class>ctkSliderWidget</class><extends>QWidget</extends></customwidget>
</customwidgets>
<connections><connection><sender>Form</sender><signal>mrmlSceneChanged(vtkMRMLScene*)</signal>
<receiver>selector</receiver><slot>setMRMLScene(vtkMRMLScene*)</slot></connection></connections></ui>
"""  # noqa: E501


class Device(enum.Enum):
    AUTO = "auto"
    CPU = "cpu"


@pytest.fixture
def form(host, tmp_path):
    """The widget of `UI`."""
    return load(tmp_path, UI)


def load(folder: Path, text: str):
    import slicer

    path = folder / "Form.ui"
    path.write_text(text, encoding="utf-8")
    return slicer.util.loadUI(str(path))


@pytest.fixture
def choices(host):
    """A class of choices that a node keeps, and a new such node."""
    import slicer
    from slicer.parameterNodeWrapper import WithinRange, parameterNodeWrapper

    class Choices:
        volume: slicer.vtkMRMLScalarVolumeNode
        threshold: typing.Annotated[float, WithinRange(0, 1)] = 0.5
        fast: bool = True
        device: Device = Device.CPU
        names: list[str]

    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScriptedModuleNode")
    return parameterNodeWrapper(Choices), node


def test_a_ui_file_is_loaded_for_real(host, form, sample_volume):
    import slicer

    ui = slicer.util.childWidgetVariables(form)
    assert form.className() == "qMRMLWidget"
    assert ui.section.text == "Section"
    assert (ui.slider.decimals, ui.slider.pageStep) == (3, 0.25)
    assert ui.selector.currentNode() is None
    form.setMRMLScene(host.scene)
    assert ui.selector.currentNode() is sample_volume


@pytest.mark.parametrize(
    ("before", "after", "fault"),
    [
        ('name="text"', 'name="caption"', "has no property caption"),
        ("mrmlSceneChanged(vtkMRMLScene*)", "sceneChanged()", "has no signal sceneChanged()"),
        ("setMRMLScene(vtkMRMLScene*)", "setScene()", "has no slot setScene()"),
        ("<receiver>selector<", "<receiver>chooser<", "chooser, which is not there"),
        ('class="QCheckBox"', 'class="QCheckBoxX"', "QCheckBoxX, which is not in"),
    ],
)
def test_what_is_wrong_in_a_ui_file_is_a_fault(host, tmp_path, before, after, fault):
    load(tmp_path, UI.replace(before, after))
    assert any(fault in text for text in host.take_faults())


def test_a_collapsed_section_hides_what_is_in_it(host, form):
    import slicer

    ui = slicer.util.childWidgetVariables(form)
    form.show()
    assert ui.selector.visible
    ui.section.collapsed = True
    assert not ui.selector.visible
    ui.section.collapsed = False
    assert ui.selector.visible


def test_a_node_selector_takes_a_node_only_if_none_is_not_a_choice(host, scene):
    import slicer

    must, may = slicer.qMRMLNodeComboBox(), slicer.qMRMLNodeComboBox()
    may.noneEnabled = True
    for selector in (must, may):
        selector.nodeTypes = ["vtkMRMLScalarVolumeNode"]
        selector.setMRMLScene(scene)
    told = []
    must.connect("currentNodeChanged(vtkMRMLNode*)", told.append)
    first = scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "First")
    second = scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "Second")
    assert (must.currentNode(), may.currentNode()) == (first, None)
    scene.RemoveNode(first)
    assert must.currentNode() is second
    scene.RemoveNode(second)
    assert must.currentNode() is None
    assert told == [first, second, None]


def test_hidden_nodes_are_not_offered(host, scene):
    import slicer

    node = slicer.vtkMRMLScalarVolumeNode()
    node.SetHideFromEditors(True)
    scene.AddNode(node)
    selector = slicer.qMRMLNodeComboBox()
    selector.nodeTypes = ["vtkMRMLScalarVolumeNode"]
    selector.setMRMLScene(scene)
    assert selector.nodeCount() == 0


def test_choices_are_kept_in_the_node(choices, sample_volume):
    kind, node = choices
    first = kind(node)
    assert (first.threshold, first.fast, first.device, first.names) == (0.5, True, Device.CPU, [])
    first.volume, first.threshold, first.fast = sample_volume, 0.25, False
    first.device, first.names = Device.AUTO, ["liver", "spleen"]
    again = kind(node)
    assert again.volume is sample_volume
    assert (again.threshold, again.fast, again.device) == (0.25, False, Device.AUTO)
    assert again.names == ["liver", "spleen"]
    assert node.GetParameter("device") == "AUTO"


def test_choices_have_the_traps_of_slicer(choices):
    kind, node = choices
    made = kind(node)
    with pytest.raises(ValueError, match=r"\[0, 1\]"):
        made.threshold = 2.0
    with pytest.raises(TypeError):
        made.threshold = "high"
    made.treshold = 0.7  # accepted silently
    assert made.threshold == 0.5


def test_widgets_and_choices_stay_equal(host, form, choices, sample_volume):
    import slicer

    kind, node = choices
    made, ui = kind(node), slicer.util.childWidgetVariables(form)
    form.setMRMLScene(host.scene)
    tag = made.connectGui(ui)
    assert ui.slider.maximum == 1.0
    assert ui.fast.checked
    ui.slider.value = 0.75
    ui.fast.checked = False
    ui.selector.setCurrentNode(sample_volume)
    assert (made.threshold, made.fast, made.volume) == (0.75, False, sample_volume)
    made.threshold = 0.5
    assert ui.slider.value == 0.5
    made.disconnectGui(tag)
    ui.slider.value = 0.25
    assert made.threshold == 0.5


def test_dialogs_are_noted_and_answered(host):
    import qt
    import slicer

    host.dialogs.answer(False, qt.QMessageBox.Yes, lambda dialog: dialog.accept(), "/tmp/a.json")
    assert slicer.util.confirmOkCancelDisplay("Go on?") is False
    assert qt.QMessageBox.question(None, "Title", "Sure?") == qt.QMessageBox.Yes
    assert qt.QDialog().exec_() == qt.QDialog.Accepted
    assert qt.QFileDialog.getSaveFileName(None, "Save", "", "*.json") == "/tmp/a.json"
    slicer.util.errorDisplay("It failed", windowTitle="PASTA")
    assert host.dialogs.texts() == ["Go on?", "Sure?", "", "", "It failed"]


def test_a_dialog_that_nobody_answers_is_a_fault(host):
    import qt

    box = qt.QMessageBox()
    box.text = "Well?"
    assert box.exec_() == qt.QMessageBox.Cancel
    assert ["Well?" in text for text in host.take_faults()] == [True]


def test_installations_are_noted_and_can_be_declined(host):
    import slicer

    missing = ["no-such-package>=1.0", "numpy"]
    slicer.packaging.pip_ensure(missing)  # under testing nothing is installed
    assert host.installations.installed == []
    slicer.packaging.pip_ensure(missing, skip_packages=["numpy"], skip_in_testing=False)
    assert host.installations.installed == ["no-such-package>=1.0"]
    assert host.installations.options[0]["skip_packages"] == ["numpy"]
    host.installations.accept = False
    with pytest.raises(RuntimeError, match="declined"):
        slicer.packaging.pip_ensure(missing, skip_in_testing=False)


def test_the_segment_editor_edits_what_its_node_says(host, scene, sample_volume, sample_organs):
    import slicer

    editor, node = slicer.qMRMLSegmentEditorWidget(), slicer.vtkMRMLSegmentEditorNode()
    scene.AddNode(node)
    editor.setMRMLScene(scene)
    editor.setSegmentationNode(sample_organs)  # without a node nothing happens
    assert editor.segmentationNode() is None
    editor.setMRMLSegmentEditorNode(node)
    editor.setSegmentationNode(sample_organs)
    editor.setSourceVolumeNode(sample_volume)
    assert node.GetSegmentationNode() is sample_organs
    assert editor.currentSegmentID() == "liver"
    editor.setActiveEffectByName("Paint")
    assert editor.activeEffect().name == "Paint"
    editor.setActiveEffect(None)
    assert editor.activeEffect() is None


def test_the_segment_editor_undoes_one_step(host, scene, sample_volume, sample_organs):
    import slicer

    editor, node = slicer.qMRMLSegmentEditorWidget(), slicer.vtkMRMLSegmentEditorNode()
    scene.AddNode(node)
    editor.setMRMLScene(scene)
    editor.setMRMLSegmentEditorNode(node)
    editor.setSegmentationNode(sample_organs)
    before = slicer.util.arrayFromSegmentBinaryLabelmap(sample_organs, "liver", sample_volume)
    editor.saveStateForUndo()
    slicer.util.updateSegmentBinaryLabelmapFromArray(
        before * 0, sample_organs, "liver", sample_volume
    )
    assert not slicer.util.arrayFromSegmentBinaryLabelmap(
        sample_organs, "liver", sample_volume
    ).any()
    editor.undo()
    after = slicer.util.arrayFromSegmentBinaryLabelmap(sample_organs, "liver", sample_volume)
    assert (after == before).all()


def test_no_surface_is_made_before_the_button_is_pressed(host, sample_organs):
    import slicer

    button = slicer.qMRMLSegmentationShow3DButton()
    button.setSegmentationNode(sample_organs)
    segmentation = sample_organs.GetSegmentation()
    assert not segmentation.ContainsRepresentation("Closed surface")
    button.click()
    assert segmentation.ContainsRepresentation("Closed surface")


def test_files_are_loaded_and_saved_through_slicer_util(host, scene, sample_volume, tmp_path):
    import slicer

    path = tmp_path / "Röntgen.nrrd"
    assert slicer.util.saveNode(sample_volume, str(path))
    loaded = slicer.util.loadVolume(str(path))
    assert loaded.GetName() == "Röntgen"
    assert slicer.util.saveScene(str(tmp_path / "all.mrb"))
    scene.Clear(0)
    slicer.util.loadScene(str(tmp_path / "all.mrb"))
    assert scene.GetFirstNodeByName("Röntgen") is not None


def test_a_module_is_entered_left_reloaded_and_cleaned_up(host, tmp_path):
    import slicer

    folder = tmp_path / "Probe"
    folder.mkdir()
    (folder / "Probe.py").write_text(
        "from slicer.ScriptedLoadableModule import *\n"
        "class Probe(ScriptedLoadableModule):\n    pass\n"
        "class ProbeWidget(ScriptedLoadableModuleWidget):\n"
        "    calls = []\n"
        "    def enter(self): self.calls.append('enter')\n"
        "    def exit(self): self.calls.append('exit')\n"
        "    def cleanup(self): self.calls.append('cleanup')\n"
        "class ProbeLogic(ScriptedLoadableModuleLogic):\n    pass\n",
        encoding="utf-8",
    )
    widget = host.load_module("Probe", folder)
    assert slicer.util.selectedModule() == "Probe"
    slicer.util.reloadScriptedModule("Probe")
    assert slicer.util.getModuleWidget("Probe") is not widget
    host.window.select_module("")
    assert widget.calls[:2] == ["enter", "cleanup"]
    with pytest.raises(RuntimeError):
        slicer.util.getModuleLogic("Probe")  # Slicer takes the logic from the widget
