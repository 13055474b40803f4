"""The paper's page on published figures: the findings of `memalign-bench forensics`."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

from memalign_bench.errors import RecordError
from memalign_bench.report.prose import listed
from memalign_bench.wording import counted

__all__ = ["published"]

_TITLES = {
    "items": "Numbers of items that the printed means allow",
    "same items": "Whether two experiments had the same items",
    "difference": "What separates two experiments",
    "rounding": "Roundings that the numbers need",
    "arithmetic": "Whether the numbers agree with one another",
    "smallest p": "The smallest p that such items can give",
    "memories": "Which memories were ever left out",
    "completeness": "What was not printed",
    "coverage": "What the interval as worded covers",
}


def published(file: Path) -> dict[str, Any]:
    """All findings of an audit, in its own sentences, by what was checked.

    Args:
        file: The `forensics.json` of an audit.

    Raises:
        RecordError: If it is not there, or no audit.
    """
    try:
        audit = json.loads(file.read_text(encoding="utf-8"))
        source, findings = audit["source"], audit["findings"]
        # In the order of the audit, each check once.
        checks = dict.fromkeys(row["check"] for row in findings)
        groups = [
            {
                "title": _TITLES.get(check, check),
                "rows": [
                    [row["where"].replace("_", " "), row["verdict"],
                     row["sentence"].replace("_", " ")]
                    for row in findings
                    if row["check"] == check
                ],
            }
            for check in checks
        ]  # fmt: skip
    # ValueError: no JSON, or no UTF-8; the two after it: JSON of another shape.
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RecordError(
            f"{file} is not the outcome of an audit ({type(error).__name__}); make it by"
            " `memalign-bench forensics`, or leave the page out by forensics=null."
        ) from error
    verdicts = Counter(row["verdict"] for row in findings)
    parts = [f"{n} \N{LEFT SINGLE QUOTATION MARK}{name}\N{RIGHT SINGLE QUOTATION MARK}"
             for name, n in verdicts.most_common()]  # fmt: skip
    return {
        "source": source,
        "counts": f"{counted(len(findings), 'finding')}: {listed(parts)}.",
        "groups": groups,
    }
