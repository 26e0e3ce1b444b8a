"""Reversing, upper-casing, counting letters."""

from random import Random

from .task import Task, drilling, phrase
from .words import some_word

REVERSE = [
    "Reverse the word {w}.", "Reverse {w}", "Reverse: {w}", 'Reverse the word "{w}".', "Spell {w} backwards.", "Write {w} backwards.",
    "What is {w} spelled backwards?", 'What is "{w}" in reverse?', "Reverse the letters of {w}.", "Turn {w} around.", "{w} backwards",
    "Write the word {w} in reverse order.", "Please reverse the word {w}.", "How do you write {w} backwards?", "reverse({w})", "Say {w} backwards.",
]
UPPER = [
    "Write {w} in capital letters.", "Upper-case {w}", "Uppercase: {w}", 'Write "{w}" in upper case.', "Convert {w} to uppercase.",
    "Put {w} in capitals.", "Make {w} uppercase.", "Capitalize every letter of {w}.", "What is {w} in capital letters?", "{w} in upper case",
    "Turn {w} into capital letters.", "Write the word {w} in all caps.", "Please uppercase the word {w}.", "upper({w})", "Change {w} to upper case.",
]
COUNT = [
    "How many times does the letter {c} appear in {w}?", "How many {c}'s are in {w}?", 'How many "{c}" are in "{w}"?', "Count the letter {c} in {w}.",
    "How often does {c} occur in the word {w}?", "Count the {c}'s in {w}.", "How many letters {c} does {w} have?", "Number of {c} in {w}?",
    "How many times is {c} in {w}?", "In the word {w}, how many times do you see {c}?", "How many {c} does the word {w} contain?", "count({c}, {w})",
]


def _cased(rng: Random) -> str:
    word = some_word(rng)
    if drilling(rng):
        word = word[: rng.randrange(3, 7)]
    return word.capitalize() if rng.random() < 0.1 else word


def _slips(rng: Random, text: str) -> list[str]:
    """Two letters swapped, one left out, one doubled, one changed."""
    i = rng.randrange(len(text) - 1)
    swapped = text[:i] + text[i + 1] + text[i] + text[i + 2 :]
    other = rng.choice("abcdefghijklmnopqrstuvwxyz")
    changed = text[:i] + (other.upper() if text[i].isupper() else other) + text[i + 1 :]
    return [s for s in (swapped, text[:i] + text[i + 1 :], text[:i] + text[i] + text[i:], changed) if s != text]


def reverse(rng: Random) -> Task:
    word = _cased(rng)
    right = word[::-1]
    near = [s for s in [*_slips(rng, right), word] if s != right]
    rng.shuffle(near)
    return Task("reverse", phrase(rng, REVERSE, w=word), right, near)


def upper(rng: Random) -> Task:
    word = _cased(rng)
    right = word.upper()
    near = [*_slips(rng, right), word, right[::-1]]
    near = [s for s in near if s != right]
    rng.shuffle(near)
    return Task("upper", phrase(rng, UPPER, w=word), right, near)


def count(rng: Random) -> Task:
    word = some_word(rng)
    letter = rng.choice(word) if rng.random() < 0.85 else rng.choice("abcdefghijklmnopqrstuvwxyz")
    doubled = [c for c in word if word.count(c) > 1]
    if doubled and rng.random() < 0.5:
        letter = rng.choice(doubled)
    near = [tally(word, letter, slip) for slip in (-1, 1, 2) if word.count(letter) + slip >= 0]
    return Task("count", phrase(rng, COUNT, c=letter, w=word), tally(word, letter), near, accept=[str(word.count(letter))])


def tally(word: str, letter: str, slip: int = 0) -> str:
    """`b a1 n a2 n a3: 3`. Counting aloud, letter by letter, is what a small model can learn; the bare number is not."""
    seen, spelled = 0, []
    for c in word:
        seen += c == letter
        spelled.append(f"{c}{seen}" if c == letter else c)
    return f"{' '.join(spelled)}: {seen + slip}"
