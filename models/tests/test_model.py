"""The network itself."""

import torch

from training.model import Llama, Shape


def test_a_grown_model_is_the_same_function():
    torch.manual_seed(1)
    small = Llama(Shape(vocab=50, dim=32, layers=2, heads=2, hidden=48, context=64))
    for p in small.parameters():
        torch.nn.init.normal_(p, std=0.2)
    large = small.grown(Shape(vocab=50, dim=48, layers=5, heads=3, hidden=80, context=64))
    ids = torch.randint(0, 50, (3, 20))
    assert torch.allclose(small(ids), large(ids), atol=1e-4)
    large(ids).square().mean().backward()
    silent = [name for name, p in large.named_parameters() if p.grad is None]
    assert not silent
