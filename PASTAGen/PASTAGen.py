"""PASTAGen for 3D Slicer: inserts synthetic lesions into CT.

Declares the module. What it does is in PASTAGenLib, which is imported on first use.
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


class PASTAGen(ScriptedLoadableModule):
    """What Slicer shows of the module."""

    def __init__(self, parent):
        super().__init__(parent)
        parent.title = "PASTAGen"
        parent.categories = [translate("qSlicerAbstractCoreModule", "Segmentation")]
        parent.dependencies = ["PASTA", "Segmentations", "Texts"]
        parent.contributors = ["PASTA contributors"]
        parent.helpText = _(
            "Inserts a synthetic lesion into a copy of a CT, with its exact mask and a report of "
            "what was inserted. The same seed gives the same voxels. For research use only."
        )
        parent.acknowledgementText = _(
            "Follows the idea of PASTA-Gen (arXiv:2502.06171); the generator is this extension's "
            "own and needs no network."
        )


class PASTAGenWidget(ScriptedLoadableModuleWidget):
    """Holds the panel."""

    def setup(self):
        """Make the panel, when the module is opened for the first time."""
        super().setup()
        from PASTAGenLib.ui.insert_panel import InsertPanel

        widget = slicer.util.loadUI(self.resourcePath("UI/PASTAGen.ui"))
        self.logic = PASTAGenLogic()  # slicer.util.getModuleLogic takes it from here
        self.panel = InsertPanel(widget, self.logic)
        self.layout.addWidget(widget)


class PASTAGenLogic(ScriptedLoadableModuleLogic):
    """The module without a window, for scripts."""

    def insert(self, volumeNode, organsNode, lesionType, longAxisMm=0.0, seed=0):
        """Insert a lesion into a copy of a volume node; `longAxisMm` of 0 draws a usual size.

        Returns `PASTAGenLib.mrml.insertion.InsertedNodes`; raises `PastaError`, with a sentence
        for the user, where the lesion cannot be inserted.
        """
        from PASTAGenLib.mrml.insertion import insert_into_scene
        from PASTAGenLib.spec import LesionSpec

        spec = LesionSpec(lesionType, long_axis_mm=longAxisMm or None, seed=seed)
        return insert_into_scene(volumeNode, organsNode, spec)

    def sample(self, seed=1):
        """Add a synthetic torso CT and the segmentation of its organs. Returns both nodes."""
        from PASTAGenLib.mrml.samples import add_sample_torso

        return add_sample_torso(slicer.mrmlScene, seed)


class PASTAGenTest(ScriptedLoadableModuleTest):
    """Self test, also in Slicer's module Self Tests."""

    def runTest(self):
        """Run all tests, in an empty scene."""
        slicer.mrmlScene.Clear()
        self.test_a_cyst_is_inserted_into_the_liver_of_the_sample()

    def test_a_cyst_is_inserted_into_the_liver_of_the_sample(self):
        """The copy is named synthetic and the lesion is a segment."""
        logic = PASTAGenLogic()
        volume, organs = logic.sample(seed=1)
        nodes = logic.insert(volume, organs, "liver_cyst", longAxisMm=25.0, seed=3)
        assert nodes.volume.GetName().startswith("SYNTHETIC")
        assert nodes.segmentation.GetSegmentation().GetSegment("liver_cyst") is not None
        self.delayDisplay("Test passed")
