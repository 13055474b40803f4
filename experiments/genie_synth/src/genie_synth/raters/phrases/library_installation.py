"""What raters say about library_installation."""

from __future__ import annotations

from genie_synth.raters.phrases.kinds import Phrases

__all__ = ["PHRASES"]

PHRASES: Phrases = {
    "missing_import": (
        (
            "`{package}` is used in {where} but never imported, and the traceback is still there",
            "{where} stops with a NameError on `{package}`",
            "nothing imports `{package}`, yet {where} calls it",
        ),
        (
            "nobody can run this notebook through",
            "a colleague who opens it for {target} hits the error at once",
            "the environment part is not in order",
        ),
    ),
    "unused_large": (
        (
            "`{package}` is loaded in {where} and not a single cell touches it",
            "{where} pulls in `{package}`, which the work on {target} never needs",
            "I looked for a use of `{package}` after {where} and found none",
        ),
        (
            "a heavy dependency for nothing",
            "everyone who reruns it pays for an import without a purpose",
            "the list of dependencies does not match the analysis of {file}",
        ),
    ),
    "install_after_use": (
        (
            "`{package}` is installed in {where}, long after its import",
            "the install in {where} comes once {packages} have already been used",
            "{where} holds `{code}`, when the packages it brings have been at work for a while",
        ),
        (
            "on a fresh machine the notebook fails before it gets there",
            "run from the top it breaks on the imports",
            "the order makes the {target} notebook unusable from a clean start",
        ),
    ),
    "scattered_imports": (
        (
            "imports turn up wherever they are needed, for instance in {where}",
            "`{code}` sits in the middle of the work in {where}",
            "one has to read as far as {where} to learn what the notebook depends on",
        ),
        (
            "it runs, but the dependencies are hard to see",
            "workable, not tidy",
            "half-way there for a notebook on {target}",
        ),
    ),
    "unpinned": (
        (
            "{where} installs {packages} without any version",
            "the install line in {where} leaves the versions of {packages} open",
            "{packages} come in whatever version is current ({where})",
        ),
        (
            "next month the {target} results may not come out the same",
            "fine today, not repeatable later",
            "the right packages, but not a fixed environment",
        ),
    ),
    "partly_pinned": (
        (
            "only the first package in {where} has a version, `{package}` has none",
            "{where} fixes one version and lets {package} float",
            "of {packages} in {where} not all carry a version",
        ),
        (
            "half a fixed environment is still a moving one",
            "so a rerun for {target} may pick up something else",
            "a good start that stops too early",
        ),
    ),
    "install_after_imports": (
        (
            "the versions are fixed, yet {where} installs after importing",
            "{where} comes later than the imports it is meant to serve",
        ),
        ("a restart is needed before it has any effect", "the order is off for {target}"),
    ),
    "nothing_to_install": (
        (
            "everything is imported in {where} and nothing needs installing",
            "one block of imports in {where}, each of them used for {target}",
            "the imports stand together in {where}, no install is called for",
        ),
        (
            "clear from the first line",
            "it runs as it is in a standard environment",
            "I could start on {file} right away",
        ),
    ),
    "pinned_first": (
        (
            "{where} opens the notebook with fixed versions of {packages}",
            "versions are written out ({packages}) before anything else happens",
            "the install in {where} names exact versions, imports follow",
        ),
        (
            "the {target} run can be repeated next year",
            "exactly what I need to rebuild the environment",
            "no guessing about what produced these numbers",
        ),
    ),
}
