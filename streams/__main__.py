"""Entry point of the ``tidemark`` command."""

from __future__ import annotations


def main() -> None:
    """Run the command line."""
    from streams.cli.main import main as run  # noqa: PLC0415 - keeps `import streams` light

    run()


if __name__ == "__main__":
    main()
