r"""A simulated author: writes sound notebooks for `agent=llm`, and mends what it broke on purpose.

It knows the shape in which `agent=llm` tells a case (a heading "Request", a heading "Data" with a
line on the data, the first lines of each file) and nothing of the case itself: the same template
for every one, filled in with the file, target and time index that the line names. With a set
probability a draft holds a misspelt call, which is mended when its traceback is shown.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from memalign_bench.backends.base import Message

__all__ = ["WEAKNESSES", "notebook_answer"]

# As it should be, and misspelt: a truth value picks one, the pair reversed mends it.
_BROKEN = ("pd.read_csv", "pd.read_cvs")

WEAKNESSES = ("data_imputation", "metrics_evaluation", "mlflow_logging")
"""Dimensions on which the simulated author can be told to write badly."""

_PLAN = """\
1. Pin the libraries and read the data.
2. Look at the target and the missing values, and decide from that.
3. Split before anything is learnt from the data.
4. Impute, encode and train in one pipeline, with cross-validation.
5. Measure on rows kept apart, against a baseline, and log the run.
6. Use the model as the request asks."""

_LOAD = """\
import numpy as np
import pandas as pd

df = {read}("{file}")
target = "{target}"
print(df.shape)
df.head()"""

_LOOK = """\
print(df.isna().mean().round(3))
print(df[target].describe())
print(df.describe().round(2))"""

_SPLIT_ROWS = """\
from sklearn.model_selection import train_test_split

df = df.dropna(subset=[target])
few = [c for c in df.columns if pd.api.types.is_numeric_dtype(df[c]) or df[c].nunique() < 30]
names = [c for c in few if c != target]  # a name of every row tells nothing
X, y = df[names].select_dtypes(exclude="datetime"), df[target]
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.2, random_state=0{stratify})
print(X_train.shape, X_test.shape)"""

_SPLIT_TIME = """\
df["{time}"] = pd.to_datetime(df["{time}"])
df = df.dropna(subset=[target]).sort_values("{time}").reset_index(drop=True)
df["month"], df["weekday"] = df["{time}"].dt.month, df["{time}"].dt.dayofweek
df["lag_1"], df["lag_7"] = df[target].shift(1), df[target].shift(7)
names = ["month", "weekday", "lag_1", "lag_7"]
cut = int(len(df) * 0.8)  # the last fifth in time is kept apart
X_train, X_test = df[names].iloc[:cut], df[names].iloc[cut:]
y_train, y_test = df[target].iloc[:cut], df[target].iloc[cut:]
print(X_train.shape, X_test.shape)"""

# Bad on purpose: means of all rows, those that stay apart included.
_WEAK_FILL = """\
df = df.fillna(df.mean(numeric_only=True))"""

_TRAIN = """\
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.{module} import {model}
from sklearn.model_selection import {folds}, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

numbers = SimpleImputer(strategy="median", add_indicator=True)
words = make_pipeline(
    SimpleImputer(strategy="most_frequent"),
    OneHotEncoder(handle_unknown="ignore", sparse_output=False),
)
prepare = make_column_transformer(
    (numbers, make_column_selector(dtype_include="number")),
    (words, make_column_selector(dtype_exclude="number")),
)
model = make_pipeline(prepare, {model}({settings}))
scores = cross_val_score(model, X_train, y_train, cv={folds}(5), scoring="{scoring}")
print("{scoring}", scores.round(3), "mean", scores.mean().round(3))
model.fit(X_train, y_train)"""

_MEASURE_CLASS = """\
from sklearn.metrics import average_precision_score, classification_report, roc_auc_score

chance = model.predict_proba(X_test)[:, 1]
print("average precision", round(average_precision_score(y_test, chance), 3))
print("share of positives (what guessing gets)", round(y_test.mean(), 3))
print("ROC AUC", round(roc_auc_score(y_test, chance), 3))
print(classification_report(y_test, model.predict(X_test), zero_division=0))
metric = average_precision_score(y_test, chance)"""

_MEASURE_NUMBER = """\
from sklearn.metrics import mean_absolute_error

metric = mean_absolute_error(y_test, model.predict(X_test))
baseline = mean_absolute_error(y_test, np.full(len(y_test), {baseline}))
print("MAE", round(metric, 3), "baseline", round(baseline, 3))"""

# Bad on purpose: measured on the rows that it was trained on, with no baseline.
_WEAK_MEASURE = """\
metric = model.score(X_train, y_train)
print("score", metric)"""

# Used as it stands, since `format` would take its braces for fields.
_LOG = """\
import mlflow

mlflow.set_experiment("notebook")
with mlflow.start_run():
    mlflow.log_params({"model": type(model[-1]).__name__, "rows": len(X_train)})
    mlflow.log_metric("cross_validated", float(scores.mean()))
    mlflow.log_metric("held_out", float(metric))"""

_USE = """\
new = pd.read_csv("{new}")
{prepare}
result = new.assign(prediction=model.predict(new.reindex(columns=X_train.columns)))
result.to_csv("predictions.csv", index=False)
result.head(10)"""

_NEW_TIME = """\
new["{time}"] = pd.to_datetime(new["{time}"])
new["month"], new["weekday"] = new["{time}"].dt.month, new["{time}"].dt.dayofweek
new["lag_1"], new["lag_7"] = df[target].iloc[-1], df[target].iloc[-7]  # the last known values"""


def notebook_answer(
    messages: Sequence[Message], *, broken: bool = False, weak: Sequence[str] = ()
) -> str | None:
    """What the simulated author says to a prompt of `agent=llm`; None to any other prompt.

    Args:
        messages: The prompt.
        broken: Misspell a call in the first draft.
        weak: Dimensions of `WEAKNESSES` to write badly on.
    """
    opening = next((message.content for message in messages if message.role == "user"), "")
    if not opening.startswith("# Request\n") or "\n# Data\n" not in opening:
        return None
    last = messages[-1].content
    if len(messages) > 2 and "```" in messages[-2].content:
        # Asked to mend: the failing cell is quoted, and the misspelt call put right.
        cell = re.search(r"```python\n(.*?)\n *```", last, flags=re.DOTALL)
        return f"```python\n{cell[1].replace(*_BROKEN[::-1])}\n```" if cell else "Nothing to mend."
    if re.search(r"^plan\b", last, flags=re.IGNORECASE | re.MULTILINE):
        return _PLAN
    return _notebook(opening, broken, weak)


def _notebook(opening: str, broken: bool, weak: Sequence[str]) -> str:
    """A whole notebook for a case, as Markdown with code blocks."""
    files = re.findall(r"^`([^`]+)` begins:$", opening, flags=re.MULTILINE)
    line = opening.split("\n# Data\n")[1].split("\n\n", maxsplit=1)[0]
    # "impressions.csv: 100000 rows, 8 columns; ...; target clicked (4 % are 1); time index: none."
    target = _captured(r"target (\w+)", line) or "target"
    time = _captured(r"time index: (\w+)", line)
    time = "" if time == "none" else time
    is_class = " are 1)" in line
    file = files[0] if files else "data.csv"
    parts = [
        ("# Setup", "%pip install -q numpy pandas scikit-learn mlflow"),
        ("## Data", _LOAD.format(file=file, target=target, read=_BROKEN[broken])),
        ("## A look at the data", _LOOK),
    ]
    if "data_imputation" in weak:
        parts.append(("## Missing values", _WEAK_FILL))
    stratify = ", stratify=y" if is_class else ""
    # A series is cut in time, other rows at random.
    split = _SPLIT_TIME.format(time=time) if time else _SPLIT_ROWS.format(stratify=stratify)
    parts.append(("## Rows that stay apart\nSplit before anything is learnt.", split))
    parts.append(("## Model\nGaps are filled inside the pipeline, by the training rows alone.",
                  _training_code(is_class, time)))  # fmt: skip
    measure = _MEASURE_CLASS if is_class else _measure_code(time)
    parts.append(("## Metrics", _WEAK_MEASURE if "metrics_evaluation" in weak else measure))
    if "mlflow_logging" not in weak:
        parts.append(("## Tracking", _LOG))
    # The second file is taken for the rows that the request wants predicted.
    if len(files) > 1:
        prepare = _NEW_TIME.format(time=time) if time else "print(new.shape)"
        parts.append(("## Predictions", _USE.format(new=files[1], prepare=prepare)))
    return "\n\n".join(f"{text}\n\n```python\n{code}\n```" for text, code in parts) + "\n"


def _training_code(is_class: bool, time: str) -> str:
    kind = "Classifier" if is_class else "Regressor"
    return _TRAIN.format(
        module="ensemble",
        model=f"HistGradientBoosting{kind}",
        settings="max_iter=100, random_state=0",
        folds="TimeSeriesSplit" if time else "StratifiedKFold" if is_class else "KFold",
        scoring="average_precision" if is_class else "neg_mean_absolute_error",
    )


def _measure_code(time: str) -> str:
    # What a guess gets: the last value of a series, else the median, than which no constant has a
    # smaller mean absolute error.
    return _MEASURE_NUMBER.format(baseline="y_train.iloc[-1]" if time else "y_train.median()")


def _captured(pattern: str, line: str) -> str:
    """The first group of a pattern; "" where it does not match."""
    found = re.search(pattern, line)
    return found[1] if found else ""
