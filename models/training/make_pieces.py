"""Learns the letter pieces of the `tools` tokenizer from training text: `python -m training.make_pieces`.

Changing them makes every trained `tools` model worthless, so the result is kept in `pieces.txt`.
"""

import json
from random import Random

from .chat import answer_text, signature
from .families import PIECES
from .skills.words import made_up
from .tokenizer import learn_pieces
from .toolcalls.mix import training_conversation

COUNT = 480


def main() -> None:
    rng = Random(5)
    texts: list[str] = []
    for _ in range(4000):
        tools, messages = training_conversation(rng)
        texts += [signature(tool) for tool in tools or []]
        texts += [answer_text(m) if m["role"] == "assistant" else m["content"] for m in messages]
    # Every two letters that occur in words nobody has seen should be a piece, so that such words are short too.
    texts += [made_up(rng) for _ in range(40_000)] + [json.dumps(texts[:50])]
    pieces = learn_pieces(texts, COUNT)
    PIECES.write_text("\n".join(pieces) + "\n")
    print(f"{len(pieces)} pieces")


if __name__ == "__main__":
    main()
