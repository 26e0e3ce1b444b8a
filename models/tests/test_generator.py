"""The generators say what is true."""

import json
import re
from random import Random

import pytest

from training.chat import call_text
from training.config import SPECS
from training.families import Family
from training.make_eval import SEEDS, SPLITS, FOLDER, blocked, key, user_keys
from training.score import calls_in
from training.skills import arithmetic, forms, reading, text, units, unknown
from training.skills.mix import DIRECT, TEST_WEIGHTS, conversation, example
from training.toolcalls import catalog, everyday
from training.toolcalls.mix import NO_TOOL, TEST_KINDS, close, offered, test_case as case_of, training_conversation
from training.toolcalls.specialists import TAKERS, specialists
from training.toolcalls.tools import make_tool

ROUNDS = 300


def numbers(question: str) -> list[int]:
    return [int(n) for n in re.findall(r"\d+", question)]


def test_sums_differences_and_products_are_right():
    rng = Random(1)
    for _ in range(ROUNDS):
        task = arithmetic.add(rng)
        assert sum(numbers(task.question)) == int(task.answer)
        task = arithmetic.sub(rng)
        a, b = numbers(task.question)
        assert abs(int(task.answer)) == abs(a - b)
        task = arithmetic.mul(rng)
        a, b = numbers(task.question)
        assert a * b == int(task.answer)


def test_sorting_keeps_every_number():
    rng = Random(2)
    for _ in range(ROUNDS):
        task = arithmetic.sort(rng)
        answer = numbers(task.answer)
        assert sorted(answer) == sorted(numbers(task.question))
        assert answer in (sorted(answer), sorted(answer, reverse=True))
        assert task.answer == ", ".join(map(str, answer))


def test_words_are_turned_raised_and_counted():
    rng = Random(3)
    for _ in range(ROUNDS):
        task = text.reverse(rng)
        assert task.answer[::-1] in task.question
        task = text.upper(rng)
        assert task.answer.lower() in task.question.lower() and task.answer.isupper()
        task = text.count(rng)
        spelled, n = task.answer.split(": ")
        assert re.sub(r"[ \d]", "", spelled) in task.question
        assert [n] == task.accept and n == (re.findall(r"\d", spelled) or ["0"])[-1]


def test_no_wrong_answer_is_right():
    rng = Random(4)
    for make in DIRECT.values():
        for _ in range(ROUNDS):
            task = make(rng)
            assert task.answer not in task.near, task


def test_facts_are_in_their_context():
    rng = Random(5)
    for _ in range(ROUNDS):
        task = reading.read(rng)
        assert task.answer in task.context or task.answer == "I don't know."


def test_claims_are_judged_rightly():
    rng = Random(6)
    for _ in range(ROUNDS):
        task = units.convert(rng)
        content, reply = forms.verify(rng, task, [unknown.unknown(rng)])
        own, verdict = reply.rsplit(" ", 1)
        assert own == f"I get {task.answer}." and verdict in ("Yes.", "No.")
        assert verdict == "No." or task.answer in content
        assert forms.verify(rng, unknown.unknown(rng), [task])[1] == "I don't know."


def test_the_right_candidate_is_named():
    rng = Random(7)
    for _ in range(ROUNDS):
        task = arithmetic.add(rng)
        content, answer = forms.choose(rng, task, [])
        own, *read, verdict = answer.split("\n")
        assert own == f"I get {task.answer}." and verdict == f"Number {len(read)}."
        assert "\n".join(read) in content and read[-1] == f"{len(read)}. {task.answer}"


def test_the_same_seed_gives_the_same_examples():
    def some(seed: int) -> list[str]:
        rng = Random(seed)
        return [json.dumps(conversation(rng, example(rng, TEST_WEIGHTS))) for _ in range(50)]

    assert some(8) == some(8) != some(9)


def test_training_never_sees_a_test_question():
    taken = blocked()
    assert len(taken) > 3000
    family = Family(SPECS["base"])
    rng = Random(SEEDS["skills"])  # the seed of the test set itself: nearly everything it makes is refused
    family.weights = {k: v for k, v in TEST_WEIGHTS.items() if k != "greet"}
    assert sum(family.make(rng) is None for _ in range(50)) > 0


def test_no_two_test_sets_share_a_question():
    seen: set[str] = set()
    for name in SPLITS:
        items = [json.loads(line) for line in (FOLDER / f"{name}.jsonl").read_text().splitlines()]
        questions = {key(item.get("prompt") or item["messages"][-1]["content"]) for item in items}
        assert len(questions) == len(items) and not questions & seen
        seen |= questions


def test_test_tools_share_no_word_with_training_tools():
    assert not set(catalog.HELD_OUT_NOUNS) & set(catalog.NOUNS)
    assert not set(catalog.HELD_OUT_VERBS) & set(catalog.VERBS)
    assert not {s.name for s in catalog.HELD_OUT_SLOTS} & {s.name for s in catalog.SLOTS}
    assert not {n for t in everyday.HELD_OUT_EVERYDAY for n in t.names} & {n for t in everyday.EVERYDAY for n in t.names}


def test_everyday_requests_mention_what_the_call_holds():
    rng = Random(13)
    for tool in [*everyday.EVERYDAY, *everyday.HELD_OUT_EVERYDAY]:
        for template in tool.requests:
            assert all(f"{{{i}}}" in template for i, p in enumerate(tool.parameters) if p.required), template
    for _ in range(ROUNDS):
        named = everyday.everyday(rng)
        said, call = named.request(rng)
        for value in call["arguments"].values():
            assert not isinstance(value, str) or value.lower() in said.lower()


def test_the_tools_of_one_list_can_be_told_apart():
    rng = Random(14)
    for _ in range(ROUNDS):
        tools = offered(rng, False)
        assert not any(close(a, b) for i, a in enumerate(tools) for b in tools[:i])


def test_every_specialist_is_asked_and_hears_the_whole_request():
    rng = Random(15)
    chosen = set()
    for _ in range(ROUNDS):
        tools, requests = specialists(rng, known_only=True)
        names = {t["function"]["name"] for t in tools}
        for text, call, topic in requests:
            assert call["name"] in names and call["arguments"]["query"] == text
            chosen.add(topic)
    assert chosen == set(TAKERS)


def test_arguments_follow_the_signature():
    rng = Random(10)
    for _ in range(ROUNDS):
        tool = make_tool(rng)
        said, call = tool.request(rng)
        order = [s.name for s in tool.slots]
        assert list(call["arguments"]) == [n for n in order if n in call["arguments"]]
        assert tool.required <= set(call["arguments"])
        for value in call["arguments"].values():
            if isinstance(value, str):
                assert value.lower() in said.lower()


@pytest.mark.parametrize("kind", TEST_KINDS)
def test_every_kind_of_tool_case_has_a_readable_answer(kind: str):
    rng = Random(11)
    for _ in range(60):
        case = case_of(rng, kind)
        if case.expected:
            assert calls_in(case.answer) == case.expected
            assert case.answer == "".join(call_text(c) for c in case.expected)
        else:
            assert case.answer and "<tool_call>" not in case.answer
        if case.kind == "none":
            assert case.answer == NO_TOOL


def test_training_conversations_end_with_an_answer():
    rng = Random(12)
    for _ in range(ROUNDS):
        _, messages = training_conversation(rng)
        assert messages[-1]["role"] == "assistant" and messages[-1]["content"]
        assert user_keys(messages)
