"""Small heads on the encoder of a model: attributes, screening, stage and survival."""
