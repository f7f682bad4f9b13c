"""Declares the module PASTAGen; what it does is in PASTAGenLib, imported on first use."""

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
            "Inserts synthetic lesions into a copy of a CT, with masks and a report. A sketch "
            "is seen at once, the finished lesion follows. For research use only."
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
        from PASTAGenLib.ui.generator_panel import GeneratorPanel

        widget = slicer.util.loadUI(self.resourcePath("UI/PASTAGen.ui"))
        self.logic = PASTAGenLogic()  # slicer.util.getModuleLogic takes it from here
        self.panel = GeneratorPanel(widget, self.logic)
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


class PASTAGenLogic(ScriptedLoadableModuleLogic):
    """The module without a window, for scripts. Methods block, and raise `PastaError`."""

    def desk(self, volumeNode, organsNode):
        """A desk for one scan: each button is a method of it."""
        from PASTAGenLib.mrml.script_bench import open_bench

        return open_bench(volumeNode, organsNode)

    def insert(self, volumeNode, organsNode, lesionType, longAxisMm=0.0, seed=0):
        """Insert one lesion into a copy of a volume node (0 mm: a usual size): `BenchNodes`."""
        desk = self.desk(volumeNode, organsNode)
        desk.draw(lesionType, seed, **({"long_axis_mm": longAxisMm} if longAxisMm else {}))
        desk.keep()
        return desk.nodes

    def sample(self, seed=1):
        """Add a synthetic torso CT and the segmentation of its organs. Returns both nodes."""
        from PASTAGenLib.mrml.samples import add_sample_torso

        return add_sample_torso(slicer.mrmlScene, seed)

    def outline(self, volumeNode, model="pasta-s", device="auto"):
        """Have a model outline the organs of a volume node. Returns the segmentation node."""
        from PASTAGenLib.mrml.organs import outline_organs

        return outline_organs(volumeNode, model, device)

    def jobs(self):
        """Modules with the worker's jobs."""
        return ["PASTALib.worker.jobs", "PASTAGenLib.jobs"]


class PASTAGenTest(ScriptedLoadableModuleTest):
    """Self test, also in Slicer's module Self Tests."""

    def runTest(self):
        """From a made CT to a kept lesion, in an empty scene."""
        from PASTAGenLib.mrml.self_test import run

        slicer.mrmlScene.Clear()
        self.delayDisplay(run(PASTAGenLogic()))
