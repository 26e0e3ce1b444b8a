"""A small llama: RMSNorm, RoPE, SwiGLU, causal attention.

The layout follows llama.cpp's `llama` architecture exactly (rotary pairs are neighbours: 2i and 2i+1), so that
`export.py` writes the tensors as they are, without permuting them.
"""

from dataclasses import dataclass, replace

import torch
from torch import nn
from torch.nn import functional as F


@dataclass(frozen=True)
class Shape:
    """The size of one model. `head_dim` is `dim // heads`."""

    vocab: int
    dim: int
    layers: int
    heads: int
    hidden: int
    context: int
    tied: bool = False
    rope_base: float = 10000.0
    norm_eps: float = 1e-5

    @property
    def head_dim(self) -> int:
        return self.dim // self.heads


def rope_tables(shape: Shape, length: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Cosines and sines of every position, each (length, head_dim / 2)."""
    inverse = shape.rope_base ** (-torch.arange(0, shape.head_dim, 2, dtype=torch.float64) / shape.head_dim)
    angles = torch.outer(torch.arange(length, dtype=torch.float64), inverse)
    return angles.cos().float(), angles.sin().float()


def rotate(x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
    """Turns neighbouring pairs of `x` (batch, heads, time, head_dim) by the angle of their position."""
    pairs = x.float().unflatten(-1, (-1, 2))
    a, b = pairs[..., 0], pairs[..., 1]
    return torch.stack((a * cos - b * sin, a * sin + b * cos), dim=-1).flatten(-2).to(x.dtype)


class Norm(nn.Module):
    def __init__(self, dim: int, eps: float):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(dim))
        self.eps = eps

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x32 = x.float()
        return (x32 * torch.rsqrt(x32.square().mean(-1, keepdim=True) + self.eps) * self.weight).to(x.dtype)


class Block(nn.Module):
    def __init__(self, shape: Shape):
        super().__init__()
        dim, hidden = shape.dim, shape.hidden
        self.heads, self.head_dim = shape.heads, shape.head_dim
        self.attn_norm = Norm(dim, shape.norm_eps)
        self.q = nn.Linear(dim, dim, bias=False)
        self.k = nn.Linear(dim, dim, bias=False)
        self.v = nn.Linear(dim, dim, bias=False)
        self.o = nn.Linear(dim, dim, bias=False)
        self.ffn_norm = Norm(dim, shape.norm_eps)
        self.gate = nn.Linear(dim, hidden, bias=False)
        self.up = nn.Linear(dim, hidden, bias=False)
        self.down = nn.Linear(hidden, dim, bias=False)

    def forward(self, x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
        batch, time, dim = x.shape
        h = self.attn_norm(x)
        split = (batch, time, self.heads, self.head_dim)
        q = rotate(self.q(h).view(split).transpose(1, 2), cos, sin)
        k = rotate(self.k(h).view(split).transpose(1, 2), cos, sin)
        v = self.v(h).view(split).transpose(1, 2)
        mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.o(mixed.transpose(1, 2).reshape(batch, time, dim))
        h = self.ffn_norm(x)
        return x + self.down(F.silu(self.gate(h)) * self.up(h))


class Llama(nn.Module):
    def __init__(self, shape: Shape):
        super().__init__()
        self.shape = shape
        self.embed = nn.Embedding(shape.vocab, shape.dim)
        self.blocks = nn.ModuleList(Block(shape) for _ in range(shape.layers))
        self.norm = Norm(shape.dim, shape.norm_eps)
        self.head = None if shape.tied else nn.Linear(shape.dim, shape.vocab, bias=False)
        cos, sin = rope_tables(shape, shape.context)
        self.register_buffer("cos", cos, persistent=False)
        self.register_buffer("sin", sin, persistent=False)
        self.reset()

    def reset(self) -> None:
        """Small normal weights; the matrices that write to the residual stream start smaller still."""
        for name, p in self.named_parameters():
            if p.ndim < 2:
                continue
            std = 0.5 / self.shape.dim**0.5
            if name.endswith(("o.weight", "down.weight")):
                std /= (2 * self.shape.layers) ** 0.5
            nn.init.normal_(p, std=0.5 if name == "embed.weight" and not self.shape.tied else 0.02 if name.startswith(("embed", "head")) else std)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        """Token ids (batch, time) to logits (batch, time, vocab)."""
        x = self.embed(ids)
        cos, sin = self.cos[: ids.shape[1]], self.sin[: ids.shape[1]]
        for block in self.blocks:
            x = block(x, cos, sin)
        x = self.norm(x)
        weight = self.embed.weight if self.head is None else self.head.weight
        return F.linear(x, weight.to(x.dtype))

    @torch.no_grad()
    def grown(self, shape: Shape) -> "Llama":
        """The same function in a larger shape: what is new reads what is there, and adds nothing yet.

        Each new layer is a copy of the one before it. Heads keep their size, so `shape` must have more of them if it is wider.
        """
        assert shape.head_dim == self.shape.head_dim, "the size of a head cannot change"
        bigger = Llama(shape).to(self.embed.weight.device)
        shrink = (self.shape.dim / shape.dim) ** 0.5  # the new channels are silent, so the mean square falls
        old, new = self.state_dict(), bigger.state_dict()
        for name, value in new.items():
            source = name
            repeated = False
            if name.startswith("blocks."):
                _, at, rest = name.split(".", 2)
                layer = int(at) * self.shape.layers // shape.layers
                repeated = int(at) > 0 and (int(at) - 1) * self.shape.layers // shape.layers == layer
                source = f"blocks.{layer}.{rest}"
            if value.ndim == 1:
                value.fill_(1.0)
                value[: len(old[source])] = old[source] * shrink
                continue
            writes = name.endswith(("o.weight", "down.weight"))
            if writes or name == "embed.weight":
                value.zero_()
            if not (writes and repeated):
                rows, columns = old[source].shape
                value[:rows, :columns] = old[source]
        bigger.load_state_dict(new)
        return bigger

    def parameter_count(self) -> int:
        return sum(p.numel() for p in self.parameters())
