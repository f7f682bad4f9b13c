"""PASTA for 3D Slicer: finds lesions in a CT volume and drafts the report.

Declares the module. What it does is in PASTALib, which is imported on first use, so that Slicer
starts as fast as without PASTA and before PyTorch is installed.
"""

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
            "the structured report. For research use only: not a medical device."
        )
        parent.acknowledgementText = _(
            "Follows PASTA (arXiv:2502.06171), which trained on synthetic lesions. The code and "
            "the bundled model are this extension's own."
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
        from PASTALib.ui.analyze_panel import AnalyzePanel

        widget = slicer.util.loadUI(self.resourcePath("UI/PASTA.ui"))
        self.panel = AnalyzePanel(widget, PASTALogic())
        self.layout.addWidget(widget)


class PASTALogic(ScriptedLoadableModuleLogic):
    """The module without a window, for scripts."""

    def analyze(self, volumeNode, organsNode=None, model="pasta-s", device="auto", progress=None):
        """Find lesions in a volume node; adds organs, lesions and report to its scene.

        Blocks until it is done. Returns `PASTALib.mrml.case.CaseNodes`; raises `PastaError`, with
        a sentence for the user, where the volume cannot be analyzed.
        """
        from PASTALib.mrml.analyze import analyze_volume
        from PASTALib.progress import silent

        return analyze_volume(
            volumeNode, organs=organsNode, model=model, device=device, progress=progress or silent
        )


class PASTATest(ScriptedLoadableModuleTest):
    """Self test, also in Slicer's module Self Tests."""

    def runTest(self):
        """Run all tests, in an empty scene."""
        slicer.mrmlScene.Clear()
        from PASTALib.packages import missing_packages

        missing = missing_packages()
        if missing:
            self.delayDisplay(f"Not tested: {', '.join(missing)} not installed")
            return
        self.test_a_synthetic_torso_gets_organs_and_a_report()

    def test_a_synthetic_torso_gets_organs_and_a_report(self):
        """The bundled model runs on a torso that is made on the spot."""
        from PASTAGenLib.mrml.samples import add_sample_torso

        volume, _organs = add_sample_torso(slicer.mrmlScene, seed=1, spacing_mm=3.0)
        nodes = PASTALogic().analyze(volume, device="cpu")
        assert nodes.organs.GetSegmentation().GetSegment("liver") is not None
        assert nodes.read_report().impression
        self.delayDisplay("Test passed")
