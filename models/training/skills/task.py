"""What a skill makes: a question, its answer, and wrong answers that a hurried mind would give."""

from dataclasses import dataclass, field
from random import Random


@dataclass
class Task:
    skill: str
    question: str
    answer: str
    near: list[str] = field(default_factory=list)  # realistic wrong answers
    accept: list[str] = field(default_factory=list)  # other spellings of the right answer
    context: str | None = None  # text that the question is about
    more: list[tuple[str, str]] = field(default_factory=list)  # further questions on the same context

    def __post_init__(self) -> None:
        self.near = [n for n in self.near if n != self.answer and n not in self.accept]


class Pupil(Random):
    """A source of chance that also knows how much to drill: early in training most questions are short and easy,
    so that a model learns the task itself before it learns the many ways to ask for it."""

    drill: float = 0.0


def drilling(rng: Random) -> bool:
    return isinstance(rng, Pupil) and rng.random() < rng.drill


def phrase(rng: Random, templates: list[str], **values: object) -> str:
    """Picks a template, varies its letter case and punctuation, then fills it. Filled-in values stay as they are.

    Short templates come more often: a tiny model learns the same sum from fewer bytes.
    """
    if drilling(rng):
        return min(rng.choices(templates, k=8), key=len).format(**values)
    text = rng.choice(templates)
    if rng.random() < 0.5:
        text = min(text, rng.choice(templates), key=len)
    if rng.random() < 0.2 and text[0].isupper():
        text = text[0].lower() + text[1:]
    elif rng.random() < 0.04:
        text = _upper_outside_braces(text)
    if rng.random() < 0.2 and text[-1] in ".?":
        text = text[:-1]
    if rng.random() < 0.05:
        text = rng.choice(["Please tell me: ", "Hey, ", "Quick question: ", "OK, ", "Tell me: ", "Now: "]) + text
    return text.format(**values)


def _upper_outside_braces(text: str) -> str:
    out, depth = [], 0
    for c in text:
        depth += c == "{"
        out.append(c if depth else c.upper())
        depth -= c == "}"
    return "".join(out)


def near_numbers(rng: Random, n: int, at_least: int | None = 0) -> list[str]:
    """One digit off, a carry forgotten, digits swapped, a slip of one or ten."""
    digits = list(str(abs(n)))
    found: list[int] = [n + 1, n - 1, n + 10, n - 10, n + rng.choice([2, -2, 3, -3])]
    if len(digits) >= 3:
        found += [n + 100, n - 100]
    if len(digits) >= 2:
        i = rng.randrange(len(digits) - 1)
        swapped = digits[:]
        swapped[i], swapped[i + 1] = swapped[i + 1], swapped[i]
        found.append(int("".join(swapped)) * (1 if n >= 0 else -1))
    i = rng.randrange(len(digits))
    slipped = digits[:]
    slipped[i] = str((int(slipped[i]) + rng.randrange(1, 10)) % 10)
    found.append(int("".join(slipped)) * (1 if n >= 0 else -1))
    if at_least is not None:
        found = [m for m in found if m >= at_least]
    rng.shuffle(found)
    return [str(m) for m in dict.fromkeys(found) if m != n]
