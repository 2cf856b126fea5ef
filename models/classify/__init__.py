"""Classification."""

UNSURE = "unsure"
"""The label of a document that no label fits well enough."""
