"""What a gate writes: JUnit XML for a CI server, Markdown for a pull request, JSON for programs."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any
from xml.etree import ElementTree

from memalign_bench.loop.gate.comparing import Flip, GateReport
from memalign_bench.loop.gate.verdicts import Call, Evidence
from memalign_bench.scales import Grade

__all__ = ["json_text", "junit_text", "markdown_text", "summary_lines"]

_SHOWN_FLIPS = 30
_WHY = 160
"""Letters of a judge's reason that a table shows."""

_CONTROL = {code: None for code in range(32) if code not in (9, 10, 13)}


def summary_lines(report: GateReport) -> list[str]:
    """The gate in a few lines for a terminal."""
    head = f"{report.candidate} against {report.baseline}: {_state(report)}"
    widest = max(len(report.titles[one.dimension]) for one in report.dimensions)
    lines = [head, *(f"  {reason}" for reason in report.reasons)]
    for one in report.dimensions:
        title = report.titles[one.dimension].ljust(widest)
        note = f"  ({one.note})" if one.note else ""
        lines.append(f"  {title}  {one.call.value:<11}  {_estimate(one)}{note}")
    lines += [f"  from highest to lowest: {_where(report, flip)}" for flip in report.severe]
    return [*lines, *(f"note: {line}" for line in report.warnings)]


def markdown_text(report: GateReport) -> str:
    """The gate as Markdown: verdicts, flips, notes."""
    rules = report.rules
    lines = [
        f"## Gate: {_state(report)}",
        "",
        f"Candidate `{report.candidate}` ({_plain(report.agents[1])}) against baseline"
        f" `{report.baseline}` ({_plain(report.agents[0])}); judge"
        f" {_plain(report.judge['variant'])} on {_plain(report.judge['backend'])},"
        f" `{report.judge['digest']}`. Margin {rules.margin:g} grades, level {rules.level:g} over"
        f" {len(report.dimensions)} dimensions together (Holm).",
        "",
        *(f"- **{_plain(reason)}**" for reason in report.reasons),
        *([""] if report.reasons else []),
        "| dimension | | difference in experts' grades [95 %] | the judge's opinion | cases |"
        " p worse | p same | note |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for one in report.dimensions:
        cells = [
            _plain(report.titles[one.dimension]),
            f"**{one.call.value}**",
            _estimate(one),
            f"{one.difference:+.2f}: {one.opinion.value}",
            str(one.n_cases),
            f"{one.p_worse:.3f}",
            f"{one.p_same:.3f}",
            _plain(one.note),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    lines += ["", *_flip_lines(report)]
    lines += [f"- {_plain(text)}" for text in (*_how(report), *report.warnings)]
    return "\n".join([*lines, ""])


def _how(report: GateReport) -> list[str]:
    told = [
        "Worse: a loss beyond the margin is confirmed; same: a difference beyond it is ruled out;"
        " better: a gain is confirmed. Not told is not the same as the same. Each is a one-sided"
        " test: a loss may be confirmed where the two-sided interval just reaches the margin."
    ]
    if any(not math.isnan(one.slope) for one in report.dimensions):
        told.append(
            "The judge's response to the experts' grades, measured on held-out labelled items, is"
            " carried into estimates, intervals and p-values; this supposes that it grades"
            " notebooks of one true grade alike, whichever agent wrote them."
        )
    return told


def _flip_lines(report: GateReport) -> list[str]:
    if not report.flips:
        return ["No case changed its grades.", ""]
    shown = report.flips[: max(_SHOWN_FLIPS, len(report.severe))]
    more = len(report.flips) - len(shown)
    lines = [
        f"<details><summary>{len(report.flips)} flips, {len(report.severe)} from the highest grade"
        " to the lowest</summary>",
        "",
        "| case | dimension | baseline | candidate | the judge's reason |",
        "| --- | --- | --- | --- | --- |",
    ]
    for flip in shown:
        mark = "**{}**" if flip.severe else "{}"
        cells = [
            _plain(flip.case_id),
            _plain(report.titles[flip.dimension]),
            _grades(flip.baseline),
            mark.format(_grades(flip.candidate)),
            _plain(flip.rationale[:_WHY]),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return [*lines, *([f"and {more} more" for _ in range(more > 0)]), "", "</details>", ""]


def json_text(report: GateReport) -> str:
    """The gate as JSON; a number that there is not is null."""
    value = {
        "baseline": report.baseline,
        "candidate": report.candidate,
        "agents": list(report.agents),
        "judge": {key: report.judge[key] for key in ("digest", "variant", "backend", "model")},
        "rules": vars(report.rules),
        "passed": report.passed,
        "reasons": list(report.reasons),
        "dimensions": [_values(one) for one in report.dimensions],
        "flips": [flip._asdict() for flip in report.flips],
        "warnings": list(report.warnings),
    }
    return json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def junit_text(report: GateReport) -> str:
    """The gate as JUnit XML: a test a dimension, and one of all; what is not told is skipped."""
    failed = {Call.WORSE, *([Call.CANNOT_TELL] if report.rules.strict else [])}
    cases = [(one, one.call in failed) for one in report.dimensions]
    suite = ElementTree.Element(
        "testsuite",
        name=f"memalign-bench gate {report.candidate}",
        tests=str(len(cases) + 1),
        failures=str(sum(fails for _, fails in cases) + (not report.passed)),
        errors="0",
        skipped=str(sum(o.call is Call.CANNOT_TELL and not fails for o, fails in cases)),
    )
    for one, fails in cases:
        case = _test(suite, one.dimension)
        told = f"{one.call.value}: {_estimate(one)}" + (f" ({one.note})" if one.note else "")
        if fails:
            ElementTree.SubElement(case, "failure", message=_xml(told), type=one.call.value)
        elif one.call is Call.CANNOT_TELL:
            ElementTree.SubElement(case, "skipped", message=_xml(told))
        ElementTree.SubElement(case, "system-out").text = _xml(
            "\n".join(
                _where(report, flip) for flip in report.flips if flip.dimension == one.dimension
            )
        )
    case = _test(suite, "gate")
    if not report.passed:
        told = _xml("; ".join(report.reasons))
        ElementTree.SubElement(case, "failure", message=told, type="shut")
    severe = "\n".join(_where(report, flip) for flip in report.severe)
    ElementTree.SubElement(case, "system-out").text = _xml(severe)
    ElementTree.indent(suite)
    return ElementTree.tostring(suite, encoding="unicode", xml_declaration=True) + "\n"


def _test(suite: ElementTree.Element, name: str) -> ElementTree.Element:
    return ElementTree.SubElement(suite, "testcase", classname="memalign_bench.gate", name=name)


def _values(one: Evidence) -> dict[str, Any]:
    return {
        key: None if isinstance(value, float) and not math.isfinite(value) else value
        for key, value in vars(one).items()
    }


def _state(report: GateReport) -> str:
    if not report.passed:
        return "shut"
    unclear = len(report.called(Call.CANNOT_TELL))
    return f"open, {unclear} of {len(report.dimensions)} dimensions not told" if unclear else "open"


def _estimate(one: Evidence) -> str:
    if math.isnan(one.estimate):
        return f"unknown [{one.low:+.2f}, {one.high:+.2f}]"
    return f"{one.estimate:+.2f} [{one.low:+.2f}, {one.high:+.2f}]"


def _where(report: GateReport, flip: Flip) -> str:
    grades = f"{_grades(flip.baseline)} to {_grades(flip.candidate)}"
    return f"{flip.case_id}, {report.titles[flip.dimension]}: {grades}"


def _grades(grades: Sequence[Grade | None]) -> str:
    return ", ".join("-" if grade is None else str(grade) for grade in grades)


def _plain(text: str) -> str:
    """Text of data in a table of Markdown: no pipe, no line, no mark-up, no tag."""
    told = " ".join(str(text).translate(_CONTROL).split())
    for mark in "\\|*_`[]":
        told = told.replace(mark, f"\\{mark}")
    # GitHub makes links of bare addresses and names people after an at sign.
    return told.replace("<", "&lt;").replace(">", "&gt;").replace("@", "@\u200b")


def _xml(text: str) -> str:
    """Text without the characters that XML cannot hold."""
    return "".join(
        c
        for c in text.translate(_CONTROL)
        if not 0xD800 <= ord(c) < 0xE000 and ord(c) not in (0xFFFE, 0xFFFF)
    )
