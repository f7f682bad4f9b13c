"""Segmentation fine-tuning through nnU-Net v2, from PASTA's weights or a model of ours."""
