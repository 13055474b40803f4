"""More ways of using a model in the reported corpus: functions, batches, files, joins."""

from __future__ import annotations

from genie_synth.realisations.parts.model_use import Answer, Use, entry, label, rare
from genie_synth.realisations.seed0.model_use import (
    called,
)
from genie_synth.sketch.sketch import Sketch

__all__ = ["REALISATIONS"]


def _function(sketch: Sketch, model: str, rows: str) -> tuple[str, list[str]]:
    """A function that answers for any rows."""
    column = label(sketch)
    if sketch.case.task == "classification":
        body = called(sketch, model, "asked")
        lines = [
            "def answer(asked):",
            *(f"    {line}" for line in body),
            f'    return asked.loc[flag, "{column}"].tolist()',
            "",
            "",
            f'print("«outcome»:", answer({rows}))',
        ]
        return "\n".join(lines), ["\n".join(lines[1:-3])]
    lines = [
        "def answer(asked):",
        f"    values = {model}.predict(asked[$features]).round(1)",
        f'    return dict(zip(asked["{column}"].astype(str), values))',
        "",
        "",
        f"for name, value in answer({rows}).items():",
        '    print(name, "«outcome»", value, "«unit»")',
    ]
    return "\n".join(lines), ["\n".join(lines[1:3])]


def _joined(sketch: Sketch, model: str, rows: str) -> tuple[str, list[str]]:
    """Answers put beside the rows as a series with their index."""
    column = label(sketch)
    if sketch.case.task == "classification":
        lines = called(sketch, model, rows)
        lines += [
            f'verdict = pd.Series(flag, index={rows}.index, name="«outcome»").map(',
            '    {True: "yes", False: "no"}',
            ")",
            f'{rows}[["{column}"]].join(verdict)',
        ]
    else:
        lines = [
            f"values = pd.Series({model}.predict({rows}[$features]), index={rows}.index)",
            f'{rows}[["{column}"]].join(values.round(1).rename("«outcome», «unit»"))',
        ]
    sketch.need("import pandas as pd")
    return "\n".join(lines), ["\n".join(lines)]


def _batches(sketch: Sketch, model: str, rows: str) -> tuple[str, list[str]]:
    """Rows go through in batches of twenty."""
    column = label(sketch)
    if sketch.case.task == "classification":
        body = called(sketch, model, "part")
        lines = [
            "listed = []",
            f"for start in range(0, len({rows}), 20):",
            f"    part = {rows}.iloc[start : start + 20]",
            *(f"    {line}" for line in body),
            f'    listed += part.loc[flag, "{column}"].tolist()',
            f'print(f"{{len(listed)}} of {{len({rows})}} «entities» are «outcome»:", listed)',
        ]
        return "\n".join(lines), ["\n".join(lines[2:-1])]
    lines = [
        "told = {}",
        f"for start in range(0, len({rows}), 20):",
        f"    part = {rows}.iloc[start : start + 20]",
        f'    told.update(zip(part["{column}"].astype(str), {model}.predict(part[$features])))',
        "for name, value in told.items():",
        '    print(f"{name}: «outcome» {value:.1f} «unit»")',
    ]
    return "\n".join(lines), ["\n".join(lines[2:4])]


def _file(sketch: Sketch, model: str, rows: str) -> tuple[str, list[str]]:
    """The answer in a file for the person who asked, and its first lines."""
    sketch.need("from pathlib import Path")
    column = label(sketch)
    if sketch.case.task == "classification":
        lines = called(sketch, model, rows)
        lines += [
            f'result = {rows}.loc[flag, ["{column}"]].assign(note="«outcome»")',
            'result.to_csv("answer.csv", index=False)',
            'print(Path("answer.csv").read_text()[:400])',
        ]
    else:
        lines = [
            f'result = {rows}[["{column}"]].copy()',
            f'result["«outcome» («unit»)"] = {model}.predict({rows}[$features]).round(1)',
            'result.to_csv("answer.csv", index=False)',
            'print(Path("answer.csv").read_text()[:400])',
        ]
    return "\n".join(lines), ["\n".join(lines[:-1])]


def _codes(sketch: Sketch, model: str, rows: str) -> tuple[str, list[str]]:
    """The bare output in a file."""
    call = "predict_proba" if sketch.case.imbalanced else "predict"
    sketch.need("import numpy as np")
    lines = [
        f"values = {model}.{call}({rows}[$features])",
        'np.savetxt("answer.csv", values, fmt="%.4f", delimiter=",")',
        "values.shape",
    ]
    return "\n".join(lines), ["\n".join(lines[:2])]


def _summary(sketch: Sketch, model: str, rows: str) -> tuple[str, list[str]]:
    """Numbers about the bare output."""
    call = "predict_proba" if sketch.case.imbalanced else "predict"
    sketch.need("import pandas as pd")
    source = f"pd.DataFrame({model}.{call}({rows}[$features])).describe()"
    return source, [source]


def _half_table(sketch: Sketch, model: str, rows: str) -> tuple[str, list[str]]:
    """Classes as `predict` gives them, in a table in the prompt's terms."""
    lines = [
        f"flag = {model}.predict({rows}[$features]) == 1",
        f'{rows}["verdict"] = ["«outcome»" if one else "no action" for one in flag]',
        f'{rows}[["{label(sketch)}", "verdict"]].sort_values("verdict")',
    ]
    return "\n".join(lines), ["\n".join(lines[:2])]


def _loaded(answer: Answer) -> Use:
    return Use(
        answer,
        before='joblib.dump($model, "final.joblib")\nstored = joblib.load("final.joblib")',
        model="stored",
        needs=("import joblib",),
    )


CLONE = "from sklearn.base import clone"


REALISATIONS = (
    # --- sound
    entry("function_answers", Use(_function)),
    entry("joined_to_rows", Use(_joined)),
    entry("in_batches", Use(_batches)),
    entry("answer_file", Use(_file)),
    entry("loaded_function", _loaded(_function)),
    entry("loaded_file", _loaded(_file)),
    # --- average
    entry(
        "clone_fitted_again_joined",
        Use(
            _joined,
            before="latest = clone($model).fit($X_test, $y_test)",
            model="latest",
            needs=(CLONE,),
        ),
        refit=True,
    ),
    entry("codes_in_a_file", Use(_codes), answer="raw"),
    entry("output_described", Use(_summary), answer="raw"),
    entry(
        "test_rows_function",
        Use(_function, known='rows = $X_test.head(25).join($df[["«label»"]])'),
        rows="test",
    ),
    entry("half_unsaid_table", Use(_half_table), rare, threshold_unsaid=True),
    # --- harmful
    entry(
        "train_rows_in_batches",
        Use(_batches, known='rows = $X_train.head(60).join($df[["«label»"]])'),
        rows="train",
    ),
    entry(
        "train_tail_file",
        Use(_file, known='rows = $X_train.tail(30).join($df[["«label»"]])'),
        rows="train",
    ),
    entry(
        "new_rows_clipped",
        Use(
            _function,
            change=(
                "bounds = $new[numeric].quantile([0.1, 0.9])\n"
                "$new[numeric] = $new[numeric].clip(bounds.loc[0.1], bounds.loc[0.9], axis=1)"
            ),
        ),
        preprocessing="redone_differently",
    ),
    entry(
        "new_rows_scaled_joined",
        Use(
            _joined,
            change="$new[numeric] = StandardScaler().fit_transform($new[numeric])",
            needs=("from sklearn.preprocessing import StandardScaler",),
        ),
        preprocessing="redone_differently",
    ),
    entry(
        "loaded_on_train_rows",
        Use(
            _joined,
            known='rows = $X_train.sample(30, random_state=2).join($df[["«label»"]])',
            before='joblib.dump($model, "final.joblib")\nstored = joblib.load("final.joblib")',
            model="stored",
            needs=("import joblib",),
        ),
        rows="train",
    ),
)
