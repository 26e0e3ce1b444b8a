"""An endless stream of batches of about equal token count, made while training."""

from collections.abc import Callable, Iterator
from random import Random

import torch

Encoded = tuple[list[int], list[float]]
POOL = 512  # examples that are sorted by length together


def batches(make: Callable[[Random], Encoded | None], rng: Random, tokens: int) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Yields ids (batch, time) and weights of the same shape; examples of like length share a batch."""
    while True:
        pool: list[Encoded] = []
        while len(pool) < POOL:
            made = make(rng)
            if made:
                pool.append(made)
        pool.sort(key=lambda e: len(e[0]))
        cut: list[list[Encoded]] = [[]]
        for item in pool:
            if cut[-1] and (len(cut[-1]) + 1) * _rounded(len(item[0])) > tokens:
                cut.append([])
            cut[-1].append(item)
        if len(cut) > 1 and len(cut[-1]) * len(cut[-1][-1][0]) < tokens // 3:
            cut.pop()  # too small to be worth a step
        rng.shuffle(cut)
        for items in cut:
            yield collate(items)


def _rounded(length: int) -> int:
    return -(-length // 8) * 8


def collate(items: list[Encoded]) -> tuple[torch.Tensor, torch.Tensor]:
    """Pads on the right; padding weighs nothing, and causal attention never looks at it."""
    time = _rounded(max(len(ids) for ids, _ in items))
    ids = torch.zeros(len(items), time, dtype=torch.long)
    weights = torch.zeros(len(items), time)
    for row, (i, w) in enumerate(items):
        ids[row, : len(i)] = torch.tensor(i)
        weights[row, : len(w)] = torch.tensor(w)
    return ids, weights
