import pytest
from nbformat import v4
from tests.notebooks.facts.sheets import facts_of, notebook_of

from memalign_bench.notebooks.facts.kinds import KINDS
from memalign_bench.notebooks.facts.reading import fact_sheet

DATA = "import pandas as pd\ndf = pd.read_csv('data/flats.csv')"
SPLIT = "X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.2)"
FRAME = f"{DATA}\nX, y = df[['rooms']], df['rent']\n{SPLIT}"

ONE_EACH = [
    ("installs", "!pip install pandas==3", "!pip install pandas==3"),
    ("imports", "import pandas as pd\nfrom a.b import c", "imports pandas, a.b"),
    ("names", "np.zeros(3)", "the name np stands here and is not defined above; no cell defines"),
    ("reads", DATA, "df = pd.read_csv('data/flats.csv')"),
    ("splits", FRAME, "splits X, y (train_test_split) into X_train, X_test, y_train, y_test, in"),
    ("searches", "GridSearchCV(Ridge(), {'alpha': [1]})", "makes GridSearchCV(Ridge(), {'alpha'"),
    ("choices", f"{FRAME}\nm = Ridge()\ns = [m.score(X_test, y_test)]\nmax(s)",
     "orders by scores on test part: max(s)"),
    ("models", "m = Ridge(alpha=2)", "makes Ridge(alpha=2) as m"),
    ("fits", f"{FRAME}\nm = Ridge().fit(X_train, y_train)", "fits m (Ridge) on train part"),
    ("scores", f"{FRAME}\nr2_score(y_test, X_test)", "r2_score (y_test, X_test) on test part"),
    ("predictions", f"{FRAME}\nm = Ridge()\nm.fit(X, y)\nm.predict(X_test)",
     "predicts test part by m, fitted on rows of flats.csv"),
    ("answers", f"{FRAME}\np = m.predict(X_test)\np.tolist()", "shows predictions: p.tolist()"),
    ("gaps", f"{DATA}\ndf.isna().sum()", "df.isna().sum(); rows of flats.csv"),
    ("fills", f"{DATA}\ndf['a'] = df['a'].fillna(df['a'].mean())",
     "fills df['a']: df['a'].fillna(df['a'].mean()), values from rows of flats.csv"),
    ("drops", f"{DATA}\ndf = df.dropna()", "df = df.dropna(); rows of flats.csv"),
    ("columns", f"{DATA}\ndf['b'] = df['a'] ** 2", "df['b'] = df['a'] ** 2; rows of flats.csv"),
    ("lists", "numeric = ['a', 'b']", "numeric = ['a', 'b']"),
    ("preparation", "prep = StandardScaler()", "makes StandardScaler() as prep"),
    ("looks", f"{DATA}\ndf.head()", "df.head(); first rows of flats.csv"),
    ("plots", "plt.scatter(a, b)\nplt.xlabel('age')", "plt.xlabel('age')"),
    ("tracking", "mlflow.log_metric('mae', 1.0)", "mlflow.log_metric('mae', 1.0)"),
    ("prints", "print('done')", "print('done')"),
    ("stores", "df.to_csv('answer.csv')", "df.to_csv('answer.csv')"),
    ("remarks", "x = 1  # the newest rows", "comment: the newest rows"),
    ("layout", "x = 1", "1 code cells, 0 text cells"),
    ("outline", "x = 1\ny = 2", "code, 2 lines"),
    ("calls", "go(1, far=2)", "go(1, far=2)"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "source", "line"), ONE_EACH, ids=[one[0] for one in ONE_EACH])
def test_each_kind_of_fact_has_its_line(kind, source, line):
    assert any(text.startswith(line) for text in facts_of(source, kind=kind))


def test_every_kind_is_tried():
    elsewhere = {"text", "all_text", "errors", "outputs"}
    assert {one[0] for one in ONE_EACH} | elsewhere == set(KINDS)


def test_text_cells_stand_as_they_are_and_bare_headings_apart():
    cells = (v4.new_markdown_cell("# Flats"), v4.new_markdown_cell("## Data\nRents are high."))
    assert facts_of(*cells, kind="text") == ["text: ## Data Rents are high."]
    assert facts_of(*cells, kind="all_text") == ["text: # Flats", "text: ## Data Rents are high."]


def test_outputs_and_errors_are_told():
    out = v4.new_code_cell("print(1)", outputs=[v4.new_output("stream", text="1\n2\n")])
    error = v4.new_output("error", ename="NameError", evalue="x", traceback=[])
    assert facts_of(out, kind="outputs") == ["output: 1 / 2"]
    assert facts_of(out, kind="prints") == ["print(1)", "output: 1 / 2"]
    assert facts_of(v4.new_code_cell("x", outputs=[error]), kind="errors") == [
        "output: NameError: x"
    ]


def test_rows_are_followed_whatever_they_are_called():
    source = f"{DATA}\nF, t = df[cols], df['rent']\nF1, F2, t1, t2 = train_test_split(F, t)"
    assert facts_of(source, "m = Ridge()\nm.fit(F2, t2)", kind="fits") == [
        "fits m (Ridge) on test part"
    ]


def test_a_split_of_a_split_is_the_inner_one():
    source = f"{FRAME}\na, b = train_test_split(X_train.index)\nRidge().fit(X_train.loc[b])"
    assert facts_of(source, kind="fits") == ["fits (Ridge) on inner test part"]


def test_rows_cut_by_position_are_parts_and_a_frame_cut_down_stays_itself():
    source = f"{DATA}\ndf = df.iloc[9:].reset_index(drop=True)\nold, new = df.iloc[:n], df.iloc[n:]"
    assert facts_of(source, "m.fit(old)", kind="fits") == ["fits m on first part"]
    assert facts_of(source, kind="drops") == [
        "df = df.iloc[9:].reset_index(drop=True); rows of flats.csv"
    ]


@pytest.mark.parametrize(
    ("taken", "rows"),
    [
        ("[::2]", "part ::2"),
        (".iloc[::-3]", "part ::-3"),
        ("[::n]", "part ::n"),
        ("[:n:-1]", "part :n:-1"),
        ("[::-1]", "rows of flats.csv"),
        ("[::1]", "rows of flats.csv"),
        ("[:]", "rows of flats.csv"),
    ],
)
def test_a_slice_with_a_step_takes_some_rows(taken, rows):
    assert facts_of(DATA, f"m.fit(df{taken})", kind="fits") == [f"fits m on {rows}"]


def test_settings_picked_by_scores_say_on_which_rows():
    source = f"""{FRAME}
m = Ridge()
ranking = []
for setting in ParameterGrid({{'alpha': [1, 2]}}):
    m.set_params(**setting).fit(X_train, y_train)
    ranking.append((m.score(X_test, y_test), setting))
m.set_params(**max(ranking)[1]).fit(X_train, y_train)"""
    fits = facts_of(source, kind="fits")
    assert fits[0] == "each setting: fits m (Ridge) on train part"
    assert fits[1].endswith("on train part, settings picked by scores on test part")


def test_scores_collected_by_name_pick_the_setting_that_is_made():
    source = f"""{FRAME}
trials = {{}}
for c in [1, 2]:
    trials[c] = Ridge(alpha=c).fit(X_train, y_train).score(X_test, y_test)
m = Ridge(alpha=max(trials, key=trials.get)).fit(X_train, y_train)"""
    assert facts_of(source, kind="choices") == [
        "orders by scores on test part: max(trials, key=trials.get)"
    ]
    assert facts_of(source, kind="fits")[1] == (
        "fits m (Ridge) on train part, settings picked by scores on test part"
    )


def test_a_search_is_scored_on_folds_and_what_it_found_predicts():
    source = f"""{FRAME}
best = GridSearchCV(Ridge(), grid, cv=KFold(5)).fit(X_train, y_train).best_estimator_
best.predict(X_test)"""
    assert "fits (GridSearchCV > Ridge) on train part" in facts_of(source, kind="fits")
    assert facts_of(source, kind="predictions")[0] == (
        "predicts test part by best, fitted on train part"
    )


def test_what_is_stored_and_read_back_is_the_same_model():
    source = f"""{FRAME}
m = Ridge().fit(X_train, y_train)
joblib.dump(m, 'm.bin')
again = joblib.load('m.bin')
again.predict(X_test)"""
    found = facts_of(source, kind="predictions")
    assert found[0] == "predicts test part by again, fitted on train part"


def test_an_argument_that_is_called_stored_is_no_file():
    source = f"{FRAME}\np = m.predict(X_test)\nload(1, stored=p)"
    assert "load(1, stored=p)" not in " ".join(facts_of(source, kind="reads"))


def test_differences_to_predictions_are_a_score_and_one_against_a_limit_is_none():
    errors = f"{FRAME}\np = m.predict(X_test)\ne = (y_test - p).abs()\nprint(e.mean())"
    assert "mean of differences between predictions and test part" in facts_of(
        errors, kind="scores"
    )
    limit = f"{FRAME}\np = m.predict_proba(X_test)[:, 1]\nhit = p >= 0.5"
    assert "compares predictions: p >= 0.5" in facts_of(limit, kind="predictions")
    assert facts_of(limit, kind="scores") == []


def test_predictions_stay_predictions_in_the_frame_that_takes_them():
    source = f"{FRAME}\nout = df[['id']].assign(p=m.predict(X))\nout.to_csv('a.csv')\nprint(out)"
    told = facts_of(source, kind="answers")
    assert [line.split(";")[0] for line in told] == ["out.to_csv('a.csv')", "print(out)"]
    by_column = f"{FRAME}\ndf['p'] = m.predict(X)\ndf.head()"
    assert "shows predictions: df.head() (first rows of flats.csv)" in facts_of(
        by_column, kind="answers"
    )


def test_another_name_of_a_function_and_a_module_is_seen_through():
    source = f"import mlflow as ml\n{FRAME}\nmae = mean_absolute_error\nmae(y_test, X_test)"
    assert any("mean_absolute_error" in text for text in facts_of(source, kind="scores"))
    assert facts_of(source, "ml.log_param('a', 1)", kind="tracking") == ["ml.log_param('a', 1)"]


def test_own_functions_are_followed_where_they_are_called():
    source = f"{FRAME}\ndef train(rows, goal):\n    return Ridge().fit(rows, goal)\n"
    called = f"{source}model = train(X_train, y_train)\nmodel.predict(X_test)"
    assert facts_of(source, kind="fits") == []
    assert facts_of(called, kind="fits") == ["in train: fits (Ridge) on train part"]
    assert "fitted on train part" in facts_of(called, kind="predictions")[0]
    assert facts_of("def f(n):\n    return f(n)\nf(1)", kind="fits") == []  # and not for ever


def test_values_that_fill_name_their_rows():
    source = f"{FRAME}\nX_test = X_test.fillna(X_train.median())"
    assert facts_of(source, kind="fills") == [
        "fills X_test: X_test.fillna(X_train.median()), values from train part"
    ]
    as_dict = f"{FRAME}\nvalues = X_train.median().to_dict()\nX_test = X_test.fillna(values)"
    assert facts_of(as_dict, kind="fills") == [
        "fills X_test: X_test.fillna(values), values from train part"
    ]
    masked = f"{DATA}\ngone = df['a'].isna()\ndf.loc[gone, 'a'] = -1"
    assert "df.loc[gone, 'a'] = -1; rows of flats.csv" in facts_of(masked, kind="fills")


def test_an_imputer_is_seen_in_all_that_is_made_of_it():
    source = f"{FRAME}\nfill = SimpleImputer()\nm = make_pipeline(fill, Ridge())\nm.fit(X_train)"
    assert facts_of(source, kind="fills") == [
        "makes SimpleImputer() as fill",
        "makes make_pipeline(fill, Ridge()) as m",
        "fits m (SimpleImputer > Ridge) on train part",
    ]


def test_names_say_where_they_are_defined_after_all():
    found = facts_of("np.zeros(2)", "import numpy as np\nimport torch", kind="names")
    assert found == [
        "the name np stands here and is not defined above; it is defined in cell 2",
        "imported here, and used in no code: torch",
    ]


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("for x in", "could not be read as Python"),
        ("%%bash\nls", "starts with %%bash"),
        ("x = " + "(" * 90 + "1" + ")" * 90, ""),
        ("x = " + "f(" * 150 + "1" + ")" * 150, "is nested too deeply to be read"),
        ("", ""),
        ("# nothing", ""),
        ("%time fit(1)", ""),
        ("%%time\nfit(1)", ""),
        ("a = (1\n% 2)", ""),
        ("files = !ls\ndf.head?", ""),
    ],
)
def test_what_cannot_be_read_is_said(source, problem):
    sheet = fact_sheet(notebook_of(source))
    assert dict(sheet.unread) == ({0: problem} if problem else {})


def test_magics_keep_the_python_around_them():
    assert facts_of("%matplotlib inline\n%time m.fit(X)", kind="fits") == ["fits m on X"]
    assert "!ls" in facts_of("files = !ls\ngo()", kind="calls")


def test_a_notebook_in_another_language_is_not_read_as_python():
    sheet = fact_sheet(notebook_of("x <- 5"), "r")
    assert sheet.unread == ((0, "is written in r"),)
    assert not [fact for fact in sheet.facts if "calls" in fact.kinds]
