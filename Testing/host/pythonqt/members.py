"""Properties, methods and signals of the classes, as PythonQt lets them be used."""

from __future__ import annotations

import inspect
from functools import partial
from typing import Any

import shiboken6
from PySide6.QtCore import Property as QtProperty
from PySide6.QtWidgets import QDialog

from host.dialog_windows import STATIC_DIALOGS, run_dialog
from host.pythonqt import slots
from host.pythonqt.conversion import EnumValue, to_native, to_python

_ACCEPTED: dict[str, tuple[type, ...]] = {
    "bool": (bool,),
    "int": (int,),
    "uint": (int,),
    "double": (int, float),
    "float": (int, float),
    "QString": (str,),
    "QStringList": (list, tuple),
}


def live(wrapper: Any) -> Any:
    """The PySide6 object behind a wrapper.

    Raises:
        ValueError: it was deleted, or never made.
    """
    native = wrapper.__dict__.get("_native")
    if native is None:
        raise ValueError(f"{type(wrapper).__name__}.__init__ of the base was not called")
    if not shiboken6.isValid(native):
        raise ValueError(f"Trying to use a {type(wrapper).__name__} that was deleted")
    return native


class Property:
    """A property: an attribute to read and, where Qt lets it, to write."""

    def __init__(self, name: str, kind: str) -> None:
        self.name, self.kind = name, kind

    def __get__(self, wrapper: Any, owner: type) -> Any:
        if wrapper is None:  # on the class, the method: QTimer.singleShot is both
            return Method(self.name).__get__(None, owner)
        native = live(wrapper)
        if native.metaObject().indexOfProperty(self.name) < 0:
            raise NotImplementedError(f"the test host's {wrapper.className()} has no {self.name}")
        if self._is_of_stand_in(native):
            return to_python(getattr(native, self.name))
        return to_python(native.property(self.name))

    def __set__(self, wrapper: Any, value: Any) -> None:
        native = live(wrapper)
        meta = native.metaObject()
        index = meta.indexOfProperty(self.name)
        if index < 0:
            raise NotImplementedError(f"the test host's {wrapper.className()} has no {self.name}")
        if not meta.property(index).isWritable():
            raise AttributeError(f"Property '{self.name}' of {wrapper.className()} is not writable")
        if not self._accepts(value) or not self._write(native, to_native(value)):
            raise AttributeError(
                f"Property '{self.name}' of type '{self.kind}' does not accept an object of type "
                f"{type(value).__name__} ({value!r})"
            )

    def _write(self, native: Any, value: Any) -> bool:
        if self._is_of_stand_in(native):
            setattr(native, self.name, value)
            return True
        return bool(native.setProperty(self.name, value))

    def _is_of_stand_in(self, native: Any) -> bool:
        """Whether the property is written in Python, so that no detour over C++ is needed."""
        return isinstance(inspect.getattr_static(type(native), self.name, None), QtProperty)

    def _accepts(self, value: Any) -> bool:
        kinds = _ACCEPTED.get(self.kind)
        if kinds is None:
            return True
        if isinstance(value, bool):
            return bool in kinds
        return isinstance(value, kinds) and not (
            self.kind == "bool" and isinstance(value, EnumValue)
        )


class Method:
    """A method or slot: positional arguments only, and ValueError where they do not fit."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __get__(self, wrapper: Any, owner: Any) -> Any:
        found = inspect.getattr_static(owner.native_class, self.name, None)
        if found is None:
            ours = str(owner.native_class.__module__).startswith("host.")
            where = "the test host's stand-in" if ours else "Qt 6"
            raise NotImplementedError(f"{owner.__name__}.{self.name} is not in {where}")
        if wrapper is None and isinstance(found, staticmethod):
            native = next(
                (c for c in owner.native_class.__mro__ if (c, self.name) in STATIC_DIALOGS), None
            )
            function = STATIC_DIALOGS.get((native, self.name))
            return partial(checked, self.name, function or getattr(owner.native_class, self.name))
        return partial(self._call, wrapper) if wrapper is not None else self._call

    def _call(self, wrapper: Any, *values: Any, **named: Any) -> Any:
        native = live(wrapper)
        # A class derived in Python calls its base this way: not again what it overrides itself.
        shell = type(native).__module__ == "host.shell"
        function = getattr(super(type(native), native) if shell else native, self.name)
        if self.name == "exec" and isinstance(native, QDialog):
            function = partial(run_dialog, native)
        return checked(self.name, function, *values, **named)


def checked(name: str, function: Any, *values: Any, **named: Any) -> Any:
    """Call a function of PySide6 or of a stand-in; it fails as PythonQt's slots do."""
    if named:
        raise TypeError(f"{name}() takes no keyword arguments")
    natives = [slots.guarded(v) if is_function(v) else to_native(v) for v in values]
    try:
        return to_python(function(*natives))
    except TypeError as error:
        raise ValueError(f"Called {name}{values} with wrong arguments: {error}") from error


def is_function(value: Any) -> bool:
    """Whether a value is a function that Qt is to call later."""
    return inspect.isroutine(value) or isinstance(value, partial)


class SignalMember:
    """A signal: to connect to, and to emit by calling it."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __get__(self, wrapper: Any, owner: type) -> Any:
        return self if wrapper is None else BoundSignal(wrapper, self.name)


class BoundSignal:
    """A signal of one object."""

    def __init__(self, wrapper: Any, name: str) -> None:
        self._wrapper, self._name = wrapper, name

    def _signature(self) -> str:
        """The first of the signals of that name, as PythonQt takes it."""
        every = slots.signals(self._wrapper.className())
        return next(s for s in every if s.split("(")[0] == self._name)

    def connect(self, slot: Any) -> bool:
        return self._wrapper.connect(self._signature(), slot)

    def disconnect(self, slot: Any = None) -> bool:
        return self._wrapper.disconnect(self._signature(), slot)

    def __call__(self, *values: Any) -> None:
        slots.emit(live(self._wrapper), self._name, values)

    emit = __call__
