"""Which module does the work of each command."""

from __future__ import annotations

__all__ = ["COMMANDS"]

COMMANDS = {
    "run": "run",
    "headroom": "headroom",
    "report": "report",
    "paper": "paper",
    "corpus": "corpus",
    "validate": "validate",
    "rubric": "rubric",
    "cassette": "machine.cassette",
    "export_judge": "export_judge",
    "forensics": "forensics",
    "certify": "certify",
    "generate": "loop.generate",
    "score": "loop.score",
    "gate": "loop.gate",
    "leaderboard": "loop.leaderboard",
    "label": "loop.label",
    "doctor": "machine.doctor",
}
"""Command -> the module below `memalign_bench.cli` whose `work` is called, in the order of help."""
