"""Prompts by name and version, and the chat templates that models bring along."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING, Any

from streams.errors import Misconfigured

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_SPECIAL_TOKENS = ("bos_token", "eos_token", "unk_token", "pad_token")


@dataclass(frozen=True, slots=True)
class Prompt:
    """A versioned prompt; ``{title}``, ``{text}`` and ``{summary}`` are filled in."""

    name: str
    system: str
    document: str
    merge: str
    fold: str

    @property
    def instructions(self) -> str:
        """What is said besides documents and summaries."""
        asked = (self.system, self.of_document("", ""), self.of_parts([]), self.of_fold("", []))
        return "\n".join(part for part in asked if part)

    def of_document(self, title: str, text: str) -> str:
        """Return what is asked about a document, or a part of one."""
        return self.document.format(title=title, text=text).replace("\n\n\n", "\n\n").strip()

    def of_parts(self, summaries: Sequence[str]) -> str:
        """Return what is asked about the summaries of a document's parts."""
        return self.merge.format(text="\n".join(summaries))

    def of_fold(self, summary: str, documents: Sequence[str]) -> str:
        """Return what is asked about a running summary and the documents that came since."""
        return self.fold.format(summary=summary, text="\n".join(documents)).strip()


def prompt(name: str) -> Prompt:
    """Return a prompt of ``prompts.toml``.

    Raises:
        Misconfigured: there is none of this name; says which there are.
    """
    path = resources.files("models").joinpath("summarize/prompts.toml")
    known = tomllib.loads(path.read_text(encoding="utf-8"))
    if name not in known:
        raise Misconfigured(f"there is no prompt {name!r}; known: {', '.join(sorted(known))}")
    return Prompt(name, **known[name])


class ChatTemplate:
    """A tokenizer's chat template, rendered in Jinja's sandbox as transformers does.

    A template comes with the weights and is a program: in the sandbox it can read what it is given
    and nothing else.

    Args:
        source: the template.
        special_tokens: ``bos_token`` and the like, as the template names them.
    """

    def __init__(self, source: str, special_tokens: dict[str, str]) -> None:
        from jinja2 import TemplateError  # noqa: PLC0415 - only for models with a template
        from jinja2.sandbox import ImmutableSandboxedEnvironment  # noqa: PLC0415

        environment = ImmutableSandboxedEnvironment(
            trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"]
        )
        environment.globals["raise_exception"] = _refuse
        environment.filters["tojson"] = lambda value: json.dumps(value, ensure_ascii=False)
        self._error = TemplateError
        self._tokens = special_tokens
        try:
            self._template = environment.from_string(source)
        except TemplateError as error:
            raise Misconfigured(f"the model's chat template cannot be read: {error}") from error

    def render(self, system: str, user: str) -> str:
        """Return the text that the model continues with its answer.

        Where a template knows no system message, it is put before the user's.

        Raises:
            Misconfigured: the template cannot be rendered.
        """
        attempts = [(system, user)]
        if system:
            attempts.append(("", f"{system}\n\n{user}"))
        failure = ""
        for attempt in attempts:
            try:
                return self._render(*attempt)
            except self._error as error:
                failure = " ".join(str(error).split())
        raise Misconfigured(f"the model's chat template fails: {failure}")

    def _render(self, system: str, user: str) -> str:
        messages = [{"role": "user", "content": user}]
        if system:
            messages.insert(0, {"role": "system", "content": system})
        rendered: str = self._template.render(
            messages=messages, add_generation_prompt=True, **self._tokens
        )
        return rendered


def chat_template(folder: Path) -> ChatTemplate | None:
    """Return the chat template in a model's folder, or None where the model has none.

    Raises:
        Misconfigured: it cannot be read.
    """
    settings = _tokenizer_config(folder)
    beside = folder / "chat_template.jinja"
    source = settings.get("chat_template")
    if beside.is_file():
        source = beside.read_text(encoding="utf-8")
    elif isinstance(source, list):  # several templates by name
        source = next((one["template"] for one in source if one.get("name") == "default"), None)
    if not isinstance(source, str) or not source.strip():
        return None
    tokens = {name: _text(settings.get(name)) for name in _SPECIAL_TOKENS}
    return ChatTemplate(source, tokens)


def _tokenizer_config(folder: Path) -> dict[str, Any]:
    path = folder / "tokenizer_config.json"
    if not path.is_file():
        return {}
    try:
        settings: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise Misconfigured(f"cannot read {path}: {error}") from error
    return settings


def _text(token: object) -> str:
    """Return a special token, which may be written with its properties."""
    value = token.get("content", "") if isinstance(token, dict) else token
    return value if isinstance(value, str) else ""


def _refuse(message: str) -> None:
    from jinja2 import TemplateError  # noqa: PLC0415 - only for models with a template

    raise TemplateError(message)
