"""Composes tools, and requests that one of them answers."""

from dataclasses import dataclass
from random import Random

from ..skills import words as w
from ..skills.task import drilling
from . import catalog
from .catalog import Slot
from .values import schema, value


@dataclass(frozen=True)
class Tool:
    name: str
    verb: str  # key into the verbs of its pool
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


def camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)


def article(noun: str) -> str:
    return ("an " if noun[0] in "aeiou" else "a ") + noun


OTHER_WORDS = sorted(set(w.COMMON) - {part for noun in catalog.HELD_OUT_NOUNS for part in noun.split("_")} - set(catalog.HELD_OUT_VERBS))


def _word(rng: Random) -> str:
    """A word for a name: made up, or one that is rarely a name."""
    return w.made_up(rng, rng.choice([1, 2, 2, 3])) if rng.random() < 0.5 else rng.choice(OTHER_WORDS)


def new_slot(rng: Random) -> Slot:
    """A parameter that nobody has seen: it is mentioned by its name."""
    name = rng.choice([
        rng.choice(catalog.PARAM_FIRST) + "_" + rng.choice(catalog.PARAM_LAST),
        rng.choice(catalog.PARAM_LAST), _word(rng), _word(rng), _word(rng) + "_" + rng.choice(catalog.PARAM_LAST), _word(rng) + "_" + _word(rng),
    ])
    label = name.replace("_", " ")
    kind = rng.choice(["integer", "integer", "number", "name", "word", "id", "place", "text", "date", "time", "boolean", "strings", "names", "integers", "enum"])
    if kind == "enum":
        options = list(dict.fromkeys(w.made_up(rng) if rng.random() < 0.6 else rng.choice(w.COMMON) for _ in range(rng.choice([2, 3, 3, 4]))))
        kind = "enum:" + ",".join(options)
        return Slot(name, kind, tuple(rng.sample([f"with {label} {{v}}", "in {v}", "for {v}", "as {v}", "made of {v}", f"for the {{v}} {label}", f"with {{v}} {label}"], 2)))
    if kind == "boolean":
        return Slot(name, kind, (rng.choice([f"with {label}!without {label}", f"{label}!not {label}", f"with a {label}!without a {label}"]),))
    if kind == "integer" and rng.random() < 0.5:
        return Slot(name, kind, (f"for {{v}} {label}", f"with {{v}} {label}"))
    if kind == "place" and rng.random() < 0.6:
        return Slot(name, kind, ("in {v}", "at {v}", "for {v}", "near {v}", "from {v}"))
    if kind in ("name", "strings", "names") and rng.random() < 0.3:
        return Slot(name, kind, ("for {v}", "with {v}", "by {v}"))
    return Slot(name, kind, tuple(rng.sample([f"with {label} {{v}}", f"with the {label} {{v}}", f"{label} {{v}}", f"with a {label} of {{v}}", f"for {label} {{v}}", f"at {label} {{v}}", f"of {label} {{v}}"], 3)))


def _clashes(slots: list[Slot], slot: Slot) -> bool:
    """Whether a request could not tell the two apart: the same words before the value, or the same name."""
    return any(s.name == slot.name or set(s.phrases) & set(slot.phrases) for s in slots)


def make_tool(rng: Random, held_out: bool = False) -> Tool:
    verbs = catalog.HELD_OUT_VERBS if held_out else catalog.VERBS
    verb = rng.choice(list(verbs))
    noun = rng.choice(catalog.HELD_OUT_NOUNS if held_out else catalog.NOUNS)
    asked = tuple(verbs[verb])
    if not held_out:
        if rng.random() < 0.8:
            noun = rng.choice([_word(rng), _word(rng), _word(rng), w.made_up(rng) + "_" + noun, _word(rng) + "_" + _word(rng)])
        if rng.random() < 0.4:
            verb = _word(rng)
            asked = (verb,)
    spoken = noun.replace("_", " ")
    name = f"{verb}_{noun}"
    style = rng.random()
    if style < 0.15:
        name = camel(name)
    elif style < 0.22:
        name = f"{noun}_{verb}"
    elif style < 0.27:
        name = f"{noun}.{verb}"
    slots: list[Slot] = []
    for _ in range(rng.choice([0, 1, 1, 2] if drilling(rng) else [0, 1, 1, 2, 2, 2, 3, 3, 4])):
        slot = rng.choice(catalog.HELD_OUT_SLOTS) if held_out else rng.choice(catalog.SLOTS) if rng.random() < 0.35 else new_slot(rng)
        if not _clashes(slots, slot):
            slots.append(slot)
    required = [s.name for i, s in enumerate(slots) if rng.random() < (0.85 if i == 0 else 0.5)]
    slots.sort(key=lambda s: s.name not in required)
    said = verb.replace("_", " ")
    description = rng.choice([
        f"{said.capitalize()} {article(spoken)}", f"{said.capitalize()} the {spoken}", f"{said.capitalize()} {article(spoken)}.", f"Use this to {said} {article(spoken)}",
        f"{said.capitalize()}s the {spoken}", f"Tool to {said} {article(spoken)}", f"{said.capitalize()} {spoken} data", f"{said.capitalize()} {article(spoken)} for the user",
    ])
    return Tool(name, verb, spoken, description, tuple(slots), frozenset(required), asked)


LEADS = [
    "{V} {n}", "{V} {n}", "{V} {n}", "Please {v} {n}", "Can you {v} {n}", "I need you to {v} {n}", "Could you {v} {n}", "I want to {v} {n}", "{V} {n}", "Hey, {v} {n}", "I would like to {v} {n}",
    "We have to {v} {n}", "Help me {v} {n}", "{V} {n} now, please:",
]


def arguments(rng: Random, tool: Tool, optional: float = 0.4) -> tuple[dict[str, object], list[str]]:
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


def request(rng: Random, tool: Tool) -> tuple[str, dict]:
    """What a user says, and the call that it means."""
    given, phrases = arguments(rng, tool)
    if rng.random() < 0.4:
        rng.shuffle(phrases)
    verb = rng.choice(tool.verbs)
    noun = rng.choice([article(tool.noun), "the " + tool.noun, "the " + tool.noun, "my " + tool.noun, tool.noun])
    if verb.endswith(" on") and noun == tool.noun:
        noun = "the " + noun
    text = rng.choice(LEADS).format(V=verb[0].upper() + verb[1:], v=verb, n=noun)
    rest = (", ".join(phrases) if rng.random() < 0.2 else " ".join(phrases))
    text = f"{text} {rest}".strip() if rng.random() < 0.9 or not rest else f"{rest[0].upper() + rest[1:]}, {text[0].lower() + text[1:]}"
    question = text.startswith(("Can", "Could"))
    text += rng.choice(["?", "?", ""]) if question else rng.choice([".", ".", "", ", please."])
    if rng.random() < 0.08:
        text = text[0].lower() + text[1:]
    return text, {"name": tool.name, "arguments": given}
