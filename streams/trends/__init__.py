"""Topics that trend: documents of a source grouped by their embeddings, as they come.

Bounded, incremental, without a library: spherical k-means whose groups are born, merge and die.
"""
