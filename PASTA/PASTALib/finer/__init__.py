"""The finer network: outlines lesions at a finer scale, and is shown what the first one sees."""
