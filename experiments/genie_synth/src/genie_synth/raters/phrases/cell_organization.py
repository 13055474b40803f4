"""What raters say about cell_organization."""

from __future__ import annotations

from genie_synth.raters.phrases.kinds import Phrases

__all__ = ["PHRASES"]

PHRASES: Phrases = {
    "one_cell": (
        (
            "from reading {file} to the last number everything sits in {where}",
            "{where} does it all, {n_lines} lines of it",
            "there is one block of code, {n_lines} lines long",
        ),
        (
            "no step on {target} can be run or read by itself",
            "an error anywhere means starting over",
            "this is a script in a notebook's clothes",
        ),
    ),
    "counts_out_of_order": (
        (
            "the execution counts do not rise from top to bottom ({where} has number {count})",
            "{where} was run as number {count}, out of turn",
            "by its counts ({where}: {count}) the notebook was run in another order than it stands",
        ),
        (
            "I cannot be sure the {target} numbers come out again",
            "what is shown may rest on a state that is gone",
            "it has not been run through once before handing it in",
        ),
    ),
    "leftovers": (
        (
            "traces of the work are still lying about, such as `{code}` in {where}",
            "{where} and others like it ({what}) were never tidied up",
            "the reader stumbles over `{code}` on the way to {target}",
        ),
        (
            "well explained otherwise",
            "a last sweep is missing",
            "it distracts from a decent structure",
        ),
    ),
    "big_cells": (
        (
            "{where} packs several steps into {n_lines} lines",
            "preparation up to the split is one block in {where}",
            "headings are there, but {where} runs on for {n_lines} lines",
        ),
        (
            "intermediate results on {target} cannot be looked at",
            "readable with patience",
            "half-way to a clear notebook",
        ),
    ),
    "bare_headers": (
        (
            "headings such as `{code}` mark the steps and explain none",
            "titles without a sentence under them ({where})",
            "{where} and the other headings say what comes, never why",
        ),
        (
            "one finds one's way, the reasoning on {target} stays hidden",
            "orderly but mute",
            "a newcomer to {domain} is left alone",
        ),
    ),
    "none_headers": (
        (
            "{n_cells} cells follow one another without a heading",
            "nothing in {where} tells where one step ends and another begins",
        ),
        ("readable only for its author", "the {target} story has to be guessed"),
    ),
    "no_summary": (
        (
            "the steps are headed and explained, then it stops at {where}",
            "after {where} nothing sums up what was found",
            "`{code}` is the last thing one sees",
        ),
        (
            "the reader who wanted to know about {target} goes away without an answer",
            "good to follow, with no ending",
            "a few closing lines are missing",
        ),
    ),
    "headed_and_summarised": (
        (
            "every step has its heading and a sentence ({where}), and the end says what came out",
            "{n_cells} short cells under headings, closed by a summary in {last}",
            "`{code}` sets the tone: each step is announced, done and, in {last}, summed up",
        ),
        (
            "I could follow the work on {target} without running anything",
            "a colleague from {domain} can read it",
            "easy to read and to pick up again",
        ),
    ),
}
