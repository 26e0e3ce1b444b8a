"""The chat format: the jinja template that goes into the GGUF, and the same thing in Python for training.

    <s> [<|tools|> one line per tool] { <|system|>text | <|user|>text | <|assistant|>text</s> | <|tool|>text }

`tests/test_chat.py` holds the two against each other.
"""

import json

from .tokenizer import BOS, EOS, Tokenizer

TEMPLATE = """\
{{- bos_token -}}
{%- if tools -%}
{{- '<|tools|>' -}}
{%- for tool in tools -%}
{%- set f = tool.function if tool.function is defined else tool -%}
{%- set required = f.parameters.required if f.parameters is defined and f.parameters.required is defined else [] -%}
{{- f.name + '(' -}}
{%- if f.parameters is defined and f.parameters.properties is defined -%}
{%- for name, p in f.parameters.properties.items() -%}
{%- if not loop.first -%}{{- ', ' -}}{%- endif -%}
{{- name -}}{%- if name not in required -%}{{- '?' -}}{%- endif -%}{{- ': ' -}}
{%- if p.enum is defined -%}
{%- for value in p.enum -%}{%- if not loop.first -%}{{- '|' -}}{%- endif -%}{{- '"' + value + '"' -}}{%- endfor -%}
{%- elif p.type == 'array' -%}
{{- (p['items'].type if p['items'] is defined and p['items'].type is defined else 'string') + '[]' -}}
{%- else -%}
{{- p.type if p.type is defined else 'string' -}}
{%- endif -%}
{%- endfor -%}
{%- endif -%}
{{- ')' -}}
{%- if f.description -%}{{- ' ' + f.description -}}{%- endif -%}
{{- '\\n' -}}
{%- endfor -%}
{%- endif -%}
{%- for message in messages -%}
{%- if message.role == 'assistant' -%}
{{- '<|assistant|>' -}}
{%- if message.content -%}{{- message.content -}}{%- endif -%}
{%- if message.tool_calls -%}
{%- for call in message.tool_calls -%}
{%- set c = call.function if call.function is defined else call -%}
{{- '<tool_call>{"name": "' + c.name + '", "arguments": ' -}}
{%- if c.arguments is string -%}{{- c.arguments -}}{%- else -%}{{- c.arguments | tojson -}}{%- endif -%}
{{- '}</tool_call>' -}}
{%- endfor -%}
{%- endif -%}
{{- eos_token -}}
{%- elif message.role == 'system' or message.role == 'developer' -%}
{{- '<|system|>' + message.content -}}
{%- elif message.role == 'tool' -%}
{{- '<|tool|>' + message.content -}}
{%- else -%}
{{- '<|user|>' + message.content -}}
{%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}{{- '<|assistant|>' -}}{%- endif -%}
"""

# What every part of an example counts in the loss.
PROMPT_WEIGHT = 0.03
ANSWER_WEIGHT = 1.0


def call_text(call: dict) -> str:
    return "<tool_call>" + json.dumps({"name": call["name"], "arguments": call["arguments"]}) + "</tool_call>"


def type_text(schema: dict) -> str:
    if "enum" in schema:
        return "|".join(f'"{value}"' for value in schema["enum"])
    if schema.get("type") == "array":
        return schema.get("items", {}).get("type", "string") + "[]"
    return schema.get("type", "string")


def signature(tool: dict) -> str:
    """One line for one tool, from its OpenAI form."""
    f = tool.get("function", tool)
    parameters = f.get("parameters", {})
    required = parameters.get("required", [])
    shown = ", ".join(
        f"{name}{'' if name in required else '?'}: {type_text(p)}" for name, p in parameters.get("properties", {}).items()
    )
    description = f.get("description")
    return f"{f['name']}({shown})" + (f" {description}" if description else "")


def answer_text(message: dict) -> str:
    calls = [call.get("function", call) for call in message.get("tool_calls", [])]
    return (message.get("content") or "") + "".join(call_text(call) for call in calls)


class Encoder:
    """Turns messages into ids and loss weights."""

    def __init__(self, tokenizer: Tokenizer, prompt_weight: float = PROMPT_WEIGHT, choice_weight: float = ANSWER_WEIGHT):
        self.tokenizer = tokenizer
        self.prompt_weight = prompt_weight
        self.choice_weight = choice_weight
        self.mark = {name: tokenizer.ids[f"<|{name}|>"] for name in ("system", "user", "assistant", "tools", "tool")}

    def prompt(self, messages: list[dict], tools: list[dict] | None = None) -> list[int]:
        """Ids up to the point where the assistant speaks."""
        ids, _ = self.encode(messages, tools)
        return [*ids, self.mark["assistant"]]

    def encode(self, messages: list[dict], tools: list[dict] | None = None) -> tuple[list[int], list[float]]:
        """Ids and, for each, what predicting it counts. Only answers and their end count fully; what decides, the name
        of the first tool or the first token of other answers, counts by the choice weight.

        An answer may carry `emphasis: (places, weight)`: letters of its text that count more.
        """
        low = self.prompt_weight
        ids, weights = [BOS], [0.0]

        def add(new: list[int], weight: float) -> None:
            ids.extend(new)
            weights.extend([weight] * len(new))

        encode = self.tokenizer.encode
        if tools:
            add([self.mark["tools"]], 0.0)
            for tool in tools:
                add(encode(signature(tool) + "\n"), low)
        for message in messages:
            role = message["role"]
            add([self.mark[role]], 0.0)
            if "emphasis" in message:
                places, weight = message["emphasis"]
                for i, letter in enumerate(message["content"]):
                    add(encode(letter), weight if i in places else ANSWER_WEIGHT)
                add([EOS], ANSWER_WEIGHT)
            elif role == "assistant":
                text = answer_text(message)
                answer = encode(text, special=True)
                name, call, _ = text.partition('", "arguments"')
                choice = len(encode(name, special=True)) if call else 1
                add(answer[:choice], self.choice_weight)
                add(answer[choice:], ANSWER_WEIGHT)
                add([EOS], ANSWER_WEIGHT)
            else:
                add(encode(message["content"]), low)
        return ids, weights
