"""Models of others in, ours out: PASTA's checkpoint, nnU-Net's model folders, MONAI bundles."""
