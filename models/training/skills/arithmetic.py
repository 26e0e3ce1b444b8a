"""Sums, differences, products, comparing and sorting."""

from random import Random

from .task import Task, drilling, near_numbers, phrase

ADD = [
    "What is {a} + {b}?", "{a} + {b}", "{a}+{b}", "{a} + {b} = ?", "{a}+{b}=", "Add {a} and {b}.", "What is {a} plus {b}?",
    "Calculate {a} + {b}.", "What is the sum of {a} and {b}?", "How much is {a} plus {b}?", "Compute {a} + {b}.",
    "Please add {a} to {b}.", "Sum of {a} and {b}?", "{a} plus {b} equals what?", "What do you get if you add {a} and {b}?",
    "If I have {a} and get {b} more, how many do I have?", "Solve: {a} + {b}", "How much do {a} and {b} make together?",
]
ADD3 = [
    "What is {a} + {b} + {c}?", "{a} + {b} + {c}", "Add {a}, {b} and {c}.", "What is the sum of {a}, {b} and {c}?",
    "{a}+{b}+{c}=", "Calculate {a} + {b} + {c}.", "How much is {a} plus {b} plus {c}?", "Compute {a} + {b} + {c}.",
]
SUB = [
    "What is {a} - {b}?", "{a} - {b}", "{a}-{b}", "{a} - {b} = ?", "{a}-{b}=", "Subtract {b} from {a}.",
    "What is {a} minus {b}?", "Calculate {a} - {b}.", "What is the result of {a} minus {b}?", "How much is {a} minus {b}?",
    "Compute {a} - {b}.", "Take {b} away from {a}.", "{a} minus {b} equals what?", "What is left of {a} if you take away {b}?",
    "I had {a} and lost {b}. How many are left?", "Solve: {a} - {b}", "What do you get if you subtract {b} from {a}?",
]
MUL = [
    "What is {a} * {b}?", "{a} * {b}", "{a}*{b}", "{a} x {b}", "{a} * {b} = ?", "{a}*{b}=", "What is {a} times {b}?",
    "Multiply {a} by {b}.", "Multiply {a} and {b}.", "Calculate {a} * {b}.", "What is the product of {a} and {b}?",
    "How much is {a} times {b}?", "Compute {a} * {b}.", "{a} times {b} equals what?", "Solve: {a} * {b}", "{a} × {b}",
    "There are {a} boxes with {b} pens in each. How many pens are there?",
]
LARGER = [
    "Which is larger, {a} or {b}?", "Which number is bigger: {a} or {b}?", "Which is greater, {a} or {b}?", "What is the larger of {a} and {b}?",
    "Is {a} or {b} the larger number?", "Name the bigger number: {a}, {b}", "max({a}, {b})", "What is the maximum of {a} and {b}?",
    "{a} or {b}, which one is larger?", "Give me the greater number of {a} and {b}.", "Pick the larger one: {a} or {b}.", "Larger: {a} or {b}?",
]
SMALLER = [
    "Which is smaller, {a} or {b}?", "Which number is smaller: {a} or {b}?", "Which is less, {a} or {b}?", "What is the smaller of {a} and {b}?",
    "Is {a} or {b} the smaller number?", "Name the smaller number: {a}, {b}", "min({a}, {b})", "What is the minimum of {a} and {b}?",
    "{a} or {b}, which one is smaller?", "Give me the lesser number of {a} and {b}.", "Pick the smaller one: {a} or {b}.", "Smaller: {a} or {b}?",
]
IS_LARGER = [
    "Is {a} larger than {b}?", "Is {a} > {b}?", "Is {a} bigger than {b}?", "Is {a} greater than {b}?", "{a} > {b}?", "Is {a} more than {b}?",
    "Is {b} smaller than {a}?", "Is {b} < {a}?", "Is {b} less than {a}?", "Would you say {a} is larger than {b}?", "Is it true that {a} is larger than {b}?",
    "Yes or no: is {a} bigger than {b}?",
]
UP = [
    "Sort {l} in ascending order.", "Sort these numbers: {l}", "Sort {l}.", "Order {l} from smallest to largest.", "Sort ascending: {l}",
    "Put {l} in increasing order.", "Arrange {l} from low to high.", "Sort from small to large: {l}", "Sort the numbers {l}.",
    "Please sort {l} from smallest to biggest.", "Rank {l} from smallest to largest.", "List {l} in ascending order.", "What is {l} sorted?",
]
DOWN = [
    "Sort {l} in descending order.", "Sort descending: {l}", "Order {l} from largest to smallest.", "Put {l} in decreasing order.",
    "Arrange {l} from high to low.", "Sort from large to small: {l}", "Sort the numbers {l} in descending order.", "Sort {l} from biggest to smallest.",
    "Rank {l} from largest to smallest.", "List {l} in descending order.", "Sort {l} in reverse order, largest first.", "Sort these numbers, biggest first: {l}",
]


def number(rng: Random) -> int:
    """One to three digits, each length often enough."""
    digits = rng.choices([1, 2, 3], [25, 40, 35] if drilling(rng) else [15, 50, 35])[0]
    return rng.randrange(10**digits)


def add(rng: Random) -> Task:
    if rng.random() < 0.15:
        a, b, c = (rng.randrange(1, 10) for _ in range(3))
        total = a + b + c
        return Task("add", phrase(rng, ADD3, a=a, b=b, c=c), str(total), near_numbers(rng, total))
    a, b = number(rng), number(rng)
    near = near_numbers(rng, a + b)
    if a != b:
        near.append(str(abs(a - b)))
    return Task("add", phrase(rng, ADD, a=a, b=b), str(a + b), near)


def sub(rng: Random) -> Task:
    a, b = number(rng), number(rng)
    if a < b and (b >= 100 or rng.random() < 0.6):  # below nothing only with small numbers
        a, b = b, a
    near = near_numbers(rng, a - b, None)
    if b:
        near.append(str(a + b))
    if a != b:
        near.append(str(b - a))
    return Task("sub", phrase(rng, SUB, a=a, b=b), str(a - b), near)


def mul(rng: Random) -> Task:
    a, b = rng.randrange(2, 10), rng.randrange(2, 13 if rng.random() < 0.25 else 100)
    product = a * b
    near = [*near_numbers(rng, product), str(a + b), str(product + a), str(product + b)]
    if rng.random() < 0.5:
        a, b = b, a
    return Task("mul", phrase(rng, MUL, a=a, b=b), str(product), near)


def _close_pair(rng: Random) -> tuple[int, int]:
    while True:
        a = number(rng)
        b = number(rng) if rng.random() < 0.6 else max(0, a + rng.choice([1, -1, 2, -2, 9, -9, 10, -10, 90, -90, 100, -100]))
        if a != b:
            return a, b


def compare(rng: Random) -> Task:
    a, b = _close_pair(rng)
    kind = rng.random()
    if kind < 0.35:
        return Task("compare", phrase(rng, LARGER, a=a, b=b), str(max(a, b)), [str(min(a, b))] * 2)
    if kind < 0.7:
        return Task("compare", phrase(rng, SMALLER, a=a, b=b), str(min(a, b)), [str(max(a, b))] * 2)
    right = a > b
    return Task("compare", phrase(rng, IS_LARGER, a=a, b=b), "Yes." if right else "No.", ["No." if right else "Yes."])


def sort(rng: Random) -> Task:
    numbers = rng.sample(range(rng.choice([10, 100, 100])), rng.choice([2, 3, 3] if drilling(rng) else [2, 3, 3, 4, 4, 5]))
    down = rng.random() < 0.4
    right = sorted(numbers, reverse=down)
    shown = rng.choice([", ", ", ", ", ", " ", ","]).join(map(str, numbers))
    if rng.random() < 0.15:
        shown = ", ".join(map(str, numbers[:-1])) + " and " + str(numbers[-1])

    def text(ns: list[int]) -> str:
        return ", ".join(map(str, ns))

    swapped = right[:]
    i = rng.randrange(len(right) - 1)
    swapped[i], swapped[i + 1] = swapped[i + 1], swapped[i]
    missing = right[:]
    missing.pop(rng.randrange(len(right)))
    changed = right[:]
    changed[i] = int(near_numbers(rng, changed[i])[0])
    near = [text(ns) for ns in (swapped, right[::-1], numbers, missing, changed) if ns != right]
    rng.shuffle(near)
    return Task("sort", phrase(rng, DOWN if down else UP, l=shown), text(right), near)
