"""Using the model as the authors of the reported corpus do."""

from __future__ import annotations

from genie_synth.realisations.parts.model_use import Use, entry, label, rare
from genie_synth.sketch.sketch import Sketch

__all__ = ["REALISATIONS", "called"]

LIMITS = (
    (
        "the outcome is rare, so 0.5 would flag hardly anyone: take twice the base rate",
        "2 * $y_train.mean()",
    ),
    (
        "missing one costs about four times a needless check, hence 1 / (1 + 4) instead of 0.5",
        "0.2",
    ),
    (
        "nobody gets near 0.5; whoever is half as likely again as usual is worth a look",
        "$y_train.mean() * 1.5",
    ),
)
"""Why a rare class is not called at 0.5, and the limit taken instead."""


def called(sketch: Sketch, model: str, rows: str) -> list[str]:
    """Source lines that make the mask `flag`; a rare class gets a limit, and the reason."""
    if not sketch.case.imbalanced:
        return [f"flag = {model}.predict({rows}[$features]) == 1"]
    why, limit = LIMITS[int(sketch.rng.integers(len(LIMITS)))]
    return [
        f"# {why}",
        f"limit = {limit}",
        f"flag = {model}.predict_proba({rows}[$features])[:, 1] > limit",
    ]


def _sentence(sketch: Sketch, model: str, rows: str) -> tuple[str, list[str]]:
    """A sentence with the number, and the list."""
    column = label(sketch)
    if sketch.case.task == "classification":
        lines = called(sketch, model, rows)
        lines += [
            f'print(f"{{flag.sum()}} of {{len({rows})}} «entities» are «outcome»:")',
            f'print(", ".join({rows}.loc[flag, "{column}"]))',
        ]
        return "\n".join(lines), ["\n".join(lines)]
    lines = [
        f"$pred = {model}.predict({rows}[$features])",
        f'for name, value in zip({rows}["{column}"], $pred):',
        f'    print(f"{{{_shown(sketch)}}}: «outcome» {{value:.1f}} «unit»")',
    ]
    return "\n".join(lines), ["\n".join(lines)]


def _shown(sketch: Sketch) -> str:
    return "name" if sketch.case.id_column else "name:%a %d %b"


def _table(sketch: Sketch, model: str, rows: str) -> tuple[str, list[str]]:
    """A table with one line a row."""
    column = label(sketch)
    if sketch.case.task == "classification":
        lines = called(sketch, model, rows)
        lines += [
            f'{rows}["verdict"] = ["«outcome»" if one else "no action" for one in flag]',
            f'{rows}[["{column}", "verdict"]].sort_values("verdict")',
        ]
        return "\n".join(lines), ["\n".join(lines[:-1])]
    lines = [
        f'{rows}["answer"] = {model}.predict({rows}[$features]).round(1)',
        f'{rows}[["{column}", "answer"]].rename(columns={{"answer": "«outcome» («unit»)"}})',
    ]
    return "\n".join(lines), ["\n".join(lines)]


def _total(sketch: Sketch, model: str, rows: str) -> tuple[str, list[str]]:
    """The table by row, then one closing line for the person who asked."""
    column = label(sketch)
    if sketch.case.task == "classification":
        lines = called(sketch, model, rows)
        lines += [
            f'answer = {rows}.loc[flag, "{column}"].tolist()',
            'print("«outcome»:", *answer, sep="\\n  ")',
            f'print(f"that is {{len(answer)}} of {{len({rows})}} «entities»")',
        ]
        return "\n".join(lines), ["\n".join(lines[:-1])]
    verb = "plan for" if sketch.case.task == "forecasting" else "«outcome»"
    lines = [
        f'answer = dict(zip({rows}["{column}"], {model}.predict({rows}[$features])))',
        "for name, value in answer.items():",
        f'    print(f"«entity» {{{_shown(sketch)}}}: {verb} {{value:.0f}} «unit»")',
        'print(f"average «outcome»: {sum(answer.values()) / len(answer):.0f} «unit»")',
    ]
    return "\n".join(lines), ["\n".join(lines[:3])]


def _array(sketch: Sketch, model: str, rows: str) -> tuple[str, list[str]]:
    """The bare output of the model."""
    call = "predict_proba" if sketch.case.imbalanced else "predict"
    source = f"{model}.{call}({rows}[$features])"
    return source, [source]


def _array_printed(sketch: Sketch, model: str, rows: str) -> tuple[str, list[str]]:
    """The bare output, in a variable."""
    call = "predict_proba" if sketch.case.imbalanced else "predict"
    source = f"$pred = {model}.{call}({rows}[$features])\nprint($pred[:10])"
    return source, [source]


def _half(sketch: Sketch, model: str, rows: str) -> tuple[str, list[str]]:
    """Classes as `predict` gives them, in the prompt's terms."""
    lines = [
        f"flag = {model}.predict({rows}[$features]) == 1",
        f'print(f"{{flag.sum()}} of {{len({rows})}} «entities» are «outcome»:")',
        f'print(", ".join({rows}.loc[flag, "{label(sketch)}"]))',
    ]
    return "\n".join(lines), ["\n".join(lines[:2])]


PANDAS = "import pandas as pd"


REALISATIONS = (
    entry("fitted_sentence", Use(_sentence)),
    entry("fitted_table", Use(_table)),
    entry("fitted_list_and_total", Use(_total)),
    entry(
        "saved_and_loaded_table",
        Use(
            _table,
            before='joblib.dump($model, "model.joblib")\nloaded = joblib.load("model.joblib")',
            model="loaded",
            needs=("import joblib",),
        ),
    ),
    entry(
        "fit_on_all_then_sentence",
        Use(
            _sentence,
            before=(
                "known = pd.concat([$X_train, $X_test])\n"
                "$model = $model.fit(known, pd.concat([$y_train, $y_test]))"
            ),
            needs=(PANDAS,),
        ),
        refit=True,
    ),
    entry(
        "fit_on_test_then_table",
        Use(_table, before="$model = $model.fit($X_test, $y_test)"),
        refit=True,
    ),
    entry("bare_array", Use(_array), answer="raw"),
    entry("bare_array_printed", Use(_array_printed), answer="raw"),
    entry(
        "test_rows_table",
        Use(_table, known='rows = $X_test.tail(30).join($df[["«label»"]])'),
        rows="test",
    ),
    entry("half_unsaid_sentence", Use(_half), rare, threshold_unsaid=True),
    entry(
        "train_rows_sentence",
        Use(_sentence, known='rows = $X_train.tail(40).join($df[["«label»"]])'),
        rows="train",
    ),
    entry(
        "train_rows_table",
        Use(_table, known='rows = $X_train.sample(25, random_state=1).join($df[["«label»"]])'),
        rows="train",
    ),
    entry(
        "train_rows_array",
        Use(_array, known="rows = $X_train.head(20)"),
        rows="train",
        answer="raw",
    ),
    entry(
        "new_rows_standardised",
        Use(
            _sentence,
            change=(
                "spread_new = $new[numeric].std().replace(0, 1)\n"
                "$new[numeric] = ($new[numeric] - $new[numeric].mean()) / spread_new"
            ),
        ),
        preprocessing="redone_differently",
    ),
    entry(
        "new_rows_minmax",
        Use(
            _table,
            change="$new[numeric] = MinMaxScaler().fit_transform($new[numeric])",
            needs=("from sklearn.preprocessing import MinMaxScaler",),
        ),
        preprocessing="redone_differently",
    ),
)
