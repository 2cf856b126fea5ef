"""Sums over the embeddings of a window that merge, so that drift can be asked for afterwards.

``features``   embeddings to whole numbers: random Fourier features of one kernel, fixed for ever
``sums``       what is landed for a source, window and model: a count and four lists of sums
``rows``       the features of a micro-batch, in one matrix product for all sources
``difference`` how far two sides are apart, and how sure that is, from their sums alone
"""
