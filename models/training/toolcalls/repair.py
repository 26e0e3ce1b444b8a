"""Breaks right calls in the ways models break them, and hides calls in prose."""

import json
import re
from random import Random

from ..chat import call_text
from .everyday import Named
from .tools import Tool, camel

ERRORS = {
    "syntax": ["invalid JSON", "could not parse the call", "unexpected token", "JSON parse error", "malformed tool call", "none"],
    "name": ["unknown tool", "no such tool", "tool not found: {name}", "none"],
    "param": ["unknown parameter {param}", "unexpected argument {param}", "invalid arguments", "none"],
    "type": ["{param} must be of type {type}", "wrong type for {param}", "invalid type", "none"],
}
BEFORE = ["Sure! ", "I will call the tool: ", "Let me do that.\n", "Here is the call:\n", "OK, calling it now: ", "Of course. ", "To answer this I need a tool.\n", "Thought: I need a tool.\nAction: "]
AFTER = ["", "", "\nI will wait for the result.", " Done.", "\nLet me know if you need more.", "\nObservation:"]
NO_CALL = [
    "I am happy to help. What do you need?", "The answer is 42.", "There is no tool for this.", "I could not find anything about it.", "Sure, I can do that for you!", "Could you tell me more?",
    "I have finished the task.", "The weather is nice today.", "Sorry, I cannot do that.", "Here is a poem about the sea.", "It was built in 1889 and is 330 m tall.", "Let me think about it step by step.",
    "I would use {name} for that, but I need more details.", "The tool {name} is not needed here.", "Which {param} do you mean?", "You are welcome!",
]


def _slip(rng: Random, name: str) -> str:
    """A spelling mistake, or another naming style."""
    kind = rng.random()
    if kind < 0.25 and "_" in name:
        return rng.choice([camel(name), name.replace("_", "-"), name.replace("_", ""), name.replace("_", " ")])
    i = rng.randrange(len(name) - 1)
    return rng.choice([name[:i] + name[i + 1] + name[i] + name[i + 2 :], name[:i] + name[i + 1 :], name[: i + 1] + name[i:], name[:i] + rng.choice("aeiourstln") + name[i + 1 :]])


def _python(name: str, arguments: dict) -> str:
    return f"{name}({', '.join(f'{k}={v!r}' for k, v in arguments.items())})"


def _shapes(rng: Random, name: str, arguments: dict) -> str:
    """The call written in some wrong form."""
    plain = {"name": name, "arguments": arguments}
    text = json.dumps(plain)
    inner = json.dumps(arguments)
    return rng.choice([
        lambda: str(plain),
        lambda: _python(name, arguments),
        lambda: f"{name} {inner}",
        lambda: f"{name}({inner})",
        lambda: f"<tool_call>{text[:-1]}</tool_call>",
        lambda: f"<tool_call>{text}",
        lambda: text,
        lambda: f"```json\n{text}\n```",
        lambda: f"```\n{_python(name, arguments)}\n```",
        lambda: text.replace('"', "'"),
        lambda: re.sub(r'"(\w+)":', r"\1:", text),
        lambda: text[:-1] + ",}",
        lambda: json.dumps({"function": name, "parameters": arguments}),
        lambda: json.dumps({"tool": name, "args": arguments}),
        lambda: json.dumps({name: arguments}),
        lambda: f"<function={name}>{inner}</function>",
        lambda: json.dumps(plain, indent=2),
        lambda: f"Action: {name}\nAction Input: {inner}",
        lambda: text.replace(": ", ":").replace(", ", ","),
        lambda: f"<tool_call>{text.replace('}}', '}')}</tool_call>",
    ])()


def _retype(rng: Random, value: object) -> object:
    if isinstance(value, bool):
        return str(value).lower() if rng.random() < 0.7 else int(value)
    if isinstance(value, (int, float)):
        return str(value)
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return [value]


def broken(rng: Random, tool: Tool | Named, call: dict) -> tuple[str, str]:
    """A broken form of `call` and the error that its reader reports."""
    name, arguments = call["name"], dict(call["arguments"])
    kind = rng.choice(["syntax", "syntax", "syntax", "name", "param", "type"])
    fill = {"name": name, "param": "", "type": ""}
    if not arguments and kind in ("param", "type"):
        kind = "name"
    if kind == "name":
        name = fill["name"] = _slip(rng, name)
    elif kind == "param":
        wrong = rng.choice(list(arguments))
        fill["param"] = _slip(rng, wrong) if len(wrong) > 2 else wrong.upper()
        arguments = {fill["param"] if k == wrong else k: v for k, v in arguments.items()}
    elif kind == "type":
        wrong = rng.choice([k for k, v in arguments.items() if not isinstance(v, str)] or list(arguments))
        slot = next(s for s in tool.openai()["function"]["parameters"]["properties"].items() if s[0] == wrong)[1]
        arguments[wrong] = _retype(rng, arguments[wrong])
        fill |= {"param": wrong, "type": slot.get("type", "string")}
    text = call_text({"name": name, "arguments": arguments})
    if kind == "syntax" or rng.random() < 0.35:
        text = _shapes(rng, name, arguments)
    if rng.random() < 0.2:
        text = rng.choice(BEFORE) + text + rng.choice(AFTER)
    return text, rng.choice(ERRORS[kind]).format(**fill)


def hidden(rng: Random, calls: list[dict]) -> str:
    """A response that holds calls, in prose and in whatever form."""
    form = rng.random()
    if form < 0.4:
        written = "".join(call_text(c) for c in calls)
    elif form < 0.5 and len(calls) > 1:
        written = json.dumps(calls)
    else:
        written = "\n".join(_shapes(rng, c["name"], c["arguments"]) for c in calls)
    return (rng.choice(BEFORE) if rng.random() < 0.7 else "") + written + rng.choice(AFTER)


def no_call(rng: Random, tool: Tool | Named) -> str:
    parameter = next(iter(tool.openai()["function"]["parameters"]["properties"]), "one")
    return " ".join(rng.sample(NO_CALL, rng.choice([1, 1, 2]))).format(name=tool.name, param=parameter.replace("_", " "))
