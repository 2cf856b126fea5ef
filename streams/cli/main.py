"""The ``tidemark`` command: one typer app, one place where errors become one clear line."""

from __future__ import annotations

import sys
import traceback
from typing import Annotated

import typer

import streams
from streams.cli import evaluate, kafka, label, models, pipeline, produce, questions
from streams.cli._usage import WrongUsage, usage_line
from streams.errors import TidemarkError
from streams.secret_texts import mask_text

_HELP = """Event-driven streaming text processing: documents arrive on Kafka topics, are summarized
and labelled by int8 inference, watched for drift, and land in ClickHouse.

Start with `tidemark demo`: it needs no set-up. Settings come from TIDEMARK_* variables and from
tidemark.toml; `tidemark doctor` says what is reachable, what is missing and what to do.
"""

app = typer.Typer(
    name="tidemark",
    help=_HELP,
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
pipeline.register(app)
produce.register(app)
label.register(app)
kafka.register(app)
questions.register(app)
app.add_typer(evaluate.app, name="eval", help="Measure quality on your own documents.")
app.add_typer(models.app, name="models", help="List, pull, convert and verify the weights.")


def _version(value: bool) -> None:  # noqa: FBT001 - signature of a typer callback
    if value:
        typer.echo(f"tidemark {streams.__version__}")
        raise typer.Exit


@app.callback()
def _options(
    context: typer.Context,
    *,
    debug: Annotated[bool, typer.Option("--debug", help="Show the trace of an error.")] = False,
    version: Annotated[  # noqa: ARG001 - handled by its callback
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    context.obj = {"debug": debug}


def main() -> None:
    """Run the command; exit 0 on success, 2 for wrong usage, 1 for any other failure."""
    debug = "--debug" in sys.argv
    arguments = [word for word in sys.argv[1:] if word != "--debug"]
    try:
        code = app(args=arguments, standalone_mode=False)
    except BrokenPipeError:
        sys.exit(1)
    except typer.Abort:
        sys.exit(_failed("given up", debug=debug))
    except TidemarkError as error:
        sys.exit(_failed(str(error), debug=debug))
    except Exception as error:  # noqa: BLE001 - an error is one line, its trace on request
        if isinstance(error, WrongUsage):
            sys.exit(_misused(error, debug=debug))
        line = f"{type(error).__name__}: {error} (unexpected; --debug shows the trace)"
        sys.exit(_failed(line, debug=debug))
    sys.exit(code if isinstance(code, int) else 0)


def _misused(error: WrongUsage, *, debug: bool) -> int:
    if line := usage_line(error):
        _failed(line, debug=debug)
    return error.exit_code


def _failed(line: str, *, debug: bool) -> int:
    if debug:
        typer.echo(mask_text(traceback.format_exc()), err=True, nl=False)
    typer.secho(f"error: {mask_text(line)}", err=True, fg=typer.colors.RED)
    return 1
