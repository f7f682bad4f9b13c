"""The classes of ``qt``, ``ctk`` and Slicer's widgets, built from the table of names."""

from __future__ import annotations

import inspect
import weakref
from functools import cache
from typing import Any

import shiboken6
from PySide6 import QtCore, QtGui, QtWidgets

from host.api import PYTHONQT_METHODS, ClassApi, api
from host.faults import exception_fault
from host.pythonqt import conversion, slots
from host.pythonqt.conversion import enum_value, to_native, to_python
from host.pythonqt.members import Method, Property, SignalMember, live

_MODULES = (QtCore, QtGui, QtWidgets)
_stand_ins: dict[str, type] = {}
_wrappers: weakref.WeakValueDictionary[int, Wrapped] = weakref.WeakValueDictionary()
_kept: dict[int, Wrapped] = {}
"""Wrappers with Python state of their own live as long as the C++ object."""


def register_stand_in(native: type) -> type:
    """Class decorator: the PySide6 class behind the class of the same name."""
    _stand_ins[native.__name__] = native
    return native


def stand_ins() -> dict[str, type]:
    """The stand-ins, by name."""
    return _stand_ins


class Wrapped:
    """An object as PythonQt shows it."""

    native_class: type | None
    api: ClassApi

    def __init__(self, *arguments: Any, **named: Any) -> None:
        if named:
            raise TypeError(f"{type(self).__name__}() takes no keyword arguments")
        if self.native_class is None:
            raise NotImplementedError(f"the test host has no {self.className()}; see host/standins")
        kind = _shell(type(self)) if is_subclass_in_python(type(self)) else self.native_class
        try:
            native = kind(*map(to_native, arguments))
        except TypeError as error:
            raise ValueError(f"Could not construct {type(self).__name__}: {error}") from error
        _bind(self, native)

    def native_of_wrapper(self) -> Any:
        return live(self)

    def __bool__(self) -> bool:
        return _alive(self.__dict__.get("_native"))

    def __eq__(self, other: Any) -> bool:
        if not isinstance(other, Wrapped):
            return False
        one, two = self.__dict__["_native"], other.__dict__["_native"]
        return one is two or (not isinstance(one, QtCore.QObject) and bool(one == two))

    def __hash__(self) -> int:
        return id(self.__dict__["_native"])

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or "_native" not in self.__dict__:
            raise AttributeError(name)
        native = live(self)
        if isinstance(native, QtCore.QObject):
            if name.encode() in [bytes(n.data()) for n in native.dynamicPropertyNames()]:
                return to_python(native.property(name))
            child = native.findChild(QtCore.QObject, name, QtCore.Qt.FindDirectChildrenOnly)
            if child is not None:
                return to_python(child)
        raise AttributeError(f"{self.className()} has no attribute named {name!r}")

    def __setattr__(self, name: str, value: Any) -> None:
        member = inspect.getattr_static(type(self), name, None)
        if isinstance(member, Property):
            member.__set__(self, value)
        elif is_subclass_in_python(type(self)):
            object.__setattr__(self, name, value)
        elif _has_dynamic_property(live(self), name):
            live(self).setProperty(name, to_native(value))
        else:
            raise AttributeError(
                f"{self.className()} has no attribute named {name!r}, and creating new attributes "
                "on C++ objects is not allowed"
            )

    def __repr__(self) -> str:
        return f"{self.className()} (of the test host) at {id(self):#x}"

    def className(self) -> str:
        return type(self).api.name if "api" in vars(type(self)) else generated(type(self)).api.name

    def inherits(self, name: str) -> bool:
        return any(
            c.__dict__["api"].name == name for c in type(self).__mro__ if "api" in c.__dict__
        )

    def delete(self) -> None:
        """Delete the C++ object at once."""
        shiboken6.delete(live(self))

    def connect(self, signature: str, *target: Any) -> bool:
        if len(target) == 2:
            return slots.connect_to_method(live(self), self.className(), signature, *target)
        return slots.connect(live(self), self.className(), signature, *target)

    def disconnect(self, signature: str, slot: Any = None) -> bool:
        return slots.disconnect(live(self), signature, slot)

    def help(self) -> None:
        print(*sorted(dir(self)), sep="\n")


def _alive(native: Any) -> bool:
    return native is not None and shiboken6.isValid(native)


def _has_dynamic_property(native: Any, name: str) -> bool:
    return isinstance(native, QtCore.QObject) and name.encode() in [
        bytes(n.data()) for n in native.dynamicPropertyNames()
    ]


def is_subclass_in_python(kind: type) -> bool:
    """Whether a class was derived by a module, rather than built here."""
    return "api" not in vars(kind)


def generated(kind: type) -> type[Wrapped]:
    """The class of Qt that a class is or derives from."""
    return next(c for c in kind.__mro__ if "api" in vars(c))


def _bind(wrapper: Wrapped, native: Any) -> None:
    object.__setattr__(wrapper, "_native", native)
    if isinstance(native, QtCore.QObject):
        key = slots.address(native)
        _wrappers[key] = wrapper
        if is_subclass_in_python(type(wrapper)):
            native.host_wrapper = weakref.ref(wrapper)
            _kept[key] = wrapper
            native.destroyed.connect(lambda *_: _kept.pop(key, None))


def wrap(native: Any) -> Any:
    """The wrapper of a PySide6 object; anything else as it is."""
    kind = type(native)
    if kind.__module__.startswith(("PySide6", "host.")) and native is not None:
        name = next((c.__name__ for c in kind.__mro__ if c.__name__ in api()), None)
        if name is None:
            return native
        if isinstance(native, QtCore.QObject):
            known = _wrappers.get(slots.address(native))
            if known is not None and known.__dict__["_native"] is native:
                return known
        wrapper = object.__new__(qt_class(name))
        _bind(wrapper, native)
        return wrapper
    return native


conversion.wrap_with(wrap)


@cache
def qt_class(name: str) -> type[Wrapped]:
    """The class of a name.

    Raises:
        AttributeError: Slicer does not have it.
    """
    row = api().get(name)
    if row is None:
        raise AttributeError(f"Slicer's Python has no class {name} (or slicer_api.json lacks it)")
    native = _native(name)
    base = qt_class(row.base) if row.base in api() else Wrapped
    members: dict[str, Any] = {"native_class": native, "api": row, "__doc__": name}
    for constant in row.constants:
        if (value := _constant(native, constant)) is not None:
            members[constant] = value
    for method in set(row.methods) - PYTHONQT_METHODS:
        members[method] = Method(method)
    if name in ("QDialog", "QMenu", "QEventLoop"):
        members["exec_"] = Method("exec")
    for signature in row.signals:
        members[signature.split("(")[0]] = SignalMember(signature.split("(")[0])
    for prop, kind in row.properties.items():
        members[prop] = Property(prop, kind)
    if name == "QObject":
        members["name"] = Property("objectName", "QString")
    return type(name, (base,), members)


def _native(name: str) -> type | None:
    """The class of PySide6 or the stand-in; None where the host has nothing to stand in."""
    found = _stand_ins.get(name)
    return found or next((getattr(m, name) for m in _MODULES if hasattr(m, name)), None)


def _constant(native: type | None, name: str) -> Any:
    value = getattr(native, name, None)
    if value is None:
        return None
    return (
        enum_value(value) if hasattr(value, "value") else value if isinstance(value, int) else None
    )


@cache
def _shell(kind: type) -> type:
    """A PySide6 class whose virtual methods call those that a Python class overrides."""
    native = generated(kind).native_class
    own = [c for c in kind.__mro__ if issubclass(c, Wrapped) and is_subclass_in_python(c)]
    overridden = {name for c in own for name in vars(c) if not name.startswith("__")}

    def forward(name: str) -> Any:
        def call(self: Any, *values: Any) -> Any:
            wrapper = getattr(self, "host_wrapper", lambda: None)()
            if wrapper is None:
                return getattr(native, name)(self, *values)
            try:
                return to_native(getattr(wrapper, name)(*map(to_python, values)))
            except Exception as error:
                exception_fault(f"in {kind.__name__}.{name}", error)
                return getattr(native, name)(self, *values)

        return call

    return type(
        generated(kind).__name__,
        (native,),
        {name: forward(name) for name in overridden if callable(getattr(native, name, None))}
        | {"__module__": "host.shell"},
    )
