"""Using the model as the authors of the development corpus do."""

from __future__ import annotations

from genie_synth.realisations.parts.model_use import Use, entry, label, rare
from genie_synth.sketch.sketch import Sketch

__all__ = ["REALISATIONS"]


CUTS = (
    (
        "hardly any of them reach 0.5; take the riskiest quarter, that is what we can handle",
        "pd.Series($proba).quantile(0.75)",
    ),
    (
        "a case we miss costs five times a false alarm, so the line is drawn at 1 in 6",
        "1 / 6",
    ),
    (
        "half is no use for something this rare: whoever is well above the usual rate",
        "1.8 * $y_train.mean()",
    ),
)
"""Why a rare class is not called at 0.5, and where the line is drawn instead."""


def _mask(sketch: Sketch, model: str, rows: str) -> list[str]:
    """The mask `hit`; a rare class is ranked, and the number to act on is explained."""
    if not sketch.case.imbalanced:
        return [f"hit = {model}.predict({rows}[$features]).astype(bool)"]
    why, limit = CUTS[int(sketch.rng.integers(len(CUTS)))]
    return [
        f"$proba = {model}.predict_proba({rows}[$features])[:, 1]",
        f"# {why}",
        f"hit = $proba >= {limit}",
    ]


def _paragraph(sketch: Sketch, model: str, rows: str) -> tuple[str, list[str]]:
    """One paragraph that answers the request."""
    column = label(sketch)
    if sketch.case.task == "classification":
        sketch.need("import pandas as pd")
        lines = _mask(sketch, model, rows)
        lines += [
            f'listed = "; ".join({rows}["{column}"][hit])',
            'print(f"«entities» «outcome» ({hit.sum()}): {listed}")',
        ]
        return "\n".join(lines), ["\n".join(lines)]
    lines = [
        f"$pred = {model}.predict({rows}[$features])",
        f'listed = [f"{{name}}: {{value:.1f}} «unit»" for name, value in zip({rows}["{column}"]'
        f"{_text(sketch)}, $pred)]",
        'print("«outcome», by «entity»\\n" + "\\n".join(listed))',
    ]
    return "\n".join(lines), ["\n".join(lines)]


def _text(sketch: Sketch) -> str:
    return "" if sketch.case.id_column else '.dt.strftime("%d %b")'


def _file(sketch: Sketch, model: str, rows: str) -> tuple[str, list[str]]:
    """A file for the people who act, and its first lines."""
    column, case = label(sketch), sketch.case
    name = case.file.replace(".csv", "_answer.csv")
    if case.task == "classification":
        sketch.need("import pandas as pd")
        lines = _mask(sketch, model, rows)
        lines += [
            f'reply = {rows}[["{column}"]].assign(decision=hit)',
            'reply["decision"] = reply["decision"].map({True: "«outcome»", False: "leave"})',
        ]
        marks = ["\n".join(lines)]
    else:
        lines = [
            f"values = {model}.predict({rows}[$features]).round(1)",
            f'reply = {rows}[["{column}"]].assign(value=values)',
            'reply.columns = ["«entity»", "«outcome» in «unit»"]',
        ]
        marks = ["\n".join(lines)]
    lines += [f'reply.to_csv("{name}", index=False)', "reply.head(12)"]
    return "\n".join(lines), marks


def _first_five(sketch: Sketch, model: str, rows: str) -> tuple[str, list[str]]:
    """The most pressing rows first."""
    column = label(sketch)
    if sketch.case.task == "classification":
        lines = [
            f"ranked = {rows}.assign(chance_of={model}.predict_proba({rows}[$features])[:, 1])",
            "# ranked by risk: start at the top and go down as far as capacity allows",
            'ranked = ranked.sort_values("chance_of", ascending=False).head(8)',
            f'for name, value in zip(ranked["{column}"], ranked["chance_of"]):',
            '    print(f"{name}: «outcome» ({value:.0%})")',
        ]
        return "\n".join(lines), ["\n".join(lines)]
    lines = [
        f"ranked = {rows}.assign(value={model}.predict({rows}[$features]))",
        f'for name, value in zip(ranked["{column}"]{_text(sketch)}, ranked["value"]):',
        '    print(f"«entity» {name}: «outcome» {value:.1f} «unit»")',
        "print(f\"largest: {ranked['value'].max():.1f} «unit»\")",
    ]
    return "\n".join(lines), ["\n".join(lines[:3])]


def _list(sketch: Sketch, model: str, rows: str) -> tuple[str, list[str]]:
    """The bare output as a list."""
    call = "predict_proba" if sketch.case.imbalanced else "predict"
    source = f"{model}.{call}({rows}[$features]).round(2).tolist()"
    return source, [source]


def _described(sketch: Sketch, model: str, rows: str) -> tuple[str, list[str]]:
    """The bare output, summarised."""
    call = (
        "predict_proba({0}[$features])[:, 1]"
        if sketch.case.imbalanced
        else "predict({0}[$features])"
    )
    source = f"$pred = pd.Series({model}.{call.format(rows)})\n$pred.describe()"
    return source, [source]


def _at_half(sketch: Sketch, model: str, rows: str) -> tuple[str, list[str]]:
    """Called above one half, in the prompt's terms."""
    lines = [
        f"hit = {model}.predict_proba({rows}[$features])[:, 1] > 0.5",
        f'listed = "; ".join({rows}["{label(sketch)}"][hit])',
        'print(f"«entities» «outcome» ({hit.sum()}): {listed}")',
    ]
    return "\n".join(lines), ["\n".join(lines)]


PANDAS = "import pandas as pd"


REALISATIONS = (
    entry("trained_paragraph", Use(_paragraph)),
    entry("trained_answer_file", Use(_file)),
    entry("trained_ranked", Use(_first_five)),
    entry(
        "pickled_and_read_paragraph",
        Use(
            _paragraph,
            before=(
                'with open("model.pkl", "wb") as file:\n    pickle.dump($model, file)\n'
                'with open("model.pkl", "rb") as file:\n    stored = pickle.load(file)'
            ),
            model="stored",
            needs=("import pickle",),
        ),
    ),
    entry(
        "clone_fit_then_file",
        Use(
            _file,
            before=(
                "ready = clone($model)\n"
                "ready = ready.fit(pd.concat([$X_train, $X_test]), pd.concat([$y_train, $y_test]))"
            ),
            model="ready",
            needs=(PANDAS, "from sklearn.base import clone"),
        ),
        refit=True,
    ),
    entry(
        "half_fit_then_paragraph",
        Use(
            _paragraph,
            before="recent = $X_train.tail(len($X_train) // 2)\n"
            "$model = $model.fit(recent, $y_train.loc[recent.index])",
        ),
        refit=True,
    ),
    entry("bare_list", Use(_list), answer="raw"),
    entry("bare_summary", Use(_described, needs=(PANDAS,)), answer="raw"),
    entry(
        "test_rows_paragraph",
        Use(_paragraph, known='rows = $X_test.head(25).join($df["«label»"])'),
        rows="test",
    ),
    entry("above_half_paragraph", Use(_at_half), rare, threshold_unsaid=True),
    entry(
        "train_rows_paragraph",
        Use(_paragraph, known='rows = $X_train.tail(30).join($df["«label»"])'),
        rows="train",
    ),
    entry(
        "train_rows_file",
        Use(_file, known='rows = $X_train.sample(30, random_state=5).join($df["«label»"])'),
        rows="train",
    ),
    entry(
        "train_rows_list",
        Use(_list, known="rows = $X_train.tail(15)"),
        rows="train",
        answer="raw",
    ),
    entry(
        "new_rows_robust_scaled",
        Use(
            _paragraph,
            change="$new[numeric] = RobustScaler().fit_transform($new[numeric])",
            needs=("from sklearn.preprocessing import RobustScaler",),
        ),
        preprocessing="redone_differently",
    ),
    entry(
        "new_rows_ranked",
        Use(_file, change="$new[numeric] = $new[numeric].rank(pct=True)"),
        preprocessing="redone_differently",
    ),
)
