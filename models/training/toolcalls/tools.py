"""Composes tools out of verbs, nouns and parameters, and requests that one of them answers."""

from dataclasses import dataclass, replace
from random import Random

from ..skills import words as w
from ..skills.task import drilling
from . import catalog
from .catalog import Slot
from .values import schema, value


@dataclass(frozen=True)
class Tool:
    name: str
    verb: str
    noun: str  # as people say it
    description: str
    slots: tuple[Slot, ...]
    required: frozenset[str]
    verbs: tuple[str, ...]  # how people ask for it

    def openai(self) -> dict:
        parameters = {
            "type": "object",
            "properties": {slot.name: schema(slot.kind) for slot in self.slots},
            "required": [slot.name for slot in self.slots if slot.name in self.required],
        }
        return {"type": "function", "function": {"name": self.name, "description": self.description, "parameters": parameters}}

    def close_to(self, other: "Tool") -> bool:
        """Whether a request might mean either. With one noun, only what is done to it tells them apart."""
        return self.name == other.name or (self.noun == other.noun and bool({self.verb, *self.verbs} & {other.verb, *other.verbs}))

    def request(self, rng: Random) -> tuple[str, dict]:
        """What a user says, and the call that it means."""
        given, phrases = arguments(rng, self)
        if rng.random() < 0.3:
            rng.shuffle(phrases)
        verb = rng.choice(self.verbs)
        noun = rng.choice([article(self.noun), "the " + self.noun, "the " + self.noun, "my " + self.noun, self.noun])
        text = rng.choice(LEADS).format(V=verb[0].upper() + verb[1:], v=verb, n=noun)
        rest = (", ".join(phrases) if rng.random() < 0.15 else " ".join(phrases))
        text = f"{text} {rest}".strip() if rng.random() < 0.93 or not rest else f"{rest[0].upper() + rest[1:]}, {text[0].lower() + text[1:]}"
        question = text.startswith(("Can", "Could"))
        text += rng.choice(["?", "?", ""]) if question else rng.choice([".", ".", "", ", please."])
        if rng.random() < 0.08:
            text = text[0].lower() + text[1:]
        return text, {"name": self.name, "arguments": given}


def camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)


def article(noun: str) -> str:
    return ("an " if noun[0] in "aeiou" else "a ") + noun


OTHER_WORDS = sorted(set(w.COMMON) - {part for noun in catalog.HELD_OUT_NOUNS for part in noun.split("_")} - set(catalog.HELD_OUT_VERBS))


def spliced(rng: Random) -> str:
    """The head of one word and the tail of another: a new word that looks like a real one."""
    while True:
        head, tail = rng.choice(OTHER_WORDS), rng.choice(OTHER_WORDS)
        word = head[: rng.randrange(1, len(head))] + tail[rng.randrange(1, len(tail)) :]
        if 4 <= len(word) <= 10 and word not in catalog.ALL_HELD_OUT:
            return word


def _word(rng: Random) -> str:
    """A word for a name: a new one, or one that is rarely a name."""
    kind = rng.random()
    return spliced(rng) if kind < 0.45 else w.made_up(rng, rng.choice([1, 2, 2])) if kind < 0.65 else rng.choice(OTHER_WORDS)


def new_slot(rng: Random) -> Slot:
    """A parameter that nobody has seen: it is mentioned by its name, or its value stands in the signature."""
    name = rng.choice([
        rng.choice(catalog.PARAM_FIRST) + "_" + rng.choice(catalog.PARAM_LAST),
        rng.choice(catalog.PARAM_LAST), _word(rng), _word(rng), _word(rng), _word(rng) + "_" + rng.choice(catalog.PARAM_LAST),
    ])
    label = name.replace("_", " ")
    kind = rng.choice(["integer", "integer", "number", "name", "name", "word", "id", "place", "text", "date", "time", "boolean", "strings", "names", "integers", "enum"])
    if kind == "enum":
        options = list(dict.fromkeys(w.made_up(rng) if rng.random() < 0.4 else rng.choice(w.COMMON) for _ in range(rng.choice([2, 3, 3, 4]))))
        kind = "enum:" + ",".join(options)
        return Slot(name, kind, tuple(rng.sample([f"with {label} {{v}}", "in {v}", "for {v}", "made of {v}", f"for the {{v}} {label}"], 2)))
    if kind == "boolean":
        return Slot(name, kind, (rng.choice([f"with {label}!without {label}", f"{label}!not {label}"]),))
    if kind == "integer" and rng.random() < 0.5:
        return Slot(name, kind, (f"for {{v}} {label}", f"with {{v}} {label}"))
    if kind == "place" and rng.random() < 0.6:
        return Slot(name, kind, ("in {v}", "at {v}", "near {v}", "from {v}"))
    return Slot(name, kind, tuple(rng.sample([f"with {label} {{v}}", f"with the {label} {{v}}", f"{label} {{v}}", f"with a {label} of {{v}}", f"for {label} {{v}}", f"at {label} {{v}}"], 3)))


def _clashes(slots: list[Slot], slot: Slot) -> bool:
    """Whether a request could not tell the two apart: the same words before the value, or the same name."""
    return any(s.name == slot.name or set(s.phrases) & set(slot.phrases) for s in slots)


def new_noun(rng: Random) -> str:
    """One word or two."""
    kind = rng.random()
    if kind < 0.25:
        return rng.choice(catalog.NOUNS)
    return _word(rng) if kind < 0.85 else _word(rng) + "_" + rng.choice([_word(rng), rng.choice(catalog.NOUNS)])


def _name(rng: Random, verb: str, noun: str) -> str:
    """Mostly `verb_noun`."""
    style = rng.random()
    if style < 0.04:
        return camel(f"{verb}_{noun}")
    return f"{noun}_{verb}" if style < 0.07 else f"{noun}.{verb}" if style < 0.1 else f"{verb}_{noun}"


def _description(rng: Random, verb: str, noun: str) -> str:
    said = verb.replace("_", " ")
    return rng.choice([
        f"{said.capitalize()} {article(noun)}", f"{said.capitalize()} the {noun}", f"{said.capitalize()} {article(noun)}.", f"Use this to {said} {article(noun)}",
        f"{said.capitalize()}s the {noun}", f"Tool to {said} {article(noun)}", f"{said.capitalize()} {article(noun)} for the user",
    ])


def make_tool(rng: Random, held_out: bool = False, brief: bool = False) -> Tool:
    verbs = catalog.HELD_OUT_VERBS if held_out else catalog.VERBS
    verb = rng.choice(list(verbs))
    noun = rng.choice(catalog.HELD_OUT_NOUNS) if held_out else new_noun(rng)
    asked = tuple(verbs[verb])
    if not held_out and rng.random() < 0.4:
        verb = _word(rng)
        asked = (verb,)
    slots: list[Slot] = []
    for _ in range(rng.choice([0, 0, 1] if brief else [0, 1, 1, 2] if drilling(rng) else [0, 1, 1, 1, 2, 2, 3])):
        slot = rng.choice(catalog.HELD_OUT_SLOTS) if held_out else rng.choice(catalog.SLOTS) if rng.random() < 0.35 else new_slot(rng)
        if not _clashes(slots, slot):
            slots.append(slot)
    required = [s.name for i, s in enumerate(slots) if rng.random() < (0.85 if i == 0 else 0.5)]
    slots.sort(key=lambda s: s.name not in required)
    spoken = noun.replace("_", " ")
    return Tool(_name(rng, verb, noun), verb, spoken, _description(rng, verb, spoken), tuple(slots), frozenset(required), asked)


def sibling(rng: Random, tool: Tool, held_out: bool, brief: bool = False) -> Tool:
    """Another tool for the same noun; both are asked for by the verbs in their names."""
    other = make_tool(rng, held_out, brief)
    noun = tool.noun.replace(" ", "_")
    return replace(other, name=f"{other.verb}_{noun}", noun=tool.noun, description=_description(rng, other.verb, tool.noun), verbs=(other.verb,))


LEADS = [
    "{V} {n}", "{V} {n}", "{V} {n}", "Please {v} {n}", "Can you {v} {n}", "I need you to {v} {n}", "Could you {v} {n}", "I want to {v} {n}", "{V} {n}", "Hey, {v} {n}", "I would like to {v} {n}",
    "We have to {v} {n}", "Help me {v} {n}",
]


def arguments(rng: Random, tool: Tool, optional: float = 0.5) -> tuple[dict[str, object], list[str]]:
    """Arguments in the signature's order, and the phrases that mention them."""
    given: dict[str, object] = {}
    phrases: list[str] = []
    for slot in tool.slots:
        if slot.name not in tool.required and rng.random() > optional:
            continue
        given[slot.name], said = value(rng, slot.kind)
        phrase = rng.choice(slot.phrases)
        if slot.kind == "boolean":
            yes, no = phrase.split("!")
            phrase = yes if given[slot.name] else no
        phrases.append(phrase.replace("{v}", said))
    return given, phrases
