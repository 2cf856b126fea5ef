"""Training a compact model that writes, from the installed encoder and pairs of your own."""
