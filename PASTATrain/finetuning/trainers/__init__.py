"""Trainers that nnU-Net finds when ``nnUNet_extTrainer`` names this folder."""
