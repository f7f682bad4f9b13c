"""PySide6 made to behave as PythonQt does, by which Slicer shows Qt to Python.

Properties are attributes, signals are strings, unknown names and values of the wrong type are
refused, deleted objects raise. The classes are built from the table of names in
``slicer_api.json``; what they do is done by PySide6, or by the stand-ins for CTK and Slicer.
"""
