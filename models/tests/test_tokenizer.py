"""The Python tokenizer, the chat format and the exported file are what llama.cpp sees."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from random import Random

import jinja2
import pytest
import torch

from training.chat import TEMPLATE, Encoder
from training.load import greedy, load
from training.skills.mix import TEST_WEIGHTS, example
from training.tokenizer import Tokenizer, learn_pieces
from training.toolcalls.mix import TEST_KINDS, openai_message, test_case as case_of

torch.set_num_threads(1)  # two threads on a busy machine wait for each other

MODELS = Path(__file__).resolve().parent.parent
PREDICT = MODELS / "training" / "predict.mjs"
# A folder whose node_modules holds node-llama-cpp and @huggingface/jinja, if it is not found above this one.
NODE_FOLDER = os.environ.get("NODE_FOLDER")


def test_bytes_come_back():
    t = Tokenizer()
    for text in ["hello World", "héllo ✓", "a  b\n", "12+3=15"]:
        assert t.decode(t.encode(text)) == text


def test_pieces_never_cross_a_word():
    t = Tokenizer(learn_pieces(["get weather get water the other"] * 3, 20))
    word = t.encode("weather")
    for text in ["get_weather(", '"weather"', " weather,", "Xweather"]:
        ids = t.encode(text)
        assert any(ids[i : i + len(word)] == word for i in range(len(ids)))
        assert t.decode(ids) == text


def test_markers_are_tokens_only_where_they_are_meant():
    t = Tokenizer()
    assert t.encode("<tool_call>") == [t.ids["<tool_call>"]]
    assert t.encode("<|user|>", special=True) == [t.ids["<|user|>"]]
    assert len(t.encode("<|user|>")) == len("<|user|>")


def rendered(messages: list[dict], tools: list[dict] | None) -> str:
    return jinja2.Template(TEMPLATE).render(messages=messages, tools=tools, add_generation_prompt=True, bos_token="<s>", eos_token="</s>")


def test_the_template_writes_what_training_saw():
    rng = Random(1)
    t = Tokenizer()
    encoder = Encoder(t)
    for kind in TEST_KINDS:
        for _ in range(20):
            case = case_of(rng, kind)
            text = rendered([openai_message(m) for m in case.messages], case.tools)
            assert t.encode(text, special=True) == encoder.prompt(case.messages, case.tools)
    for _ in range(100):
        made = example(rng, TEST_WEIGHTS)
        assert t.encode(rendered(made.messages, None), special=True) == encoder.prompt(made.messages)


def llama_cpp(model: Path, items: list[dict], folder: Path) -> dict[str, dict]:
    (folder / "items.jsonl").write_text("".join(json.dumps(i) + "\n" for i in items))
    script = PREDICT
    if NODE_FOLDER:  # node looks for packages beside the script
        script = Path(NODE_FOLDER) / "predict.mjs"
        shutil.copy(PREDICT, script)
    done = subprocess.run(["node", script, model, folder / "items.jsonl", folder / "out.jsonl", str(len(items))], capture_output=True, text=True, timeout=600)
    if "Cannot find package" in done.stderr:
        pytest.skip("node-llama-cpp is not installed")
    assert done.returncode == 0, done.stderr
    return {p["id"]: p for p in map(json.loads, (folder / "out.jsonl").read_text().splitlines())}


@pytest.mark.parametrize("path", sorted((MODELS / "weights").glob("*.gguf")), ids=lambda p: p.stem)
def test_llama_cpp_reads_and_answers_like_pytorch(path: Path, tmp_path: Path):
    model, t = load(path)
    encoder = Encoder(t)
    rng = Random(2)
    items, prompts = [], {}
    for i in range(60):
        tools = None
        if path.stem == "tools":
            case = case_of(rng, list(TEST_KINDS)[i % len(TEST_KINDS)])
            messages, tools = case.messages, case.tools
        else:
            messages = example(rng, TEST_WEIGHTS).messages
        item = {"id": str(i), "messages": [openai_message(m) for m in messages], "tools": tools or []}
        items.append(item)
        prompts[item["id"]] = encoder.prompt(messages, tools)
    found = llama_cpp(path, items, tmp_path)
    different = 0
    for key, ids in prompts.items():
        assert found[key]["ids"] == ids
        answer, lowest = greedy(model, ids)
        same = t.decode(answer) == found[key]["answer"]
        different += not same
        # Rounding may turn a coin that stood on its edge, and nothing else.
        assert same or lowest < 0.55, (t.decode(answer), found[key]["answer"])
        if same:
            assert abs(lowest - found[key]["lowest"]) < 0.02
    assert different <= 3
