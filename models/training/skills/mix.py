"""Mixes the skills into conversations."""

from dataclasses import dataclass, field
from random import Random

from . import arithmetic, forms, reading, text, units, unknown
from .task import Task, drilling

DIRECT = {
    "add": arithmetic.add, "sub": arithmetic.sub, "mul": arithmetic.mul, "compare": arithmetic.compare, "sort": arithmetic.sort,
    "reverse": text.reverse, "upper": text.upper, "count": text.count, "convert": units.convert,
    "read": reading.read, "unknown": unknown.unknown, "greet": unknown.greet,
}
FORMS = ["verify", "draft", "choose"]
# What the forms ask about; greetings cannot be right or wrong.
ABOUT = {"add": 3, "sub": 3, "mul": 2, "compare": 2, "sort": 2, "reverse": 2, "upper": 1, "convert": 2, "read": 3, "unknown": 0.6}
SYSTEM = [
    "You are a helpful assistant.", "Answer briefly.", "You are a small model.", "Be short.", "You are a careful assistant.", "Reply with the answer only.",
    "You answer questions.", "Answer the question.", "You are one of three assistants.", "Think carefully.", "Be precise.", "Give short answers.",
]

# What a test set holds: forms are about all skills, so they come often.
TEST_WEIGHTS = {"add": 8, "sub": 8, "mul": 7, "compare": 7, "sort": 7, "reverse": 7, "upper": 6, "count": 6, "convert": 7, "read": 10,
                "unknown": 8, "greet": 0.5, "verify": 10, "draft": 6, "choose": 5}


@dataclass
class Example:
    skill: str
    messages: list[dict]  # up to the last question
    answer: str
    accept: list[str] = field(default_factory=list)
    about: str = ""  # what a verify, draft or choose item is about
    more: list[tuple[str, str]] = field(default_factory=list)

    @property
    def prompt(self) -> str:
        return self.messages[-1]["content"]


def weighted(rng: Random, weights: dict[str, float]) -> str:
    return rng.choices(list(weights), list(weights.values()))[0]


def _one(rng: Random, weights: dict[str, float], about: dict[str, float]) -> Example:
    skill = weighted(rng, weights)
    if skill not in FORMS:
        task = DIRECT[skill](rng)
        content = reading.framed(rng, task) if task.context else task.question
        message: dict = {"role": "user", "content": content}
        return Example(task.skill, [message], task.answer, task.accept, more=task.more)
    task = DIRECT[weighted(rng, about)](rng)
    others = [DIRECT[weighted(rng, about)](rng)]
    content, answer = getattr(forms, skill)(rng, task, others)
    message = {"role": "user", "content": content}
    return Example(skill, [message], answer, task.accept if skill == "draft" else [], about=task.skill)


def example(rng: Random, weights: dict[str, float], about: dict[str, float] | None = None) -> Example:
    """One conversation whose last question is of a skill drawn by `weights`."""
    about = about or ABOUT
    made = _one(rng, weights, about)
    last = made.messages[-1]
    if drilling(rng):
        return made
    if rng.random() < 0.06:
        last["content"] += rng.choice([" ", "\n", "  "])
    earlier: list[dict] = []
    if rng.random() < 0.15:
        for _ in range(rng.choice([1, 1, 2])):
            before = _one(rng, weights, about)
            earlier += [before.messages[-1], {"role": "assistant", "content": before.answer}]
    if rng.random() < 0.15:
        earlier.insert(0, {"role": "system", "content": rng.choice(SYSTEM)})
    made.messages = earlier + made.messages
    return made


VERDICT_WEIGHT = 6.0  # what the letters of a judgement that decide count in the loss; they are few


def conversation(rng: Random, made: Example, follow_up: float = 0.9) -> list[dict]:
    """The training form: with the answer, and sometimes further questions on the same context."""
    reply: dict = {"role": "assistant", "content": made.answer}
    if made.skill in ("verify", "choose") or made.answer in ("Yes.", "No."):
        reply["emphasis"] = (forms.deciding(made.answer), VERDICT_WEIGHT)
    messages = [*made.messages, reply]
    if made.more and rng.random() < follow_up:
        for question, answer in made.more[:3]:
            messages += [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
    return messages
