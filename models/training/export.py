"""Writes a trained model as GGUF, tokenizer and chat template included."""

from pathlib import Path

import gguf
import numpy as np
import torch

from .chat import TEMPLATE
from .config import Spec
from .model import Llama
from .tokenizer import BOS, EOS, UNKNOWN, Tokenizer

DESCRIPTION = "A very small model, trained on generated text. Good at a few narrow skills, knows nothing of the world."

# Our names of a block's tensors, and llama.cpp's.
TENSORS = {"attn_norm": "attn_norm", "q": "attn_q", "k": "attn_k", "v": "attn_v", "o": "attn_output",
           "ffn_norm": "ffn_norm", "gate": "ffn_gate", "up": "ffn_up", "down": "ffn_down"}


def export(model: Llama, tokenizer: Tokenizer, spec: Spec, path: Path, note: str) -> None:
    """Matrices in F16, norms in F32. `note` says how far training had come."""
    shape = model.shape
    fresh = path.with_suffix(".new")
    w = gguf.GGUFWriter(fresh, "llama")
    w.add_name(spec.title)
    w.add_description(f"{DESCRIPTION} ({note})")
    w.add_license("apache-2.0")
    w.add_languages(["en"])
    w.add_file_type(gguf.LlamaFileType.MOSTLY_F16)
    w.add_vocab_size(shape.vocab)
    w.add_context_length(shape.context)
    w.add_embedding_length(shape.dim)
    w.add_block_count(shape.layers)
    w.add_feed_forward_length(shape.hidden)
    w.add_head_count(shape.heads)
    w.add_head_count_kv(shape.heads)
    w.add_rope_dimension_count(shape.head_dim)
    w.add_rope_freq_base(shape.rope_base)
    w.add_layer_norm_rms_eps(shape.norm_eps)
    w.add_tokenizer_model("llama")
    w.add_tokenizer_pre("default")
    w.add_token_list(tokenizer.tokens)
    w.add_token_scores(tokenizer.scores())
    w.add_token_types(tokenizer.types())
    w.add_bos_token_id(BOS)
    w.add_eos_token_id(EOS)
    w.add_unk_token_id(UNKNOWN)
    w.add_add_bos_token(True)
    w.add_add_eos_token(False)
    w.add_add_space_prefix(False)
    w.add_chat_template(TEMPLATE)

    def put(name: str, tensor: torch.Tensor) -> None:
        kind = np.float32 if tensor.ndim == 1 else np.float16
        w.add_tensor(name, np.ascontiguousarray(tensor.detach().cpu().numpy().astype(kind)))

    put("token_embd.weight", model.embed.weight)
    for i, block in enumerate(model.blocks):
        for ours, theirs in TENSORS.items():
            put(f"blk.{i}.{theirs}.weight", getattr(block, ours).weight)
    put("output_norm.weight", model.norm.weight)
    if model.head is not None:
        put("output.weight", model.head.weight)
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()
    fresh.replace(path)
