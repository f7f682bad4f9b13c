"""The second, closer look: places that may be lesions, each judged at a finer scale."""
