"""The form of a lesion: it shows what fits the type; what is not pinned is drawn by the dice."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import qt

from PASTAGenLib.choices import Choices, choices_of
from PASTAGenLib.mrml.engines import Wish
from PASTAGenLib.presets import Preset, read_presets, save_preset
from PASTALib.catalog import catalog
from PASTALib.errors import PastaError
from PASTALib.signals import Signal

PRESETS_SETTING = "PASTAGen/PresetsFolder"
MOST_SEED = 999_999
COMBOS = {
    "subtype": "subtypes",
    "shape": "shapes",
    "density": "densities",
    "heterogeneity": "heterogeneities",
    "surface": "surfaces",
    "invasion": "invasions",
}
"""Field of `LesionSpec` that is chosen from a list, and the list in `Choices`."""
ROWS = {
    **{field: field for field in COMBOS},
    "long_axis_mm": "size",
    "hu": "hu",
    "features": "features",
    "protrudes": "protrudes",
}
"""Field and how the names of its widgets begin."""


def presets_folder() -> Path:
    """Where presets of the user's own are kept."""
    place = qt.QStandardPaths.writableLocation(qt.QStandardPaths.AppDataLocation)
    return Path(qt.QSettings().value(PRESETS_SETTING, "") or Path(str(place)) / "PASTAGen")


class LesionForm:
    """Binds the fields of the section Lesion. Its state is in the parameter node.

    Args:
        ui: the widgets.
        parameters: the choices, saved with the scene.

    Attributes:
        changed: emitted when the user wants another lesion.
        told: emitted with a sentence for the user.
    """

    def __init__(self, ui: Any, parameters: Any) -> None:
        self.changed, self.told = Signal(), Signal()
        self._ui, self._parameters = ui, parameters
        self._filling = False
        self._presets: list[Preset] = []
        self._actions: dict[str, Any] = {}
        self._menu = qt.QMenu(ui.featuresButton)
        ui.featuresButton.setMenu(self._menu)
        for kind in catalog().lesion_types.values():
            organ = catalog().organs[kind.organ].name
            ui.typeSelector.addItem(f"{organ}: {kind.name.lower()}", kind.key)
        self._connect()
        self.list_presets()
        self.use(parameters)

    def _connect(self) -> None:
        ui = self._ui
        ui.typeSelector.connect("activated(int)", self._type_chosen)
        ui.presetSelector.connect("activated(int)", self._preset_chosen)
        ui.savePresetButton.connect("clicked(bool)", lambda _checked: self.save_preset())
        ui.diceButton.connect("clicked(bool)", lambda _checked: self.dice())
        ui.unpinButton.connect("clicked(bool)", lambda _checked: self._unpin_all())
        ui.seedSpinBox.connect("valueChanged(int)", self._seed_chosen)
        for field in COMBOS:
            selector = self._widget(field)
            selector.connect("activated(int)", lambda _index, f=field: self._edited(f))
        for spin_box, field in ((ui.sizeSpinBox, "long_axis_mm"), (ui.huSpinBox, "hu")):
            spin_box.setKeyboardTracking(False)  # no lesion for each digit
            spin_box.connect("valueChanged(double)", lambda _value, f=field: self._edited(f))
        ui.protrudesCheckBox.connect("clicked(bool)", lambda _on: self._edited("protrudes"))
        for field in ROWS:
            self._pin(field).connect("clicked(bool)", lambda on, f=field: self._pinned(f, on))

    # State ---------------------------------------------------------------------------------------

    @property
    def type(self) -> str:
        """Lesion type of the catalogue."""
        kind = str(self._parameters.lesionType)
        return kind if kind in catalog().lesion_types else next(iter(catalog().lesion_types))

    @property
    def asked(self) -> dict[str, Any]:
        """The pinned fields."""
        asked: dict[str, Any] = json.loads(self._parameters.asked or "{}")
        return asked

    def wish(self) -> Wish:
        """The lesion that is asked for."""
        return Wish(self.type, self.asked, int(self._parameters.seed))

    def use(self, parameters: Any) -> None:
        """Take the choices of another scene."""
        self._parameters = parameters
        self._show()

    def take(self, wish: Wish) -> None:
        """Fill the form with what was asked of a lesion."""
        self._parameters.lesionType = wish.type
        self._parameters.seed = wish.seed
        self._put(dict(wish.asked))
        self._show()

    def ask(self, field: str, value: Any) -> None:
        """Pin a field to a value; None leaves it to chance."""
        asked = self.asked
        asked.pop(field, None)
        if value is not None:
            asked[field] = value
        self._put(asked)
        self._show()

    def show_drawn(self, values: Mapping[str, Any]) -> None:
        """Show in the fields that are not pinned what the lesion on the screen has."""
        asked = self.asked
        self._filling = True
        try:
            for field in ROWS:
                if field not in asked and values.get(field) is not None:
                    self._set(field, values[field])
        finally:
            self._filling = False

    def _put(self, asked: Mapping[str, Any]) -> None:
        self._parameters.asked = json.dumps(asked)

    # Widgets -------------------------------------------------------------------------------------

    def _widget(self, field: str) -> Any:
        name = ROWS[field]
        kind = {"long_axis_mm": "SpinBox", "hu": "SpinBox", "features": "Button"}
        kind["protrudes"] = "CheckBox"
        return getattr(self._ui, name + kind.get(field, "Selector"))

    def _pin(self, field: str) -> Any:
        return getattr(self._ui, f"{ROWS[field]}Pin")

    def _show(self) -> None:
        """Bring all fields up to date; those that make no sense for the type are not there."""
        ui, choices, asked = self._ui, choices_of(self.type), self.asked
        self._filling = True
        try:
            ui.typeSelector.setCurrentIndex(ui.typeSelector.findData(self.type))
            ui.seedSpinBox.value = int(self._parameters.seed)
            self._fill(choices)
            for field, name in ROWS.items():
                there = self._there(field, choices)
                for widget in (getattr(ui, f"{name}Label"), self._widget(field)):
                    widget.visible = there
                self._pin(field).visible = there
                self._pin(field).checked = field in asked
                if field in asked:
                    self._set(field, asked[field])
        finally:
            self._filling = False

    def _there(self, field: str, choices: Choices) -> bool:
        if field in COMBOS:
            return bool(getattr(choices, COMBOS[field]))
        if field == "features":
            return bool(choices.features)
        return choices.protrudes if field == "protrudes" else True

    def _fill(self, choices: Choices) -> None:
        for field, name in COMBOS.items():
            selector = self._widget(field)
            selector.clear()
            for value in getattr(choices, name):
                selector.addItem(value.replace("_", " ").capitalize(), value)
        least, median, most = choices.size_mm
        self._ui.sizeSpinBox.setRange(max(1.0, least / 2), 2 * most)
        self._ui.sizeSpinBox.value = median
        self._menu.clear()
        self._actions = {}
        for feature in choices.features:
            action = self._menu.addAction(feature.capitalize())
            action.checkable = True
            action.connect("triggered(bool)", lambda _on: self._edited("features"))
            self._actions[feature] = action

    def _set(self, field: str, value: Any) -> None:
        widget = self._widget(field)
        if field in COMBOS:
            widget.setCurrentIndex(widget.findData(value))
        elif field == "features":
            for feature, action in self._actions.items():
                action.checked = feature in value
            self._name_features()
        elif field == "protrudes":
            widget.checked = bool(value)
        else:
            widget.value = float(value)

    def _get(self, field: str) -> Any:
        widget = self._widget(field)
        if field in COMBOS:
            return widget.itemData(widget.currentIndex)
        if field == "features":
            return [feature for feature, action in self._actions.items() if action.checked]
        return bool(widget.checked) if field == "protrudes" else float(widget.value)

    def _name_features(self) -> None:
        chosen = self._get("features")
        self._ui.featuresButton.text = ", ".join(chosen).capitalize() or "None"

    # What the user does --------------------------------------------------------------------------

    def dice(self) -> None:
        """Another lesion with the pinned properties."""
        self._parameters.seed = random.SystemRandom().randint(1, MOST_SEED)
        self._show_seed()
        self.changed.emit()

    def _show_seed(self) -> None:
        self._filling = True
        try:
            self._ui.seedSpinBox.value = int(self._parameters.seed)
        finally:
            self._filling = False

    def _seed_chosen(self, value: int) -> None:
        if not self._filling:
            self._parameters.seed = value
            self.changed.emit()

    def _type_chosen(self, index: int) -> None:
        self._parameters.lesionType = self._ui.typeSelector.itemData(index)
        self._put({})
        self._show()
        self.changed.emit()

    def _edited(self, field: str) -> None:
        """The user gave a field a value, which pins it."""
        if self._filling:
            return
        if field == "features":
            self._name_features()
        asked = self.asked
        asked[field] = self._get(field)
        # The mean goes before the density: whichever was asked for last is the one that is meant.
        for one, other in (("hu", "density"), ("density", "hu")):
            if field == one and asked.pop(other, None) is not None:
                self._pin(other).checked = False
        self._put(asked)
        self._pin(field).checked = True
        self.changed.emit()

    def _pinned(self, field: str, on: bool) -> None:
        if on:
            self._edited(field)
            return
        self.ask(field, None)
        self.changed.emit()

    def _unpin_all(self) -> None:
        self._put({key: value for key, value in self.asked.items() if key not in ROWS})
        self._show()
        self.changed.emit()

    # Presets -------------------------------------------------------------------------------------

    def list_presets(self) -> None:
        """Read the presets again."""
        self._presets, problems = read_presets(presets_folder())
        selector = self._ui.presetSelector
        selector.clear()
        selector.addItem("Choose a preset", -1)
        for number, preset in enumerate(self._presets):
            selector.addItem(preset.name, number)
        for problem in problems:
            self.told.emit(problem)

    def _preset_chosen(self, index: int) -> None:
        number = self._ui.presetSelector.itemData(index)
        if number >= 0:
            preset = self._presets[number]
            self.take(Wish(preset.type, preset.asked, int(self._parameters.seed)))
            self.changed.emit()

    def save_preset(self) -> None:
        """Keep the type and what is pinned, but for the place, under a name."""
        name = qt.QInputDialog.getText(None, "PASTAGen", "Name of the preset:")
        if not name:
            return
        asked = {key: value for key, value in self.asked.items() if key in ROWS}
        try:
            path = save_preset(Preset(str(name), self.type, asked), presets_folder())
        except PastaError as error:
            self.told.emit(str(error))
            return
        self.list_presets()
        self.told.emit(f"Saved {path}.")
