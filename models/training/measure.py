"""Figures about answers."""


def auroc(marks: list[tuple[bool, float]]) -> float:
    """The chance that a right answer's confidence is above a wrong one's; ties count half. NaN if all are alike."""
    right = [c for ok, c in marks if ok]
    wrong = sorted(c for ok, c in marks if not ok)
    if not right or not wrong:
        return float("nan")
    import bisect

    above = sum((bisect.bisect_left(wrong, c) + bisect.bisect_right(wrong, c)) / 2 for c in right)
    return above / (len(right) * len(wrong))
