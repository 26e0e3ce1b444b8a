"""Joins a model's spec to its tokenizer and its generator."""

from pathlib import Path
from random import Random

from .chat import Encoder
from .config import Spec
from .data import Encoded
from .make_eval import blocked, user_keys
from .model import Shape
from .skills.mix import TEST_WEIGHTS, conversation, example
from .tokenizer import Tokenizer, load_pieces

PIECES = Path(__file__).with_name("pieces.txt")


def tokenizer_of(spec: Spec) -> Tokenizer:
    return Tokenizer(load_pieces(PIECES) if spec.family == "tools" else [])


def shape_of(spec: Spec) -> Shape:
    return Shape(len(tokenizer_of(spec)), spec.dim, spec.layers, spec.heads, spec.hidden, spec.context, spec.tied)


class Family:
    """Makes training examples by `weights` (which training may change as it goes) and test examples by skill."""

    def __init__(self, spec: Spec):
        self.spec = spec
        self.encoder = Encoder(tokenizer_of(spec), spec.prompt_weight, spec.choice_weight)
        self.weights = dict(spec.weights)
        self.blocked = blocked()

    def make(self, rng: Random) -> Encoded | None:
        """One training example, or nothing if a question of it is in a test set or it is too long."""
        if self.spec.family == "tools":
            from .toolcalls.mix import training_conversation

            tools, messages = training_conversation(rng, self.weights)
        else:
            tools, messages = None, conversation(rng, example(rng, self.weights, self.spec.about))
        if user_keys(messages) & self.blocked:
            return None
        encoded = self.encoder.encode(messages, tools)
        return encoded if len(encoded[0]) < self.spec.context else None

    def probes(self, rng: Random, per_skill: int) -> dict[str, list[tuple[list[int], list[int]]]]:
        """Fresh questions by skill, as (prompt ids, answer ids), to follow learning with."""
        found: dict[str, list[tuple[list[int], list[int]]]] = {}
        encode = self.encoder.tokenizer.encode
        if self.spec.family == "tools":
            from .toolcalls.mix import TEST_KINDS, test_case

            for kind in TEST_KINDS:
                for _ in range(per_skill):
                    case = test_case(rng, kind)
                    prompt = self.encoder.prompt(case.messages, case.tools)
                    found.setdefault(kind, []).append((prompt, [*encode(case.answer, special=True), 2]))
            return found
        for skill in (s for s in TEST_WEIGHTS if s != "greet"):
            for _ in range(per_skill):
                made = example(rng, {skill: 1})
                found.setdefault(skill, []).append((self.encoder.prompt(made.messages), [*encode(made.answer), 2]))
        return found
