"""`memalign-bench label`: experts grade items in MLflow's review pages."""

from __future__ import annotations

import shutil
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from shlex import join, quote
from typing import TYPE_CHECKING, Any

from memalign_bench.cli.lines import say
from memalign_bench.cli.progress import ConsoleProgress
from memalign_bench.config import chosen_dimensions, instance, value_problems
from memalign_bench.config.checking import names_in, one_of, study_name
from memalign_bench.config.composing import plain_values
from memalign_bench.config.searchpath import quoted
from memalign_bench.datasets.dataset import LabelledDataset
from memalign_bench.datasets.export import export
from memalign_bench.errors import RequestError, refuse
from memalign_bench.loop.labelling.choosing import Choice, Pool
from memalign_bench.notebooks.views import ViewSettings, render_view
from memalign_bench.study.records import read_json, sha256_of, write_json
from memalign_bench.types import Rubric
from memalign_bench.wording import counted

if TYPE_CHECKING:
    from omegaconf import DictConfig

    from memalign_bench.loop.labelling.opinions import Opinions
    from memalign_bench.loop.labelling.server import (
        LabelExperiment,
        PushedTrace,
        Question,
        TraceKey,
    )

__all__ = ["work"]

_BATCH = 10
"""Traces that are sent at once, and come after one another in the page in any order."""

_PULL_MARK = "pulled.json"
"""Says that a folder was written by pull, and may be written anew."""

_LABELS = "labels.csv"


def work(cfg: DictConfig, choices: Mapping[str, str], search: Sequence[str]) -> int:
    """Push or pull."""
    plain = plain_values(cfg)
    action = one_of(plain, "action", ("push", "pull"))
    return _push(cfg, plain) if action == "push" else _pull(cfg, plain)


def _push(cfg: DictConfig, plain: Mapping[str, Any]) -> int:
    from memalign_bench.loop.labelling.server import open_experiment

    pusher = _Pusher.of(cfg, plain)
    name = str(plain["server"]["experiment"])
    with open_experiment(plain["server"]["uri"], name) as experiment:
        pushed = experiment.pushed()
        questions = list(pusher.questions(pushed))
        # A trace without its span is one whose sending broke off; it is sent again.
        complete = {key: trace for key, trace in pushed.items() if trace.has_span}
        missing = [question for question in questions if question.key not in complete]
        say(
            f"to {experiment.uri}, experiment {name!r}: {counted(len(missing), 'trace')} with"
            f" texts of {pusher.data.name!r} ({len(questions) - len(missing)} are there)"
        )
        experiment.make()
        changed = sum(
            question.key in pushed and pushed[question.key].view_digest != question.view_digest
            for question in questions
        )
        if changed:
            say(
                f"{changed} of those there show another text or view; they stay. To have the new"
                " one labelled, name another server.experiment=."
            )
        _send_traces(experiment, questions, complete)
    return 0


def _send_traces(
    experiment: LabelExperiment,
    questions: Sequence[Question],
    pushed: Mapping[TraceKey, PushedTrace],
) -> None:
    """Make the traces that are missing and put all into their queues, what tells most on top."""
    queues: dict[tuple[str, str], list[Question]] = {}
    for question in questions:
        queues.setdefault((question.dimension.name, question.rater), []).append(question)
    progress = ConsoleProgress()
    progress.start(sum(question.key not in pushed for question in questions), "traces")
    pages = []
    try:
        for queued in queues.values():
            queue = experiment.queue(queued[0])
            # Also what was sent earlier: that push may have ended before its queue had them.
            queue.add(
                [pushed[question.key].trace_id for question in queued if question.key in pushed]
            )
            missing = [question for question in reversed(queued) if question.key not in pushed]
            for start in range(0, len(missing), _BATCH):
                batch = missing[start : start + _BATCH]
                queue.add(experiment.push(batch))  # the page shows what came last on top
                for _ in batch:
                    progress.advance(failed=False)
            whose = f"{queued[0].rater}: " if queued[0].rater else ""
            pages.append(
                f"{whose}{queued[0].dimension.name}, {counted(len(queued), 'item')}: {queue.page}"
            )
    finally:
        progress.finish()
    # Only where nothing failed, and below the bar, which is gone by then.
    for line in pages:
        sys.stdout.write(f"{line}\n")
    if not experiment.on_server:
        # Queues of a file have names and no pages until a server shows them.
        sys.stdout.write(
            f"their pages: mlflow server --backend-store-uri {quote(experiment.uri)}, then"
            f" experiment {experiment.name!r}, Review queue\n"
        )


@dataclass(frozen=True)
class _Pusher:
    """What is to be pushed."""

    data: LabelledDataset
    rubric: Rubric
    dimensions: tuple[str, ...]
    view: ViewSettings
    select: Choice
    opinions: Opinions
    n: int
    raters: tuple[str, ...]
    relabel: bool
    seed: int

    @classmethod
    def of(cls, cfg: DictConfig, plain: Mapping[str, Any]) -> _Pusher:
        """Read the request and the data; every wrong value at once."""
        wrong = []
        if not plain["dataset"]:
            wrong.append("dataset must be set: dataset=files dataset.path=FOLDER, say.")
        # "" is whoever comes: one queue for all.
        raters = [""] if plain["raters"] is None else plain["raters"]
        raters = [raters] if isinstance(raters, str) else raters
        is_list_of_names = (
            isinstance(raters, list) and raters and all(isinstance(r, str) for r in raters)
        )
        if not is_list_of_names or len(set(raters)) < len(raters):
            wrong.append(f"raters must be different names, or null, got {plain['raters']!r}.")
        wrong += value_problems("label", plain)
        select = instance(cfg, "select")
        sources = [key for key in ("study", "run") if plain[key] is not None]
        if select.needs_records and len(sources) != 1:
            wrong.append(
                f"select={select.name} reads what judges said: set one of study=NAME (a study of"
                " these items) and run=RUN (a generated run that judges have scored)."
            )
        refuse(wrong)
        rubric: Rubric = instance(cfg, "rubric")
        dimensions = chosen_dimensions(cfg, rubric)
        # Else files without labels are refused, and labels are what experts are asked for.
        if "unlabelled" in cfg.dataset:
            cfg.dataset.unlabelled = True
        data: LabelledDataset = instance(cfg, "dataset").load(rubric)
        if data.texts == "private":
            # Of some data sets they always are: no key says otherwise.
            remedy = (
                " If they are yours and the server may have them, say so: dataset.texts=public."
                if "texts" in cfg.dataset
                else ""
            )
            raise RequestError(
                f"the texts of {data.name!r} are private and go to no server.{remedy}"
            )
        for line in data.told:
            say(f"note: {line}")
        return cls(
            data,
            rubric,
            dimensions,
            instance(cfg, "view"),
            select,
            _judges_opinions(plain) if select.needs_records else {},
            plain["n"],
            tuple(raters),
            plain["relabel"],
            plain["seed"],
        )

    def questions(self, pushed: Mapping[TraceKey, PushedTrace]) -> Iterator[Question]:
        """The questions that are to be in the experiment, by dimension and rater."""
        from memalign_bench.loop.labelling.server import Question

        chosen = {name: self._chosen(name, pushed) for name in self.dimensions}
        if not any(chosen.values()):
            raise RequestError(
                f"nothing to label: each of the {len(self.data.item)} items of {self.data.name!r}"
                " has a label on each of these dimensions; relabel=true asks about them again."
            )
        for name, item_ids in chosen.items():
            if len(item_ids) < self.n:
                say(f"{name}: {counted(len(item_ids), 'item')}, no more to choose from")
            for rater in self.raters:
                for item_id in item_ids:
                    yield Question(
                        self.data.item[item_id],
                        self.rubric.dimensions[name],
                        self.rubric.scale,
                        rater,
                        self._view(item_id, name),
                        self.data.name,
                        self.data.digest[:12],
                    )

    def _chosen(self, dimension: str, pushed: Mapping[TraceKey, PushedTrace]) -> list[str]:
        """Items of a dimension: those that are there already, and the best of the others."""
        pushed_items = {key.item_id for key in pushed if key.dimension == dimension}
        # The experiment may also hold items of other data sets.
        kept = sorted(pushed_items & self.data.item.keys())
        labels = self.data.label_list
        labelled = {label.item_id for label in labels if label.dimension == dimension}
        compared = sorted(labelled | set(kept))
        candidates = self.data.item.keys() - kept - (set() if self.relabel else labelled)
        n_more = self.n - len(kept)
        if n_more <= 0 or not candidates:
            return kept
        # Labelled items that may be chosen again are not what the others are compared with.
        compared = [name for name in compared if name not in candidates]
        pool = Pool(
            dimension,
            # A set of texts has another order in each process.
            tuple(sorted(candidates)),
            tuple(compared),
            self.opinions.get(dimension, {}),
            {name: self._view(name, dimension) for name in [*candidates, *compared]},
            self.seed,
        )
        return [*kept, *self.select.ranked(pool, n_more)]

    def _view(self, item_id: str, dimension: str) -> str:
        rule = self.rubric.dimensions[dimension].view
        return render_view(self.data.item[item_id], rule, self.view, dimension=dimension).text


def _judges_opinions(plain: Mapping[str, Any]) -> Opinions:
    """What the judges of a study or of a generated run have said."""
    from memalign_bench.loop.labelling.opinions import opinions_of_rows, opinions_of_run

    place = Path(plain["results_dir"])
    if plain["run"] is not None:
        from memalign_bench.loop.places import run_path

        return opinions_of_run(run_path(place / str(plain["loop"]), plain["run"], "run"))
    from memalign_bench.report.numbers.frames import load_study, rows_of

    rows = load_study(place / study_name(plain["study"])).predictions
    rows = rows[rows["backend"] != "none"]  # what asks no model has no opinion of an item
    known, wanted = sorted(rows["variant"].unique()), names_in(plain["variants"])
    if wanted is not None:
        if strangers := [name for name in wanted if name not in known]:
            raise RequestError(f"variants {strangers} are not in the study; it has {known}.")
        rows = rows[rows["variant"].isin(wanted)]
    graded = rows["judge_score"].astype("float64")
    # Without a distribution the grade itself is what is expected, and without a grade nothing is.
    expected = rows["judge_expected"].astype("float64").fillna(graded)
    judge = rows["variant"] + " on " + rows["backend"]
    opinions = rows.assign(judge=judge, expected=expected.where(graded.notna()))
    columns = ["dimension", "item_id", "judge", "expected", "distribution"]
    return opinions_of_rows(rows_of(opinions[columns]))


def _pull(cfg: DictConfig, plain: Mapping[str, Any]) -> int:
    from memalign_bench.datasets.mlflow_traces import MlflowSource

    refuse(value_problems("label", plain))
    rubric: Rubric = instance(cfg, "rubric")
    if plain["dataset"]:
        source = instance(cfg, "dataset")
        if not isinstance(source, MlflowSource):
            raise RequestError("pull reads MLflow: say server.experiment=NAME, or dataset=mlflow.")
    else:
        source = MlflowSource("mlflow", str(plain["server"]["experiment"]), plain["server"]["uri"])
    default_out = Path(plain["results_dir"]) / "labels" / source.experiment
    out = Path(plain["out"]).expanduser() if plain["out"] else default_out
    if out.exists() and not (out / _PULL_MARK).is_file():
        raise RequestError(
            f"out={str(out)!r} holds something that pull did not write; name another."
        )
    if _changed_by_hand(out):
        raise RequestError(
            f"{str(out / _LABELS)!r} was changed after it was pulled, and would be written anew."
            " Name another out=, or remove that folder."
        )
    # Written beside and renamed, so that a pull that breaks off leaves the last one whole.
    data = source.load(rubric)
    new = out.with_name(f".{out.name}.new")
    # What a pull left that broke off.
    shutil.rmtree(new, ignore_errors=True)
    new.parent.mkdir(parents=True, exist_ok=True)
    export(data, "files", new)
    mark = {"experiment": source.experiment, "digest": data.digest}
    write_json(new / _PULL_MARK, mark | {"labels_sha256": sha256_of(new / _LABELS)})
    shutil.rmtree(out, ignore_errors=True)
    # A folder that holds something is not replaced by a rename, so the old one goes first.
    new.rename(out)
    # What was pulled, and the commands to go on with.
    for line in _label_lines(data, rubric):
        sys.stdout.write(f"{line}\n")
    words = join(_words_for(out, data, rubric.name))
    sys.stdout.write(f"memalign-bench validate {words}\nmemalign-bench run {words} study=NAME\n")
    return 0


def _changed_by_hand(out: Path) -> bool:
    """Whether somebody has mended grades in what was pulled before."""
    if not (out / _PULL_MARK).is_file() or not (out / _LABELS).is_file():
        return False
    pulled = read_json(out / _PULL_MARK).get("labels_sha256")
    # Marks of earlier versions say nothing of it.
    return pulled is not None and pulled != sha256_of(out / _LABELS)


def _words_for(out: Path, data: LabelledDataset, rubric: str) -> Iterator[str]:
    """The request for what was pulled, without the shell's quotes."""
    yield from ("dataset=files", f"dataset.path={out}", f"rubric={rubric}")
    # The default, adjudicated, wants a single rater, or one named gold.
    if len({label.rater for label in data.label_list}) > 1:
        yield "gold=median"
    if origin := data.notice.partition(" Left out:")[0]:
        # Double quotes, since the shell's around them are single ones.
        yield "dataset.notice=" + quoted(origin, mark='"')


def _label_lines(data: LabelledDataset, rubric: Rubric) -> Iterator[str]:
    for name in rubric.dimensions:
        labels = [label for label in data.label_list if label.dimension == name]
        by_rater = Counter(label.rater for label in labels)
        if labels:
            raters = ", ".join(f"{rater} {n}" for rater, n in sorted(by_rater.items()))
            reasons = sum(bool(label.rationale) for label in labels)
            items = len({label.item_id for label in labels})
            yield (
                f"{name}: {counted(items, 'item')}, {counted(len(labels), 'grade')} ({raters}),"
                f" {reasons} with a reason"
            )
    if data.notice:
        yield data.notice
