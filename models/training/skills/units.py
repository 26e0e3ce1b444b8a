"""Converting units, answers as plain numbers: `3000`, `2.5`."""

from decimal import Decimal
from random import Random

from .task import Task, phrase

# (large unit's names, small unit's names, how many small ones in a large one)
UNITS = [
    (["km", "kilometers"], ["m", "meters"], 1000),
    (["m", "meters"], ["cm", "centimeters"], 100),
    (["cm", "centimeters"], ["mm", "millimeters"], 10),
    (["kg", "kilograms"], ["g", "grams"], 1000),
    (["liters", "l"], ["ml", "milliliters"], 1000),
    (["hours"], ["minutes"], 60),
    (["minutes"], ["seconds"], 60),
    (["days"], ["hours"], 24),
    (["weeks"], ["days"], 7),
    (["years"], ["months"], 12),
    (["dozen"], ["eggs", "pieces"], 12),
    (["dollars"], ["cents"], 100),
]
TEMPLATES = [
    "Convert {n} {u} to {v}.", "How many {v} are in {n} {u}?", "How many {v} are {n} {u}?", "{n} {u} in {v}", "{n} {u} to {v}", "What is {n} {u} in {v}?",
    "How many {v} is {n} {u}?", "Express {n} {u} in {v}.", "Change {n} {u} into {v}.", "{n} {u} = ? {v}", "Turn {n} {u} into {v}.", "Give {n} {u} in {v}.",
    "How much is {n} {u} in {v}?", "Please convert {n} {u} to {v}.", "{n} {u} is how many {v}?", "I have {n} {u}. How many {v} is that?",
]


def plain(n: Decimal) -> str:
    return format(n.normalize(), "f") if n != n.to_integral() else str(int(n))


def convert(rng: Random) -> Task:
    large, small, factor = rng.choice(UNITS)
    n = Decimal(rng.randrange(1, 100 if factor in (10, 100, 1000) else 13))
    if factor in (100, 1000, 10) and rng.random() < 0.3:
        n = Decimal(rng.randrange(1, 100)) / 10
    product = n * factor
    given, result, from_, to = n, product, large, small
    if rng.random() < 0.4:
        given, result, from_, to = product, n, small, large
    right = plain(result)
    near = {plain(result * 10), plain(result / 10), plain(result + 1), plain(given), plain(result + (10 if result > 20 else 2))}
    near |= {plain(result * 100)} if factor > 60 else {plain(result + 12), plain(result * 2)}
    ordered = sorted(near - {right})
    rng.shuffle(ordered)
    unit = rng.choice(to)
    question = phrase(rng, TEMPLATES, n=plain(given), u=rng.choice(from_), v=unit)
    return Task("convert", question, right, ordered, accept=[f"{right} {unit}"])
