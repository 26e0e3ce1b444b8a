"""Reading a fact out of a few given sentences, and noticing that it is not there.

A relation says how a fact is told, how it is asked for, and how it is asked for backwards. `{s}` is the subject,
`{v}` the value, `{o}` a thing that belongs to the relation (counted objects, the animal of a pet ...).
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from . import words as w
from .task import Task, drilling, phrase

Maker = Callable[[Random], str]


def pick(items: list[str], new: float = 0.0) -> Maker:
    return lambda rng: w.name(rng, items, new)


def word(items: list[str], new: float = 0.25) -> Maker:
    """A lower-case word, sometimes a made-up one."""
    return lambda rng: w.made_up(rng) if rng.random() < new else rng.choice(items)


def count(low: int, high: int) -> Maker:
    return lambda rng: str(rng.randrange(low, high))


PERSON, CITY = pick(w.PEOPLE, 0.4), pick(w.CITIES, 0.4)


@dataclass(frozen=True)
class Relation:
    subject: Maker
    value: Maker
    say: list[str]
    ask: list[str]
    back: list[str] = field(default_factory=list)
    other: Maker | None = None


RELATIONS = [
    Relation(PERSON, CITY,
        ["{s} lives in {v}.", "{s}'s home is in {v}.", "{v} is where {s} lives.", "{s} has a house in {v}.", "{s} moved to {v}."],
        ["Where does {s} live?", "In which city does {s} live?", "What city does {s} live in?", "Which city is {s}'s home?"],
        ["Who lives in {v}?"]),
    Relation(PERSON, word(w.JOBS, 0.1),
        ["{s} works as a {v}.", "{s} is a {v}.", "{s}'s job is {v}.", "{s} became a {v}."],
        ["What is {s}'s job?", "What does {s} work as?", "What does {s} do for work?", "What is the job of {s}?", "What is {s}'s profession?"],
        ["Who is a {v}?", "Who works as a {v}?"]),
    Relation(PERSON, count(1, 100),
        ["{s} has {v} {o}.", "{s} owns {v} {o}.", "There are {v} {o} at {s}'s house.", "{s} bought {v} {o}."],
        ["How many {o} does {s} have?", "How many {o} are {s}'s?", "What number of {o} does {s} have?"],
        ["Who has {v} {o}?"], other=word(w.PLURALS, 0.1)),
    Relation(word(w.THINGS), pick(w.COLOURS),
        ["The {s} is {v}.", "The color of the {s} is {v}.", "The {s} was painted {v}.", "There is a {v} {s}."],
        ["What color is the {s}?", "Which color does the {s} have?", "What is the color of the {s}?"],
        ["What is {v}?", "Which thing is {v}?"]),
    Relation(PERSON, word(w.FOODS),
        ["{s} likes {v}.", "{s} loves {v}.", "{s}'s favorite food is {v}.", "{s} always eats {v}."],
        ["What does {s} like?", "What is {s}'s favorite food?", "What does {s} like to eat?", "Which food does {s} like?"],
        ["Who likes {v}?"]),
    Relation(PERSON, pick(w.PEOPLE, 0.7),
        ["{s} has a {o} called {v}.", "{s}'s {o} is called {v}.", "{s} has a {o} named {v}.", "The name of {s}'s {o} is {v}."],
        ["What is the name of {s}'s {o}?", "What is {s}'s {o} called?", "How is {s}'s {o} called?"],
        ["Whose {o} is called {v}?"], other=pick(w.ANIMALS)),
    Relation(PERSON, count(5, 99),
        ["{s} is {v} years old.", "{s} is {v}.", "{s}'s age is {v}.", "{s} turned {v} last week."],
        ["How old is {s}?", "What is {s}'s age?", "What age is {s}?"],
        ["Who is {v} years old?"]),
    Relation(word(w.THINGS), word(w.PLACES, 0.2),
        ["The {s} is in the {v}.", "Someone left the {s} in the {v}.", "You can find the {s} in the {v}.", "In the {v} there is a {s}."],
        ["Where is the {s}?", "In which place is the {s}?", "Where can I find the {s}?", "Where did someone leave the {s}?"],
        ["What is in the {v}?"]),
    Relation(word(w.THINGS), count(2, 900),
        ["The {s} costs {v} dollars.", "The price of the {s} is {v} dollars.", "You can buy the {s} for {v} dollars.", "The {s} is sold for {v} dollars."],
        ["How much does the {s} cost?", "What is the price of the {s}?", "How many dollars is the {s}?", "What does the {s} cost?"],
        ["What costs {v} dollars?"]),
    Relation(word(w.EVENTS, 0.1), pick(w.DAYS),
        ["The {s} is on {v}.", "The {s} takes place on {v}.", "On {v} there is a {s}.", "The {s} was moved to {v}."],
        ["When is the {s}?", "On which day is the {s}?", "What day is the {s}?", "When does the {s} take place?"],
        ["What is on {v}?"]),
    Relation(pick(w.COUNTRIES, 0.8), pick(w.CITIES, 0.8),
        ["The capital of {s} is {v}.", "{v} is the capital of {s}.", "{s}'s capital is {v}."],
        ["What is the capital of {s}?", "Which city is the capital of {s}?", "What is {s}'s capital?"],
        ["Which country has the capital {v}?"]),
    Relation(word(w.PLACES + w.THINGS), w.code,
        ["The code of the {s} is {v}.", "The code for the {s} is {v}.", "Use the code {v} for the {s}.", "The {s} opens with the code {v}."],
        ["What is the code for the {s}?", "What is the code of the {s}?", "Which code opens the {s}?"],
        ["What has the code {v}?"]),
    Relation(PERSON, PERSON,
        ["{s}'s {o} is {v}.", "The {o} of {s} is {v}.", "{v} is {s}'s {o}.", "{v} is the {o} of {s}."],
        ["Who is {s}'s {o}?", "Who is the {o} of {s}?", "What is the name of {s}'s {o}?"],
        other=pick("brother sister mother father boss friend neighbor teacher doctor coach uncle aunt".split())),
]


@dataclass(frozen=True)
class Fact:
    relation: Relation
    subject: str
    value: str
    other: str

    def fill(self, rng: Random, templates: list[str]) -> str:
        return rng.choice(templates).format(s=self.subject, v=self.value, o=self.other)


def _facts(rng: Random) -> list[Fact]:
    """One to four facts: some share a relation (so that the subject matters), some share a subject."""
    total = rng.choice([1, 1, 2, 2, 2, 3, 3, 4])
    facts: list[Fact] = []
    while len(facts) < total:
        relation = rng.choice(RELATIONS)
        repeat = rng.choice([1, 2, 2, 3])
        shared = relation.other(rng) if relation.other else ""
        for _ in range(min(repeat, total - len(facts))):
            same_kind = [f.subject for f in facts if f.relation.subject is relation.subject and f.relation is not relation]
            subject = rng.choice(same_kind) if same_kind and rng.random() < 0.5 else relation.subject(rng)
            other = shared if rng.random() < 0.6 else (relation.other(rng) if relation.other else "")
            facts.append(Fact(relation, subject, relation.value(rng), other))
    distinct: list[Fact] = []
    for fact in facts:
        alike = [f for f in distinct if f.relation is fact.relation]
        names = {f.value for f in distinct} | {f.subject for f in alike}
        if fact.value not in names and fact.subject not in names and fact.subject != fact.value:
            distinct.append(fact)
    rng.shuffle(distinct)
    return distinct


def _ask(rng: Random, fact: Fact, facts: list[Fact]) -> tuple[str, str, list[str]]:
    """A question about `fact`, its answer, and what a careless reader would answer."""
    relation = fact.relation
    if relation.back and rng.random() < 0.22:
        near = [f.subject for f in facts if f.subject != fact.subject] + [fact.value, relation.subject(rng)]
        return fact.fill(rng, [phrase_of(rng, relation.back)]), fact.subject, near
    same = [f.value for f in facts if f.relation is relation and f is not fact]
    near = [*same, *same, *(f.value for f in facts if f is not fact), relation.value(rng), relation.value(rng)]
    return fact.fill(rng, [phrase_of(rng, relation.ask)]), fact.value, [n for n in near if n != fact.value]


def phrase_of(rng: Random, templates: list[str]) -> str:
    """One template, sometimes with a small first letter or without its question mark."""
    text = rng.choice(templates)
    if rng.random() < 0.1:
        text = text[0].lower() + text[1:]
    return text[:-1] if rng.random() < 0.1 and text.endswith("?") else text


def _ask_missing(rng: Random, facts: list[Fact]) -> tuple[str, str, list[str]] | None:
    """A question of which the context says nothing, though it looks as if it might."""
    for _ in range(8):
        base = rng.choice(facts)
        if rng.random() < 0.5:
            relation = base.relation  # the same relation, another subject
            subject, other = relation.subject(rng), base.other
        else:
            relation = rng.choice(RELATIONS)  # a known subject, another relation
            if relation.subject is not base.relation.subject:
                continue
            subject = base.subject
            other = relation.other(rng) if relation.other else ""
        if not any(f.relation is relation and f.subject == subject for f in facts):
            fact = Fact(relation, subject, "", other)
            near = [f.value for f in facts] + [relation.value(rng)]
            return fact.fill(rng, [phrase_of(rng, relation.ask)]), "I don't know.", near
    return None


def read(rng: Random, missing: float = 0.14) -> Task:
    """One question on a context; `more` holds follow-up questions on the same one."""
    if drilling(rng):
        return recall(rng)
    while True:
        facts = _facts(rng)
        if facts:
            break
    sentences = [f.fill(rng, f.relation.say) for f in facts]
    context = rng.choice([" ", " ", " ", "\n"]).join(sentences)
    asked: list[tuple[str, str, list[str]]] = []
    for fact in rng.sample(facts, len(facts)):
        gone = _ask_missing(rng, facts) if rng.random() < missing else None
        asked.append(gone or _ask(rng, fact, facts))
    question, answer, near = asked[0]
    skill = "unknown_fact" if answer == "I don't know." else "read"
    return Task(skill, question, answer, near, context=context, more=[(q, a) for q, a, _ in asked[1:]])


def recall(rng: Random) -> Task:
    """The drill for reading: a few short facts of one kind, so that only the subject tells them apart, and all of them asked for."""
    relation = rng.choice(RELATIONS)
    other = relation.other(rng) if relation.other else ""
    say, ask = (min(rng.choices(templates, k=3), key=len) for templates in (relation.say, relation.ask))
    values = {relation.subject(rng): relation.value(rng) for _ in range(rng.choice([2, 3, 3, 4]))}
    facts = [Fact(relation, subject, value, other) for subject, value in values.items()]
    context = " ".join(f.fill(rng, [say]) for f in facts)
    asked = [(f.fill(rng, [ask]), f.value) for f in rng.sample(facts, len(facts))]
    (question, answer), *more = asked
    return Task("read", question, answer, [f.value for f in facts], context=context, more=more)


FRAMES = [
    "Text: {c}\nQuestion: {q}", "{c} {q}", "{c}\n{q}", "Read this: {c}\n\nNow answer: {q}", "{q}\n\n{c}", "Facts: {c}\n\n{q}",
    "Given this text: {c}\nAnswer this: {q}", "Here is what I know. {c} {q}", "Passage:\n{c}\n\nQ: {q}", "Use the text to answer.\n{c}\n\n{q}", "Story: {c} Question: {q}",
    "Information:\n{c}\n\nAnswer the question: {q}",
]


def framed(rng: Random, task: Task) -> str:
    """The whole user text of a task that has a context. Two canonical forms take over half."""
    kind = rng.random()
    if kind < 0.4:
        return f"Context:\n{task.context}\n\nQuestion: {task.question}"
    if kind < 0.7:
        return f"{task.context}\n\n{task.question}"
    return phrase(rng, ["{f}"], f=rng.choice(FRAMES).format(c=task.context, q=task.question))
