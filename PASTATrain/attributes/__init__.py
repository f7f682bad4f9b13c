"""Stage II: the report's attributes, and the type, of a lesion from the frozen encoder."""
