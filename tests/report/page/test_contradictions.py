"""An answer that contradicts its own words is counted, and its count leads to it."""

from pathlib import Path

from hand_study import hand_study
from made_report import report_of

from memalign_bench.report.page.cards import disagreements


def test_the_count_is_a_link_to_the_answers(tmp_path: Path) -> None:
    words = ["So the score is 1.", "Fine. The score is 3.", "Short.", "The grade is 2."]
    rows = [
        {"item_id": f"{'abcd'[n]}0", "expert_score": 3, "judge": 3, "rationale": text}
        for n, text in enumerate(words)
    ]
    report = report_of(hand_study(tmp_path / "s")({"none": rows}), n_resamples=20)
    found = disagreements(report.frames, report.look, {})
    told = {card.item_id: [a.contradicting for a in card.answers] for card in found.cards}
    assert told == {"a0": [1], "d0": [2]}  # both agree with the expert
    assert not any(card.agreeing for card in found.cards)
    page = report.page()
    assert "#disagreements?cards.status=contradictory&amp;cards.dimension=d1" in page
    assert page.count('data-status="contradictory"') == 2
    assert "its words say 1" in page
    assert "or contradict their own words, on 2 pairs of item and dimension" in page
