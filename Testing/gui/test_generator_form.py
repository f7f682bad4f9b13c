"""Input and form of the panel of PASTAGen: what is asked for, and what was drawn."""

from __future__ import annotations

import numpy as np
import pytest

from gui.making import PATIENCE_S, choose, drawn, hu, preview

pytestmark = pytest.mark.slicer


def test_it_says_what_is_still_to_be_chosen(host, scene, generator):
    ui = generator.ui
    ui.inputSelector.setCurrentNode(None)
    assert not ui.previewButton.enabled
    assert ui.previewButton.toolTip == "Choose a CT first, or make a sample."


def test_the_form_shows_only_what_makes_sense_for_the_type(generator):
    ui = generator.ui

    def shown(name: str) -> bool:
        return not getattr(ui, name).isHidden()

    choose(ui.typeSelector, "liver_cyst")
    assert not shown("subtypeSelector")
    assert not shown("shapePin")
    assert shown("featuresButton")
    choose(ui.typeSelector, "kidney_stone")
    assert not shown("featuresButton")
    assert not shown("protrudesCheckBox")
    choose(ui.typeSelector, "lung_tumor")
    assert shown("subtypeSelector")
    values = [ui.subtypeSelector.itemData(n) for n in range(ui.subtypeSelector.count)]
    assert values == ["solid", "ground_glass", "part_solid"]


def test_what_the_user_changes_is_pinned_and_the_dice_leave_it(host, ready):
    ui, form = ready.ui, ready.form
    assert form.asked == {"long_axis_mm": 18.0}
    assert ui.sizePin.checked
    choose(ui.surfaceSelector, "Ill-defined margin")
    assert form.asked["surface"] == "Ill-defined margin"
    seed = ui.seedSpinBox.value
    ui.diceButton.click()
    assert ui.seedSpinBox.value != seed
    assert form.asked["long_axis_mm"] == 18.0
    ui.sizePin.click()
    assert "long_axis_mm" not in form.asked
    ui.unpinButton.click()
    assert form.asked == {}


def test_a_preset_fills_the_form_and_own_ones_are_kept(host, ready, tmp_path):
    import qt

    qt.QSettings().setValue("PASTAGen/PresetsFolder", str(tmp_path))
    ui, form = ready.ui, ready.form
    names = [ui.presetSelector.itemText(n) for n in range(ui.presetSelector.count)]
    choose(ui.presetSelector, names.index("Ground-glass nodule, 12 mm") - 1)
    assert form.type == "lung_tumor"
    assert form.asked == {"subtype": "ground_glass", "long_axis_mm": 12.0}
    assert ui.typeSelector.currentText.startswith("Lung")
    ui.sizeSpinBox.value = 9.0
    host.dialogs.answer("Mine")
    ui.savePresetButton.click()
    assert ui.presetSelector.itemText(ui.presetSelector.count - 1) == "Mine"
    choose(ui.typeSelector, "liver_cyst")
    choose(ui.presetSelector, ui.presetSelector.count - 2)
    assert form.type == "lung_tumor"
    assert form.asked == {"subtype": "ground_glass", "long_axis_mm": 9.0}


def test_what_is_not_pinned_shows_what_was_drawn(host, ready):
    ui = ready.ui
    choose(ui.typeSelector, "liver_tumor")
    ui.sizeSpinBox.value = 24.0
    preview(host, ready)
    plan, truth = ready.desk.preview.patch.plan, ready.desk.preview.patch.truth
    for selector, key in ((ui.densitySelector, "density"), (ui.surfaceSelector, "surface")):
        assert selector.itemData(selector.currentIndex) == truth["attributes"][key]
    assert ui.huSpinBox.value == pytest.approx(plan.density.mean_hu, abs=1)
    told = ", ".join(f for f in truth["features"]).capitalize()
    assert set(ui.featuresButton.text.lower().split(", ")) == set(
        (told or "none").lower().split(", ")
    )
    assert ready.form.asked == {"long_axis_mm": 24.0}


def test_the_same_seed_draws_the_same_lesion_again(host, ready):
    ui = ready.ui
    assert not ui.seedSpinBox.readOnly  # its text can be marked, copied and typed over
    preview(host, ready)
    first, seed = hu(ready.desk.nodes.volume), int(ui.seedSpinBox.value)
    ui.diceButton.click()
    drawn(host, ready)
    assert not np.array_equal(hu(ready.desk.nodes.volume), first)
    ui.seedSpinBox.value = seed
    drawn(host, ready)
    assert np.array_equal(hu(ready.desk.nodes.volume), first)


def test_a_part_of_the_organ_is_chosen_as_the_place(host, ready):
    ui = ready.ui
    choose(ui.placeSelector, "upper")
    assert ready.form.asked["location"] == "upper"
    preview(host, ready)
    upper = ready.desk.preview.patch.truth["center"][2]
    choose(ui.placeSelector, "lower")
    drawn(host, ready)
    assert upper > ready.desk.preview.patch.truth["center"][2] + 5


def test_the_sample_button_makes_a_torso_and_chooses_it(host, scene, generator, monkeypatch):
    from PASTAGenLib.ui import input_panel

    monkeypatch.setitem(input_panel.TORSO, "spacing_mm", 6.0)
    generator.ui.sampleButton.click()
    host.process_events(lambda: generator.input.volume is not None, PATIENCE_S)
    assert generator.input.volume.GetName().startswith("SYNTHETIC torso")
    assert generator.input.volume.GetAttribute("PASTA.Synthetic") == "1"
    assert not generator.input.organs.GetDisplayNode().GetVisibility()
    assert generator.ui.previewButton.enabled
