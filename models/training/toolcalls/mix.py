"""Mixes the kinds of tool work into conversations, and makes the test items from held-out tools."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from random import Random

from ..chat import call_text
from ..skills import words as w
from ..skills.mix import SYSTEM
from ..skills.task import drilling
from .classify import filled, kind_question
from .everyday import Named, everyday
from .repair import broken, hidden, no_call
from .specialists import specialists
from .tools import Tool, make_tool, sibling
from .values import TEXTS, words_of

NO_TOOL = "No tool fits."
# What no tool of ours is for.
CHAT = [
    "Hello", "Hi", "Hello!", "Hi there!", "Good evening!", "Tell me a joke.", "Tell me a joke", "Tell me a joke about {topic}.", "How are you?", "Thanks!", "Thank you very much.", "Good morning!", "Hey", "Who are you?", "What can you do?",
    "What is your name?", "How are you today?", "Good night.", "That is great.", "I am sad.", "I am bored.", "Write a poem about {topic}.", "Write a story about a {animal}.", "Write a haiku.", "Who wrote {made}?", "Explain {topic}.", "What is {topic}?",
    "Why is the sky blue?", "Who invented the {thing}?", "What do you think about {topic}?", "Is {topic} good or bad?", "Do {animal}s sleep?", "How old is {person}?", "Who is {person}?", "What is the meaning of life?", "Do you like {food}?",
    "Recommend a hobby.", "Give me advice about {topic}.", "What is the largest planet?", "Who painted the Mona Lisa?", "How deep is the ocean?", "Can you sing?", "Do you love me?", "Tell me about {topic}.", "Tell me a story.", "What is love?",
    "Why do {animal}s bark?", "Should I learn {lang}?", "Which is better, {food} or {made}?", "I feel {colour} today.", "My {animal} is ill.", "What rhymes with {word}?", "Explain how a {thing} works.", "Compare {topic} and {made}.",
    "Who won the {event}?", "Tell me something funny.", "Sing a song.", "Are you a robot?", "Nice to meet you.", "See you later!", "Bye!", "Sorry, what?", "Why?", "OK", "{made}", "{made} {word}", "Let us talk about {topic}.", "What is a {made}?",
]
# How often training starts a conversation of each kind.
WEIGHTS = {"call": 62, "repair": 8, "extract": 4, "kind": 2, "specialist": 22, "result": 2}
TEST_KINDS = {"call": 200, "calls": 40, "none": 140, "repair": 100, "extract": 60, "kind": 70, "specialist": 60, "result": 30}


@dataclass
class Case:
    kind: str
    tools: list[dict] | None
    messages: list[dict]
    answer: str
    expected: list[dict] = field(default_factory=list)  # the calls, if there are any


def kept_back(templates: list[str], held_out: bool) -> list[str]:
    """Every fifth template is kept for tests."""
    return templates[4::5] if held_out else [t for i, t in enumerate(templates) if i % 5 != 4]


def close(a: Tool | Named, b: Tool | Named) -> bool:
    """Whether a request for one might mean the other."""
    if isinstance(a, Tool) and isinstance(b, Tool):
        return a.close_to(b)
    if isinstance(a, Named) and isinstance(b, Named):
        return a.close_to(b)
    composed, daily = (a, b) if isinstance(a, Tool) else (b, a)
    return bool(set(composed.noun.split()) & {part for name in daily.tool.names for part in name.split("_")})


def offered(rng: Random, held_out: bool, brief: bool = False) -> list[Tool | Named]:
    """One to four tools that a request can tell apart: everyday ones, composed ones, or both."""
    daily = rng.choices([1.0, 0.0, 0.5], [40, 48, 12])[0]
    tools: list[Tool | Named] = []
    for _ in range(rng.choice([2, 2, 3, 4] if brief else [1, 2, 2] if drilling(rng) else [1, 1, 2, 2, 3, 3, 4])):
        last = tools[-1] if tools else None
        if isinstance(last, Tool) and rng.random() < 0.1:
            tool: Tool | Named = sibling(rng, last, held_out, brief)
        else:
            tool = everyday(rng, held_out) if rng.random() < daily else make_tool(rng, held_out, brief)
        if not any(close(tool, t) for t in tools):
            tools.append(tool)
    if len(tools) > 1 and len({t.noun for t in tools if isinstance(t, Tool)}) < sum(isinstance(t, Tool) for t in tools):
        tools = [replace(t, verbs=(t.verb,)) if isinstance(t, Tool) else t for t in tools]
    rng.shuffle(tools)
    return tools


def stranger(rng: Random, tools: list[Tool | Named], held_out: bool, brief: bool = False) -> str:
    """A request that none of the tools answers: chit-chat, or one for a tool about something else, perhaps with the same verb."""
    if rng.random() < (0.15 if brief else 0.4):
        return filled(rng, rng.choice(kept_back(CHAT, held_out)))
    while True:
        other: Tool | Named = everyday(rng, held_out) if rng.random() < (0.25 if brief else 0.5) else make_tool(rng, held_out, brief)
        near = rng.choice(tools)
        if isinstance(other, Tool) and isinstance(near, Tool) and rng.random() < 0.4:
            other = replace(other, verb=near.verb, verbs=near.verbs)
        nouns = {t.noun for t in tools if isinstance(t, Tool)}
        if not any(close(other, t) for t in tools) and not (isinstance(other, Tool) and other.noun in nouns):
            return other.request(rng)[0]


def _has_parameters(tool: Tool | Named) -> bool:
    return bool(tool.openai()["function"]["parameters"]["properties"])


def two_requests(rng: Random, tools: list[Tool | Named]) -> tuple[str, list[dict]]:
    """Two requests in one sentence, for one tool or two."""
    first = rng.choice(tools)
    second = first if rng.random() < 0.5 and _has_parameters(first) else rng.choice(tools)
    one, call_one = first.request(rng)
    two, call_two = second.request(rng)
    one, two = one.rstrip(".?"), two[0].lower() + two[1:]
    calls = [call_one] if call_one == call_two else [call_one, call_two]
    return rng.choice([f"{one} and {two}", f"{one}, and also {two}", f"{one}. Then {two}", f"{one}. Also {two}", f"First {one[0].lower() + one[1:]}, then {two}"]), calls


def _case(kind: str, tools: Iterable[Tool | Named], text: str, calls: list[dict]) -> Case:
    answer = "".join(call_text(c) for c in calls) or NO_TOOL
    return Case(kind, [t.openai() for t in tools], [{"role": "user", "content": text}], answer, calls)


def ask(rng: Random, kind: str, tools: list[Tool | Named], held_out: bool, brief: bool = False) -> Case:
    """One case of a kind that needs ordinary tools."""
    if kind == "call":
        text, call = rng.choice(tools).request(rng)
        return _case(kind, tools, text, [call])
    if kind == "calls":
        text, calls = two_requests(rng, tools)
        return _case(kind, tools, text, calls)
    if kind == "none":
        return _case(kind, tools, stranger(rng, tools, held_out, brief), [])
    if kind == "repair":
        tool = rng.choice(tools)
        _, call = tool.request(rng)
        text, error = broken(rng, tool, call)
        return _case(kind, tools, f"Tool call:\n{text}\nError: {error}\nWrite the correct call.", [call])
    calls = [rng.choice(tools).request(rng)[1] for _ in range(rng.choice([0, 0, 1, 1, 1, 2]))]
    text = hidden(rng, calls) if calls else no_call(rng, rng.choice(tools))
    return _case("extract", tools, f"Response:\n{text}\nExtract the tool calls.", calls)


def result_turn(rng: Random) -> tuple[str, str]:
    """What a tool gave back, and the answer that repeats it."""
    text = rng.choice([
        str(rng.randrange(2000)), rng.choice(TEXTS).capitalize() + ".", w.name(rng, w.CITIES), w.name(rng, w.PEOPLE), words_of(rng, rng.choice([1, 2, 4, 6])), f"{rng.randrange(1, 40)} degrees",
        f"The answer is {rng.randrange(1000)}.", f"The {rng.choice(w.THINGS)} is {rng.choice(w.COLOURS)}.", "done", "ok", "Yes.", "No.",
    ])
    if rng.random() < 0.6:
        return json.dumps({rng.choice(["response", "response", "result", "answer", "output", "content", "text"]): text}), text
    return text, text


def with_result(rng: Random, tools: list[dict], text: str, call: dict) -> Case:
    content, answer = result_turn(rng)
    messages = [{"role": "user", "content": text}, {"role": "assistant", "content": "", "tool_calls": [call]}, {"role": "tool", "content": content}]
    return Case("result", tools, messages, answer)


def _with_tools(rng: Random, kind: str, held_out: bool) -> Case:
    if kind == "kind":
        text, answer = kind_question(rng)
        return Case(kind, None, [{"role": "user", "content": text}], answer)
    if kind in ("specialist", "result"):
        tools, requests = specialists(rng, held_out)
        text, call, _ = requests[0]
        if kind == "specialist":
            return Case(kind, tools, [{"role": "user", "content": text}], call_text(call), [call])
        if rng.random() < 0.5:
            tool = rng.choice(offered(rng, held_out))
            text, call = tool.request(rng)
            tools = [tool.openai()]
        return with_result(rng, tools, text, call)
    return ask(rng, kind, offered(rng, held_out), held_out)


def test_case(rng: Random, kind: str) -> Case:
    case = _with_tools(rng, kind, held_out=True)
    if rng.random() < 0.15:
        case.messages.insert(0, {"role": "system", "content": rng.choice(SYSTEM)})
    return case


def training_conversation(rng: Random, weights: dict[str, float] | None = None) -> tuple[list[dict] | None, list[dict]]:
    """Several questions on one list of tools: reading the tools costs most, so they are used more than once."""
    weights = weights or WEIGHTS
    kind = rng.choices(list(weights), list(weights.values()))[0]
    messages: list[dict] = []
    if rng.random() < 0.15:
        messages.append({"role": "system", "content": rng.choice(SYSTEM)})

    def add(case: Case) -> None:
        messages.extend([*case.messages, {"role": "assistant", "content": case.answer}])

    turns = rng.choice([1, 2, 3, 4])
    if kind == "kind":
        for _ in range(turns):
            add(_with_tools(rng, kind, False))
        return None, messages
    if kind == "specialist":
        tools, requests = specialists(rng)
        for text, call, _ in requests[:turns]:
            if rng.random() < 0.1:
                add(with_result(rng, tools, text, call))
            else:
                add(Case(kind, tools, [{"role": "user", "content": text}], call_text(call)))
        if rng.random() < 0.1:
            messages.extend([{"role": "user", "content": "Hello"}, {"role": "assistant", "content": NO_TOOL}])
        return tools, messages
    if kind == "result":
        case = _with_tools(rng, kind, False)
        add(case)
        return case.tools, messages
    brief = kind == "call" and rng.random() < 0.35  # many short questions on one list: finding the right tool takes most practice
    tools = offered(rng, False, brief)
    for _ in range(rng.choice([5, 6, 7]) if brief else turns):
        one = kind
        if kind == "call":
            one = rng.choices(["call", "calls", "none"], [52, 0, 48] if brief else [53, 17, 30])[0]
        case = ask(rng, one, tools, False, brief)
        add(case)
        if case.expected and one == "call" and rng.random() < 0.08:
            content, answer = result_turn(rng)
            messages.extend([{"role": "tool", "content": content}, {"role": "assistant", "content": answer}])
    return [t.openai() for t in tools], messages


def eval_items(rng: Random, total: int) -> list[dict]:
    items: list[dict] = []
    seen: set[str] = set()
    scale = total / sum(TEST_KINDS.values())
    for kind, count in TEST_KINDS.items():
        made = 0
        while made < round(count * scale):
            case = test_case(rng, kind)
            mark = json.dumps([case.messages[-1], case.tools])
            if mark in seen or case.kind != kind:
                continue
            seen.add(mark)
            item: dict = {"id": f"tools-{len(items):04d}", "kind": kind, "messages": [openai_message(m) for m in case.messages], "tools": case.tools or []}
            item |= {"expected": case.expected} if case.expected else {"text": case.answer}
            items.append(item)
            made += 1
    return items


def openai_message(message: dict) -> dict:
    """The message as the OpenAI format has it; a result belongs to the first call."""
    if message["role"] == "tool":
        return {"role": "tool", "tool_call_id": "call_0", "content": message["content"]}
    if not message.get("tool_calls"):
        return {k: v for k, v in message.items() if k != "emphasis"}
    calls = [{"id": f"call_{i}", "type": "function", "function": {"name": c["name"], "arguments": json.dumps(c["arguments"])}} for i, c in enumerate(message["tool_calls"])]
    return {**message, "tool_calls": calls}
