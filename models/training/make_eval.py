"""Writes the test sets: `python -m training.make_eval [skills|calibration|reliability|tools|specialists ...]`.

Their seeds are used nowhere else, and training refuses every question that is in them (`blocked`).
"""

import json
import sys
from collections.abc import Iterable
from pathlib import Path
from random import Random

from .skills.mix import TEST_WEIGHTS, example
from .skills.task import Pupil

FOLDER = Path(__file__).resolve().parent.parent / "eval"
# `skills` is what the cards are measured on, `calibration` is for learning how far a confidence can be trusted, and
# `reliability` for measuring how often each model is right. No two share a question.
SEEDS = {"skills": 9_100_001, "calibration": 9_100_002, "reliability": 9_100_003, "tools": 9_100_013, "specialists": 9_000_004}
COUNTS = {"skills": 2000, "calibration": 1000, "reliability": 500, "tools": 700, "specialists": 300}
SPLITS = ("skills", "calibration", "reliability")
COMMON = 200_000


def key(text: str) -> str:
    """Two questions are the same if only letter case and white space differ."""
    return " ".join(text.lower().split())


def user_keys(messages: Iterable[dict]) -> set[str]:
    return {key(m["content"]) for m in messages if m["role"] == "user"}


def blocked(folder: Path = FOLDER) -> set[str]:
    """Every question of every test set. Greetings are too few to keep any back, so no test set has them."""
    keys: set[str] = set()
    for path in sorted(folder.glob("*.jsonl")):
        for line in path.read_text().splitlines():
            item = json.loads(line)
            last = item.get("prompt") or item["messages"][-1]["content"]
            keys.add(key(last))
    return keys


def common() -> set[str]:
    """Questions that training was likely to meet before there were test sets to refuse: those of a large sample."""
    rng = Pupil(9_100_000)
    rng.drill = 0.4
    return {key(m["content"]) for _ in range(COMMON) for m in example(rng, TEST_WEIGHTS).messages}


def skill_items(name: str, taken: set[str]) -> list[dict]:
    rng = Random(SEEDS[name])
    weights = {k: v for k, v in TEST_WEIGHTS.items() if k != "greet"}
    items: list[dict] = []
    while len(items) < COUNTS[name]:
        made = example(rng, weights)
        if key(made.prompt) in taken:
            continue
        taken.add(key(made.prompt))
        item: dict = {"id": f"{name}-{len(items):04d}", "skill": made.skill}
        if made.about:
            item["about"] = made.about
        plain = [{"role": m["role"], "content": m["content"]} for m in made.messages]
        item |= {"prompt": made.prompt} if len(plain) == 1 else {"messages": plain}
        item["answer"] = made.answer
        if made.accept:
            item["accept"] = made.accept
        items.append(item)
    return items


def specialist_items() -> list[dict]:
    """Requests for a specialist, as an arbiter gets them, every topic equally often."""
    from .toolcalls.specialists import TAKERS, specialists

    rng = Random(SEEDS["specialists"])
    items: list[dict] = []
    taken: set[str] = set()
    while len(items) < COUNTS["specialists"]:
        tools, requests = specialists(rng, held_out=True, known_only=True)
        wanted = list(TAKERS)[len(items) % len(TAKERS)]
        for text, call, topic in requests:
            if topic == wanted and len(requests) > 1 and key(text) not in taken:
                taken.add(key(text))
                items.append({"id": f"specialists-{len(items):04d}", "kind": "specialist", "topic": topic, "messages": [{"role": "user", "content": text}], "tools": tools, "expected": [call]})
                break
    return items


def write(name: str, items: list[dict]) -> None:
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / f"{name}.jsonl").write_text("".join(json.dumps(item, ensure_ascii=False) + "\n" for item in items))
    print(f"{name}: {len(items)} items")


def main(names: list[str]) -> None:
    if not names or set(names) & set(SPLITS):
        taken = common()
        for name in SPLITS:
            items = skill_items(name, taken)
            if not names or name in names:
                write(name, items)
    if not names or "specialists" in names:
        write("specialists", specialist_items())
    if not names or "tools" in names:
        from .toolcalls.mix import eval_items

        write("tools", eval_items(Random(SEEDS["tools"]), COUNTS["tools"]))


if __name__ == "__main__":
    main(sys.argv[1:])
