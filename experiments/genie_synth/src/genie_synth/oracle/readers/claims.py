"""What a notebook says of its data, sentence by sentence, held against the outputs above it."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from memalign_bench.notebooks.parse import Cell

__all__ = ["Claim", "claims"]

_NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:e-?\d+)?")
_PLAIN = r"(-?\d+(?:\.\d+)?)"
_QUOTED = re.compile(r"`([A-Za-z_]\w*)`")


@dataclass(frozen=True)
class Claim:
    """Something said of the data.

    Attributes:
        kind: Name of the pattern that recognised it.
        columns: Columns it names.
        holds: Whether the outputs above bear it out; None where they do not tell.
    """

    kind: str
    columns: tuple[str, ...]
    holds: bool | None


def claims(cells: Sequence[Cell]) -> Iterator[Claim]:
    """Claims in the markdown of a notebook, each held against the outputs just above it."""
    outputs: list[str] = []
    for cell in cells:
        if cell.kind == "code":
            outputs.append(cell.output)
            continue
        if not cell.source.lstrip().startswith("#"):
            for text in cell.source.splitlines():
                yield from _claim_in_line(text, outputs)


def _claim_in_line(text: str, outputs: Sequence[str]) -> Iterator[Claim]:
    columns = tuple(_QUOTED.findall(text))
    for kind, (pattern, check) in _PATTERNS.items():
        if match := pattern.search(text):
            seen = "\n".join(outputs[-1:])
            yield Claim(kind, columns, check(text, match, seen))
            return


def _printed_dictionary(seen: str, key: str = "") -> Mapping[str, float]:
    """The last dictionary of numbers in an output, among those that hold a key."""
    for text in reversed(re.findall(r"\{[^{}]*\}", seen)):
        try:
            # NumPy prints its scalars as np.float64(0.5).
            found = ast.literal_eval(re.sub(r"np\.\w+\(([^)]*)\)", r"\1", text))
        except (ValueError, SyntaxError):
            continue
        numeric = found and all(isinstance(value, int | float) for value in found.values())
        named = {str(name): value for name, value in found.items()} if numeric else {}
        if named and (not key or key in named):
            return {name: float(value) for name, value in named.items()}
    return {}


def _numbers(text: str) -> list[float]:
    return [float(number) for number in _NUMBER.findall(text)]


_Check = Callable[[str, re.Match[str], str], bool | None]


def _unchecked(_text: str, _match: re.Match[str], _seen: str) -> bool | None:
    return None


def _is_complete(_text: str, _match: re.Match[str], seen: str) -> bool | None:
    """Nothing is missing: the count above is zero."""
    found = re.search(r"(\d+) missing of", seen)
    return int(found.group(1)) == 0 if found else None


def _tenth_missing(_text: str, _match: re.Match[str], seen: str) -> bool | None:
    found = re.search(r"(\d+) missing of (\d+)", seen)
    return 0.05 < int(found.group(1)) / int(found.group(2)) < 0.15 if found else None


def _is_strongest(text: str, _match: re.Match[str], seen: str) -> bool | None:
    quoted = [name for name in _QUOTED.findall(text) if _printed_dictionary(seen, name)]
    values = {key: abs(v) for key, v in _printed_dictionary(seen, *quoted[:1]).items()}
    named = [name for name in quoted if name in values]
    return named[0] == max(values, key=values.__getitem__) if named else None


def _is_level(kind: Callable[..., str]) -> _Check:
    def check(text: str, match: re.Match[str], seen: str) -> bool | None:
        level = match.group("level").strip("`'\" ")
        values = _printed_dictionary(seen, level)
        return level == kind(values, key=values.__getitem__) if level in values else None

    return check


def _is_balanced(_text: str, _match: re.Match[str], seen: str) -> bool | None:
    shares = _printed_dictionary(seen)
    return max(shares.values()) < 0.6 if shares else None


def _has_rare(_text: str, _match: re.Match[str], seen: str) -> bool | None:
    shares = _printed_dictionary(seen)
    return min(shares.values()) < 0.1 if shares else None


def _mean_near_median(_text: str, _match: re.Match[str], seen: str) -> bool | None:
    numbers = _numbers(seen)
    return abs(numbers[0] - numbers[1]) < 0.1 * abs(numbers[0]) if len(numbers) > 1 else None


def _is_skewed(text: str, match: re.Match[str], seen: str) -> bool | None:
    agree = _mean_near_median(text, match, seen)
    return None if agree is None else not agree


def _half_above(text: str, match: re.Match[str], seen: str) -> bool | None:
    """Half of the rows lie above a value: it is the median printed."""
    median = _printed_dictionary(seen, "0.5").get("0.5")
    said = _numbers(match.group("number"))
    if median is None or not said:
        return None
    return abs(said[0] - median) <= 0.02 * abs(median) + 0.01


def _is_trend(_text: str, match: re.Match[str], seen: str) -> bool | None:
    pairs = re.findall(
        rf"\[\s*{_PLAIN},\s*{_PLAIN}\s*\]", re.sub(r"np\.float64\(([^)]*)\)", r"\1", seen)
    )
    if not pairs:
        return None
    first, last = map(float, pairs[-1])
    return (
        first > last if match.group("way") in ("fell", "falls", "fallen", "down") else last > first
    )


def _is_unrelated(_text: str, _match: re.Match[str], seen: str) -> bool | None:
    numbers = _numbers(seen)
    return abs(numbers[-1]) < 0.3 if numbers else None


def _is_related(text: str, match: re.Match[str], seen: str) -> bool | None:
    unrelated = _is_unrelated(text, match, seen)
    return None if unrelated is None else not unrelated


def _is_largest(_text: str, match: re.Match[str], seen: str) -> bool | None:
    numbers, said = _numbers(seen), _numbers(match.group("number"))
    return numbers[-1] <= said[0] if numbers and said else None


_VALUE = r"(?P<number>-?\d+(?:\.\d+)?)"

_PATTERNS: Mapping[str, tuple[re.Pattern[str], _Check]] = {
    name: (re.compile(pattern, re.I), check)
    for name, pattern, check in (
        ("complete", r"is complete|nothing is missing|no gaps", _is_complete),
        ("a tenth missing", r"about a tenth of .* is missing", _tenth_missing),
        ("strongest", r"strongest relation|drives .* most|most strongly", _is_strongest),
        ("most frequent", r"most (?:frequent|common) .*\bis (?P<level>[\w`]+)", _is_level(max)),
        ("most rows", r"most rows have .*` (?P<level>[\w-]+)", _is_level(max)),
        ("highest group", r"highest where .* is (?P<level>[\w-]+)", _is_level(max)),
        ("highest group 2", r"look at (?P<level>[\w-]+): nowhere", _is_level(max)),
        ("highest group 3", r", (?P<level>[\w-]+) shows the highest", _is_level(max)),
        ("balanced", r"about equally frequent|balanced", _is_balanced),
        ("rare", r"are very rare", _has_rare),
        ("skewed", r"strongly skewed", _is_skewed),
        ("symmetric", r"is symmetric", _mean_near_median),
        ("half", rf"half of the rows have .* (?:above|over) {_VALUE}", _half_above),
        ("trend", r"\b(?P<way>fell|rose|falls|rises)\b", _is_trend),
        ("unrelated", r"nothing to do with one another", _is_unrelated),
        ("related", r"move closely together", _is_related),
        ("largest", rf"(?:never gets above|stays under|larger than) {_VALUE}", _is_largest),
        ("level", r"\d on average|averages? \d", _unchecked),
        ("number of a column", r"`\w+`.*\d|\d.*`\w+`", _unchecked),
    )
}
