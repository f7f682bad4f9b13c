"""The test host is as strict as PythonQt: what fails in Slicer fails here."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest

pytestmark = pytest.mark.slicer


@pytest.fixture
def qt(host):
    """Slicer's ``qt``."""
    import qt

    return qt


@pytest.fixture
def button(qt):
    """A push button."""
    return qt.QPushButton("Run")


def test_a_property_is_an_attribute_and_not_a_method(button):
    button.text = "Stop"
    button.setToolTip("Stops")
    assert (button.text, button.toolTip) == ("Stop", "Stops")
    assert button.isEnabled()
    with pytest.raises(TypeError, match="not callable"):
        button.text()


def test_an_unknown_name_is_refused(button):
    with pytest.raises(AttributeError, match="caption"):
        _ = button.caption
    with pytest.raises(AttributeError, match="creating new attributes"):
        button.caption = "Run"


@pytest.mark.parametrize(("name", "value"), [("text", 5), ("enabled", "yes"), ("iconSize", 16)])
def test_a_value_of_the_wrong_type_is_refused(button, name, value):
    with pytest.raises(AttributeError, match="does not accept"):
        setattr(button, name, value)


def test_a_property_without_a_setter_is_not_written(qt):
    with pytest.raises(AttributeError, match="not writable"):
        qt.QComboBox().count = 3


def test_a_name_that_only_newer_versions_of_qt_have_is_refused(qt):
    from host.api import properties, signals

    assert "checkStateChanged(Qt::CheckState)" not in signals("QCheckBox")
    assert "placeholderText" in properties("QComboBox")
    with pytest.raises(AttributeError):
        _ = qt.QCheckBox().checkStateChanged


def test_a_class_that_python_in_slicer_does_not_have_is_refused(qt):
    with pytest.raises(AttributeError, match="QRegExp"):
        _ = qt.QRegExp


def test_slots_take_no_keyword_arguments(button, qt):
    with pytest.raises(TypeError, match="keyword"):
        button.setText(text="Stop")
    with pytest.raises(TypeError, match="keyword"):
        qt.QPushButton(text="Stop")


def test_arguments_that_do_not_fit_are_a_value_error(button):
    with pytest.raises(ValueError, match="setChecked"):
        button.setChecked("yes", "no")


def test_a_deleted_object_raises_and_is_false(button):
    assert button
    button.delete()
    assert not button
    with pytest.raises(ValueError, match="deleted"):
        _ = button.text
    with pytest.raises(ValueError, match="deleted"):
        button.click()


def test_delete_later_deletes_when_events_are_handled(host, button):
    button.deleteLater()
    assert button
    host.process_events()
    assert not button


def test_a_signature_connects_and_a_wrong_one_is_a_fault(host, button):
    seen = []
    assert button.connect("clicked(bool)", seen.append) is True
    button.checkable = True
    button.click()
    assert seen == [True]
    with pytest.warns(UserWarning, match="no signal clicked"):
        assert button.connect("clicked(int)", seen.append) is False
    assert host.take_faults() == ["QPushButton has no signal clicked(int)"]


def test_a_slot_gets_only_as_many_arguments_as_it_takes(button):
    seen = []
    button.connect("clicked(bool)", lambda: seen.append("none"))
    button.connect("clicked()", lambda *values: seen.append(values))
    button.clicked.connect(seen.append)
    button.clicked()
    assert seen == ["none", (), False]


def test_a_slot_that_is_disconnected_is_not_called(button):
    seen = []
    button.connect("clicked(bool)", seen.append)
    assert button.disconnect("clicked(bool)", seen.append) is True
    assert button.disconnect("clicked(bool)", seen.append) is False
    button.click()
    assert seen == []


def test_an_exception_in_a_slot_is_a_fault_and_not_raised(host, button):
    button.connect("clicked()", lambda: 1 / 0)
    button.click()
    (fault,) = host.take_faults()
    assert "ZeroDivisionError" in fault


def test_enum_values_are_integers_that_qt_takes_back(qt):
    flags = qt.Qt.AlignRight | qt.Qt.AlignVCenter
    assert isinstance(flags, int)
    label = qt.QLabel("x")
    label.setAlignment(flags)
    assert label.alignment == flags
    item = qt.QTableWidgetItem("cell")
    item.setFlags(item.flags() & ~qt.Qt.ItemIsEditable)
    assert not item.flags() & qt.Qt.ItemIsEditable


def test_lists_come_back_as_tuples_and_children_by_name(qt):
    parent = qt.QWidget()
    child = qt.QLabel("x", parent)
    child.name = "hint"
    assert child.objectName == "hint"
    assert parent.children() == (child,)
    assert parent.hint is child
    assert parent.findChild(qt.QLabel, "hint") is child


def test_a_dynamic_property_is_an_attribute_once_it_is_there(button):
    button.setProperty("SlicerParameterName", "threshold")
    assert button.SlicerParameterName == "threshold"
    button.SlicerParameterName = "other"
    assert button.property("SlicerParameterName") == "other"


def test_a_class_derived_in_python_overrides_and_calls_its_base(host, qt):
    class Ask(qt.QDialog):
        def __init__(self, parent=None):
            super().__init__(parent)
            self.log = []

        def accept(self):
            self.log.append("accept")
            super().accept()

        def eventFilter(self, watched, event):
            if event.type() == qt.QEvent.Show:
                self.log.append("show")
            return False

    dialog = Ask()
    label = qt.QLabel("x")
    label.installEventFilter(dialog)
    label.show()
    buttons = qt.QDialogButtonBox(qt.QDialogButtonBox.Ok, dialog)
    buttons.connect("accepted()", dialog.accept)
    buttons.button(qt.QDialogButtonBox.Ok).click()
    assert dialog.log == ["show", "accept"]
    assert dialog.result() == qt.QDialog.Accepted


def test_a_derived_class_that_does_not_call_its_base_cannot_be_used(qt):
    class Forgetful(qt.QWidget):
        def __init__(self):
            self.log = []

    with pytest.raises(ValueError, match="base was not called"):
        Forgetful().show()


def test_a_timer_that_nobody_keeps_does_not_fire(host, qt):
    seen = []

    def forget():
        timer = qt.QTimer()
        timer.setInterval(1)
        timer.connect("timeout()", lambda: seen.append("forgotten"))
        timer.start()

    forget()
    kept = qt.QTimer()
    kept.connect("timeout()", lambda: seen.append("kept"))
    kept.start(5)
    host.process_events(until=lambda: "kept" in seen)
    assert "forgotten" not in seen


def test_a_process_runs_and_tells_of_its_output_and_its_end(host, qt):
    process, seen = qt.QProcess(), SimpleNamespace(text="", end=None)

    def read():
        seen.text += process.readAllStandardOutput().data().decode()

    def finished(code, status):
        seen.end = (code, status)

    process.connect("readyReadStandardOutput()", read)
    process.connect("finished(int,QProcess::ExitStatus)", finished)
    process.start(sys.executable, ["-c", "print('hello'); raise SystemExit(3)"])
    host.process_events(until=lambda: seen.end is not None, timeout=30)
    assert seen.text.strip() == "hello"
    assert seen.end == (3, qt.QProcess.NormalExit)
    assert process.state() == qt.QProcess.NotRunning


def test_a_process_can_be_killed(host, qt):
    process = qt.QProcess()
    process.start(sys.executable, ["-c", "import time; time.sleep(60)"])
    host.process_events(until=lambda: process.state() == qt.QProcess.Running, timeout=30)
    process.kill()
    host.process_events(until=lambda: process.state() == qt.QProcess.NotRunning, timeout=30)
    assert process.exitStatus() == qt.QProcess.CrashExit


def test_settings_give_booleans_back_as_text_and_stay_in_a_temporary_folder(host, qt, tmp_path):
    import slicer

    qt.QSettings().setValue("PASTA/Fast", True)
    qt.QSettings().sync()
    stored = qt.QSettings(qt.QSettings().fileName(), qt.QSettings.IniFormat).value("PASTA/Fast")
    assert stored in ("true", True)
    assert slicer.util.settingsValue("PASTA/Fast", False, converter=slicer.util.toBool) is True
    qt.QSettings().remove("PASTA/Fast")
    assert slicer.util.settingsValue("PASTA/Fast", False, converter=slicer.util.toBool) is False
    assert "pasta-host-settings" in qt.QSettings().fileName()


def test_an_event_that_never_comes_is_a_timeout(host):
    with pytest.raises(TimeoutError):
        host.process_events(until=lambda: False, timeout=0.05)
