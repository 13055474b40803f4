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
from memalign_bench.wording import counted

__all__ = ["json_text", "junit_text", "markdown_text", "summary_lines"]

_MAX_FLIPS = 30
_MAX_REASON = 160
"""Letters of a judge's reason that a table shows."""

# All but tab, line feed and carriage return, which XML allows.
_CONTROL_CHARACTERS = {code: None for code in range(32) if code not in (9, 10, 13)}


def summary_lines(report: GateReport) -> list[str]:
    """The gate in a few lines for a terminal."""
    head = f"{report.candidate} against {report.baseline}: {_state_text(report)}"
    widest = max(len(report.titles[evidence.dimension]) for evidence in report.dimensions)
    lines = [head, *(f"  {reason}" for reason in report.reasons)]
    for evidence in report.dimensions:
        title = report.titles[evidence.dimension].ljust(widest)
        note = f"  ({evidence.note})" if evidence.note else ""
        lines.append(f"  {title}  {evidence.call.value:<11}  {_estimate_text(evidence)}{note}")
    lines += [f"  from highest to lowest: {_flip_text(report, flip)}" for flip in report.severe]
    return [*lines, *(f"note: {line}" for line in report.warnings)]


def markdown_text(report: GateReport) -> str:
    """The gate as Markdown: verdicts, flips, notes."""
    rules = report.rules
    lines = [
        f"## Gate: {_state_text(report)}",
        "",
        f"Candidate `{report.candidate}` ({_md_escape(report.agents[1])}) against baseline"
        f" `{report.baseline}` ({_md_escape(report.agents[0])}); judge"
        f" {_md_escape(report.judge['variant'])} on {_md_escape(report.judge['backend'])},"
        f" `{report.judge['digest']}`. Margin {rules.margin:g} grades, level {rules.level:g} over"
        f" {counted(len(report.dimensions), 'dimension')} together (Holm).",
        "",
        *(f"- **{_md_escape(reason)}**" for reason in report.reasons),
        *([""] if report.reasons else []),
        "| dimension | | difference in experts' grades [95 %] | the judge's opinion | cases |"
        " p worse | p same | note |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    # One line per dimension.
    for evidence in report.dimensions:
        cells = [
            _md_escape(report.titles[evidence.dimension]),
            f"**{evidence.call.value}**",
            _estimate_text(evidence),
            f"{evidence.difference:+.2f}: {evidence.opinion.value}",
            str(evidence.n_cases),
            f"{evidence.p_worse:.3f}",
            f"{evidence.p_same:.3f}",
            _md_escape(evidence.note),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    lines += ["", *_flip_lines(report)]
    lines += [f"- {_md_escape(text)}" for text in (*_method_notes(report), *report.warnings)]
    return "\n".join([*lines, ""])


def _method_notes(report: GateReport) -> list[str]:
    notes = [
        "Worse: a loss beyond the margin is confirmed; same: a difference beyond it is ruled out;"
        " better: a gain is confirmed. Not told is not the same as the same. Each is a one-sided"
        " test: a loss may be confirmed where the two-sided interval just reaches the margin."
    ]
    if any(not math.isnan(evidence.slope) for evidence in report.dimensions):
        notes.append(
            "The judge's response to the experts' grades, measured on held-out labelled items, is"
            " carried into estimates, intervals and p-values; this supposes that it grades"
            " notebooks of one true grade alike, whichever agent wrote them."
        )
    return notes


def _flip_lines(report: GateReport) -> list[str]:
    if not report.flips:
        return ["No case changed its grades.", ""]
    # Severe flips come first and are never cut off.
    shown = report.flips[: max(_MAX_FLIPS, len(report.severe))]
    n_hidden = len(report.flips) - len(shown)
    lines = [
        f"<details><summary>{len(report.flips)} flips, {len(report.severe)} from the highest grade"
        " to the lowest</summary>",
        # The empty line ends the HTML: what follows is read as Markdown again.
        "",
        "| case | dimension | baseline | candidate | the judge's reason |",
        "| --- | --- | --- | --- | --- |",
    ]
    for flip in shown:
        mark = "**{}**" if flip.severe else "{}"
        cells = [
            _md_escape(flip.case_id),
            _md_escape(report.titles[flip.dimension]),
            _grades_text(flip.baseline),
            mark.format(_grades_text(flip.candidate)),
            _md_escape(flip.rationale[:_MAX_REASON]),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return [*lines, *([f"and {n_hidden} more" for _ in range(n_hidden > 0)]), "", "</details>", ""]


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
        "dimensions": [_json_values(evidence) for evidence in report.dimensions],
        "flips": [flip._asdict() for flip in report.flips],
        "warnings": list(report.warnings),
    }
    return json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def junit_text(report: GateReport) -> str:
    """The gate as JUnit XML: a test a dimension, and one of all; what is not told is skipped."""
    # With `strict` what cannot be told shuts the gate as a loss does.
    failed = {Call.WORSE, *([Call.CANNOT_TELL] if report.rules.strict else [])}
    cases = [(evidence, evidence.call in failed) for evidence in report.dimensions]
    # CI servers read the counts of the suite, so they are written out.
    suite = ElementTree.Element(
        "testsuite",
        name=f"memalign-bench gate {report.candidate}",
        tests=str(len(cases) + 1),
        failures=str(sum(is_failure for _, is_failure in cases) + (not report.passed)),
        errors="0",
        skipped=str(sum(o.call is Call.CANNOT_TELL and not is_failure for o, is_failure in cases)),
    )
    for evidence, is_failure in cases:
        case = _add_testcase(suite, evidence.dimension)
        message = f"{evidence.call.value}: {_estimate_text(evidence)}" + (
            f" ({evidence.note})" if evidence.note else ""
        )
        if is_failure:
            ElementTree.SubElement(
                case, "failure", message=_xml_safe(message), type=evidence.call.value
            )
        elif evidence.call is Call.CANNOT_TELL:
            ElementTree.SubElement(case, "skipped", message=_xml_safe(message))
        ElementTree.SubElement(case, "system-out").text = _xml_safe(
            "\n".join(
                _flip_text(report, flip)
                for flip in report.flips
                if flip.dimension == evidence.dimension
            )
        )
    # One test for the gate as a whole: it may be shut for reasons of no dimension.
    case = _add_testcase(suite, "gate")
    if not report.passed:
        message = _xml_safe("; ".join(report.reasons))
        ElementTree.SubElement(case, "failure", message=message, type="shut")
    severe = "\n".join(_flip_text(report, flip) for flip in report.severe)
    ElementTree.SubElement(case, "system-out").text = _xml_safe(severe)
    ElementTree.indent(suite)
    return ElementTree.tostring(suite, encoding="unicode", xml_declaration=True) + "\n"


def _add_testcase(suite: ElementTree.Element, name: str) -> ElementTree.Element:
    return ElementTree.SubElement(suite, "testcase", classname="memalign_bench.gate", name=name)


def _json_values(evidence: Evidence) -> dict[str, Any]:
    return {
        key: None if isinstance(value, float) and not math.isfinite(value) else value
        for key, value in vars(evidence).items()
    }


def _state_text(report: GateReport) -> str:
    if not report.passed:
        return "shut"
    unclear = len(report.dimensions_called(Call.CANNOT_TELL))
    return f"open, {unclear} of {len(report.dimensions)} dimensions not told" if unclear else "open"


def _estimate_text(evidence: Evidence) -> str:
    estimate = "unknown" if math.isnan(evidence.estimate) else f"{evidence.estimate:+.2f}"
    # Of one case there is none.
    if math.isnan(evidence.low):
        return f"{estimate} [no interval]"
    return f"{estimate} [{evidence.low:+.2f}, {evidence.high:+.2f}]"


def _flip_text(report: GateReport, flip: Flip) -> str:
    grades = f"{_grades_text(flip.baseline)} to {_grades_text(flip.candidate)}"
    return f"{flip.case_id}, {report.titles[flip.dimension]}: {grades}"


def _grades_text(grades: Sequence[Grade | None]) -> str:
    return ", ".join("-" if grade is None else str(grade) for grade in grades)


def _md_escape(text: str) -> str:
    """Text of data in a table of Markdown: no pipe, no line, no mark-up, no tag."""
    escaped = " ".join(str(text).translate(_CONTROL_CHARACTERS).split())
    # The backslash first, or it would escape those that escape.
    for mark in "\\|*_`[]":
        escaped = escaped.replace(mark, f"\\{mark}")
    # GitHub makes links of bare addresses and names people after an at sign.
    return escaped.replace("<", "&lt;").replace(">", "&gt;").replace("@", "@\u200b")


def _xml_safe(text: str) -> str:
    """Text without the characters that XML cannot hold."""
    # Surrogates and the two non-characters are not allowed in XML 1.0.
    return "".join(
        c
        for c in text.translate(_CONTROL_CHARACTERS)
        if not 0xD800 <= ord(c) < 0xE000 and ord(c) not in (0xFFFE, 0xFFFF)
    )
