"""Training of the finer network, which outlines lesions after the first one."""
