"""Scores predictions that `predict.mjs` wrote.

    python -m training.score eval/skills.jsonl base=base.jsonl mini-a=a.jsonl mini-b=b.jsonl mini-c=c.jsonl
"""

import json
import re
import sys
from collections import Counter, defaultdict
from pathlib import Path

from .measure import auroc

PANEL = ["mini-a", "mini-b", "mini-c"]
JUDGEMENTS = ["verify", "choose"]  # skills whose answers end in a verdict
_CALL = re.compile(r"<tool_call>(.*?)</tool_call>", re.S)


def read(path: str | Path) -> list[dict]:
    return [json.loads(line) for line in Path(path).read_text().splitlines()]


def calls_in(text: str) -> list[dict] | None:
    """The calls written in `text`; nothing if one of them is no JSON or there is other text."""
    try:
        calls = [json.loads(inner) for inner in _CALL.findall(text)]
    except json.JSONDecodeError:
        return None
    return None if _CALL.sub("", text).strip() else calls


def right(item: dict, answer: str) -> bool:
    if "expected" in item:
        return calls_in(answer) == item["expected"]
    wanted = [item.get("answer", item.get("text")), *item.get("accept", [])]
    return answer.strip() in wanted


def chosen(calls: list[dict] | None) -> list[str]:
    """Whom the calls consult, whatever they say to them."""
    return [call.get("arguments", {}).get("specialist", call.get("name")) for call in calls or []]


def verdict(text: str) -> str:
    """The last word of a judgement, `No.` of `I get 46. No.`."""
    return text.split()[-1] if text.split() else ""


def vote(items: list[dict], members: list[dict[str, dict]], weighted: bool) -> float:
    """The share of items that a vote gets right; a tie goes to the surest. Weights are the lowest token probabilities."""
    good = 0
    for item in items:
        tally: Counter[str] = Counter()
        for member in members:
            p = member[item["id"]]
            tally[p["answer"].strip()] += p["lowest"] if weighted else 1 + p["lowest"] / 100
        good += right(item, tally.most_common(1)[0][0])
    return good / len(items)


def main() -> None:
    items = read(sys.argv[1])
    found = {name: {p["id"]: p for p in read(path)} for name, path in (a.split("=") for a in sys.argv[2:])}
    table: dict[str, dict[str, str]] = defaultdict(dict)
    for name, predictions in found.items():
        by_kind: dict[str, list[bool]] = defaultdict(list)
        marks = []
        for item in items:
            p = predictions[item["id"]]
            ok = right(item, p["answer"])
            by_kind[item.get("skill") or item["kind"]].append(ok)
            by_kind["all"].append(ok)
            marks.append((ok, p["lowest"]))
            if item.get("skill") in JUDGEMENTS:
                by_kind[item["skill"] + ", the verdict alone"].append(verdict(p["answer"]) == verdict(item["answer"]))
            if item.get("kind") in ("none", "extract", "result", "kind") and "text" in item:
                by_kind["invented calls"].append("<tool_call>" in p["answer"])
            if item.get("kind") == "specialist":
                by_kind["right specialist"].append(chosen(calls_in(p["answer"])) == chosen(item["expected"]))
            if item.get("kind") in ("call", "calls", "repair", "specialist"):
                by_kind["exact calls"].append(ok)
        for kind, oks in by_kind.items():
            table[kind][name] = f"{100 * sum(oks) / len(oks):.1f}"
        table["AUROC"][name] = f"{auroc(marks):.3f}"
    print("| | " + " | ".join(found) + " |\n|" + "---|" * (len(found) + 1))
    for kind, row in table.items():
        print(f"| {kind} | " + " | ".join(row.get(name, "") for name in found) + " |")
    if all(name in found for name in PANEL):
        members = [found[name] for name in PANEL]
        anyone = sum(any(right(i, m[i["id"]]["answer"]) for m in members) for i in items) / len(items)
        print(f"\nany of three {100 * anyone:.1f}, majority {100 * vote(items, members, False):.1f}, weighted {100 * vote(items, members, True):.1f}")


if __name__ == "__main__":
    main()
