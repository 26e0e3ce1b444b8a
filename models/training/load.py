"""Reads a GGUF that `export.py` wrote back into PyTorch, for tests."""

from pathlib import Path

import gguf
import torch

from .export import TENSORS
from .model import Llama, Shape
from .tokenizer import EOS, FIRST_CONTROL, CONTROL, USER_DEFINED, Tokenizer


def load(path: Path) -> tuple[Llama, Tokenizer]:
    reader = gguf.GGUFReader(path)

    def number(key: str) -> float:
        return reader.fields[f"llama.{key}"].parts[-1][0].item()

    field = reader.fields["tokenizer.ggml.tokens"]
    tokens = [bytes(field.parts[i]).decode() for i in field.data]
    words = tokens[FIRST_CONTROL + len(CONTROL) + len(USER_DEFINED) :]
    tensors = {t.name: torch.from_numpy(t.data.copy()).float() for t in reader.tensors}
    shape = Shape(len(tokens), int(number("embedding_length")), int(number("block_count")), int(number("attention.head_count")),
                  int(number("feed_forward_length")), int(number("context_length")), tied="output.weight" not in tensors,
                  rope_base=number("rope.freq_base"), norm_eps=number("attention.layer_norm_rms_epsilon"))
    model = Llama(shape)
    state = {"embed.weight": tensors["token_embd.weight"], "norm.weight": tensors["output_norm.weight"]}
    if not shape.tied:
        state["head.weight"] = tensors["output.weight"]
    for i in range(shape.layers):
        for ours, theirs in TENSORS.items():
            state[f"blocks.{i}.{ours}.weight"] = tensors[f"blk.{i}.{theirs}.weight"]
    model.load_state_dict(state)
    return model.eval(), Tokenizer([w for w in words if len(w) > 1])


@torch.no_grad()
def greedy(model: Llama, ids: list[int], limit: int = 400) -> tuple[list[int], float]:
    """The most likely answer, token by token, and the lowest probability among its tokens."""
    answer: list[int] = []
    lowest = 1.0
    while len(answer) < limit:
        best, token = model(torch.tensor([ids + answer]))[0, -1].softmax(-1).max(-1)
        lowest = min(lowest, best.item())
        if token.item() == EOS:
            break
        answer.append(int(token.item()))
    return answer, lowest
