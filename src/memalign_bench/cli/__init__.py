"""The command line: `memalign-bench COMMAND key=value ...`."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

__all__ = ["COMMANDS", "READER_GONE", "entry", "is_reader_gone", "main"]

# 128 and the number of the signal, as below: SIGINT is 2, SIGPIPE 13.
STOPPED = 130
"""Exit code after Ctrl-C, as shells have it."""

READER_GONE = 141
"""Exit code where whoever read the output has gone, as `head` does; as shells have it."""

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

HELP = """\
memalign-bench: does an LLM judge agree with your experts, and what makes it agree?

  memalign-bench run      cross-validate a judge; -m sweeps; resumes by itself
  memalign-bench headroom what a judge sees of planted facts, and what it could be taught
  memalign-bench report   tables, figures and report.html of a study, from its records
  memalign-bench paper    the paper, with every number read from a study
  memalign-bench validate checks a data set of yours, and says what study it supports
  memalign-bench rubric   write a first rubric of your own
  memalign-bench corpus   build, audit or export the bundled notebooks
  memalign-bench cassette a study's calls as one file, for others to replay without a key
  memalign-bench export_judge  a study's variant aligned on all labels: plain JSON, and MLflow
  memalign-bench forensics  what the printed figures of a study can and cannot be
  memalign-bench certify  coverage and power of the intervals and tests, by simulation
  memalign-bench generate agents write notebooks for test cases
  memalign-bench score    an aligned judge grades them, or a single notebook
  memalign-bench gate     is the candidate worse than the baseline? exit 1 where it is
  memalign-bench leaderboard  agents side by side, with intervals, cost and time
  memalign-bench label    experts grade, in MLflow, the items that tell most
  memalign-bench doctor   what is installed, reachable and configured

Every command takes Hydra overrides (key=value) and nothing else; -m sweeps over
comma-separated values. A first look, offline, in some minutes:

  memalign-bench run experiment=quick
  memalign-bench report study=quick

Without any model:   memalign-bench run dataset=planted backend=scripted study=try
An ablation sweep:   memalign-bench run -m alignment=none,semantic,full fold_seed=0,1,2 study=mine
Keys and choices:    memalign-bench run --help

Exit codes: 0 done, 1 ran but something failed, 2 the request was wrong, 130 stopped.
"""


def entry() -> int:
    """Run the command line as a program of its own."""
    import gc

    # Imports and figures make millions of objects that stay; looking for garbage among them after
    # every 700 takes a third of a report.
    gc.set_threshold(50_000, 20, 20)
    code = main()
    try:
        # Else what is still in the buffer meets the closed pipe only when Python ends.
        sys.stdout.flush()
    except BrokenPipeError:
        # Python would try again when it ends, and complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = READER_GONE
    if code == STOPPED:
        # Python would wait for every thread that still waits for an answer.
        sys.stderr.flush()
        if pools := sys.modules.get("multiprocessing.util"):
            # What holds their locks else complains of leaks. 0: all that ends at once, none that
            # waits for a process or thread.
            pools._run_finalizers(0)
        os._exit(code)
    return code


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    try:
        return _main(argv)
    except KeyboardInterrupt:
        sys.stderr.write("\nStopped. Start the same command again to complete it.\n")
        return STOPPED
    # Before OSError, of which it is a kind.
    except BrokenPipeError:
        if not is_reader_gone():
            raise
        return READER_GONE
    except OSError as error:
        from memalign_bench.cli.requests.jobs import complain
        from memalign_bench.errors import of_files

        told = of_files(error)
        if told is None:
            raise
        return complain(told)


def is_reader_gone() -> bool:
    """Whether the reader of our output has gone; any other broken pipe is a real error."""
    import select

    # The writing end of a pipe polls as an error once nobody has its reading end open.
    poll = select.poll()
    for descriptor in (1, 2):
        poll.register(descriptor, 0)  # errors are reported whatever is asked for
    # With 0 it does not wait: what holds at this moment.
    return any(told & select.POLLERR for _, told in poll.poll(0))


def _main(argv: Sequence[str] | None) -> int:
    words = list(sys.argv[1:] if argv is None else argv)
    # Help, version and a mistyped command are answered before Hydra or numpy is loaded.
    if not words or words[0] in ("-h", "--help", "help"):
        sys.stdout.write(HELP)
        return 0
    if words[0] == "--version":
        from importlib.metadata import version

        sys.stdout.write(f"memalign-bench {version('memalign-bench')}\n")
        return 0
    if words[0] not in COMMANDS:
        known = ", ".join(COMMANDS)
        sys.stderr.write(f"memalign-bench: unknown command {words[0]!r}; commands: {known}.\n")
        return 2
    # Both libraries look for a network when they are imported, unless told otherwise.
    os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    # Matrices are small here: on several threads most of the time goes into waiting for one
    # another, and sums would hang on how many cores a machine has. Read when numpy is loaded.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from memalign_bench.cli.requests.launch import launch

    return launch(words[0], words[1:])
