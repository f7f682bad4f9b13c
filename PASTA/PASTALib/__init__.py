"""PASTALib: from CT to organs, lesions and a structured report. Research use only.

The core library of the PASTA extension. It needs numpy, scipy, SimpleITK and pydantic; torch is
imported only inside the functions that run the network. It never imports ``qt`` or ``slicer``
outside ``PASTALib.mrml`` and ``PASTALib.ui``.
"""

__version__ = "0.1.0"
