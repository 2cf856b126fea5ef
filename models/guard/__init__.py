"""Guardrails on generated summaries: pure functions of texts and handed-in embeddings."""

from __future__ import annotations

from models.guard.guard import FALLBACK, Chosen, Guard, Limits, Report, choose
from models.guard.setting import guard_of
from models.guard.vectors import Embedded, embed
from models.guard.verdict import RULES, Rule, Verdict
from models.guard.watch import Watch

__all__ = [
    "FALLBACK", "RULES", "Chosen", "Embedded", "Guard", "Limits", "Report", "Rule", "Verdict",
    "Watch", "choose", "embed", "guard_of",
]  # fmt: skip
