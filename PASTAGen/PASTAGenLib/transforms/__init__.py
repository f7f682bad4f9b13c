"""Lesions inserted while a network trains, as a transform of the training framework.

`PASTAGenLib.transforms.monai_insertion.InsertLesiond` for MONAI's dictionary transforms, and
`PASTAGenLib.transforms.nnunet_insertion.InsertLesion` for nnU-Net's batchgeneratorsv2. Each imports
its framework, so import the one that is needed.
"""
