"""Declares the module PASTA; what it does is in PASTALib, imported once PyTorch is there."""

from importlib.util import find_spec

import slicer
from slicer.i18n import tr as _
from slicer.i18n import translate
from slicer.ScriptedLoadableModule import (
    ScriptedLoadableModule,
    ScriptedLoadableModuleLogic,
    ScriptedLoadableModuleTest,
    ScriptedLoadableModuleWidget,
)


class PASTA(ScriptedLoadableModule):
    """What Slicer shows of the module."""

    def __init__(self, parent):
        super().__init__(parent)
        parent.title = "PASTA"
        parent.categories = [translate("qSlicerAbstractCoreModule", "Segmentation")]
        parent.dependencies = ["Segmentations", "Terminologies", "Texts"]
        parent.contributors = ["PASTA contributors"]
        parent.helpText = _(
            "Finds tumors and other focal lesions of ten organs in a CT, measures them and drafts "
            "the structured report. N, P: next, previous finding; A accept, X reject, E edit by "
            "hand, C correct by gestures. While correcting: P point, B box, S scribble, L lasso, "
            "T sign, E new finding, R reset. For research use only: not a medical device."
        )
        parent.acknowledgementText = _(
            "Follows PASTA (arXiv:2502.06171); code and bundled model are this extension's own."
        )
        slicer.app.connect("startupCompleted()", loadTerms)


def loadTerms():
    """Give Slicer the terms that only PASTA has, such as Calculus."""
    from PASTALib.mrml.scene import load_terms

    load_terms(slicer.modules.terminologies.logic())


class PASTAWidget(ScriptedLoadableModuleWidget):
    """Holds the panel."""

    def setup(self):
        """Make the panel, when the module is opened for the first time."""
        super().setup()
        from PASTALib.ui.pasta_panel import PastaPanel

        widget = slicer.util.loadUI(self.resourcePath("UI/PASTA.ui"))
        self.logic = PASTALogic()  # slicer.util.getModuleLogic takes it from here
        self.panel = PastaPanel(widget, self.logic)
        self.layout.addWidget(widget)

    def enter(self):
        """The module is opened."""
        self.panel.enter()

    def exit(self):
        """Another module is opened."""
        self.panel.exit()

    def cleanup(self):
        """The module is reloaded, or Slicer quits."""
        self.panel.cleanup()


class PASTALogic(ScriptedLoadableModuleLogic):
    """The module without a window, for scripts. Every method blocks until it is done."""

    def analyze(self, volumeNode, organsNode=None, model="pasta-s", device="auto", progress=None):
        """Find lesions in a volume node; adds organs, lesions and report: `CaseNodes`."""
        from PASTALib.mrml.analyze import analyze_volume

        more = {"progress": progress} if progress else {}
        return analyze_volume(volumeNode, organs=organsNode, model=model, device=device, **more)

    def desk(self, volumeNode=None, reader=""):
        """The latest findings, of a volume or of all: each button is a method of this desk."""
        from PASTALib.mrml.script_desk import open_desk

        return open_desk(slicer.mrmlScene, volumeNode, reader)

    def jobs(self):
        """Modules with the worker's jobs; those of PASTAGen where that is installed."""
        return ["PASTALib.worker.jobs"] + ["PASTAGenLib.jobs"] * bool(find_spec("PASTAGenLib"))


class PASTATest(ScriptedLoadableModuleTest):
    """Self test, also in Slicer's module Self Tests."""

    def runTest(self):
        """From a made CT to an accepted finding, in an empty scene."""
        from PASTALib.mrml.self_test import run

        slicer.mrmlScene.Clear()
        self.delayDisplay(run(PASTALogic(), slicer.mrmlScene))
