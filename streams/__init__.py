"""Tidemark: event-driven streaming text processing."""

__version__ = "0.1.0"
