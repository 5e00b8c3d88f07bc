"""Makes a checkpoint of Llama 3.2 1B's shape with random weights, for timing: make_llama.py BITS DIR,
BITS one of 2, 3, 4, 5, 6, 8 (affine, groups of 64, bfloat16 scales) or 16 (bfloat16). Its tokenizer is
a byte-level BPE of Llama 3's size whose merges are random. Needs numpy.
"""

import json
import sys
from pathlib import Path

import numpy as np

bits, folder = int(sys.argv[1]), Path(sys.argv[2])
hidden, layers, mlp, heads, kv, vocab, group = 2048, 16, 8192, 32, 8, 128256, 64
random = np.random.default_rng(0)
folder.mkdir(parents=True, exist_ok=True)


def bfloat16(values):
    return (np.asarray(values, np.float32).view(np.uint32) >> 16).astype(np.uint16)


def matrix(name, rows, columns):
    if bits == 16:
        block = bfloat16(random.standard_normal((min(rows, 4096), columns), np.float32) * 0.02)
        yield name + ".weight", "BF16", np.resize(block, (rows, columns))
        return
    scale = np.full((rows, columns // group), 0.08 / 2**bits, np.float32)
    yield name + ".weight", "U32", random.integers(0, 2**32, (rows, columns * bits // 32), np.uint32)
    yield name + ".scales", "BF16", bfloat16(scale)
    yield name + ".biases", "BF16", bfloat16(-scale * (2**bits / 2))


def tensors():
    yield from matrix("model.embed_tokens", vocab, hidden)
    yield "model.norm.weight", "BF16", bfloat16(np.ones(hidden))
    small = hidden * kv // heads
    for i in range(layers):
        p = f"model.layers.{i}."
        for name, rows, columns in (
            ("self_attn.q_proj", hidden, hidden),
            ("self_attn.k_proj", small, hidden),
            ("self_attn.v_proj", small, hidden),
            ("self_attn.o_proj", hidden, hidden),
            ("mlp.gate_proj", mlp, hidden),
            ("mlp.up_proj", mlp, hidden),
            ("mlp.down_proj", hidden, mlp),
        ):
            yield from matrix(p + name, rows, columns)
        for norm in ("input_layernorm", "post_attention_layernorm"):
            yield p + norm + ".weight", "BF16", bfloat16(np.ones(hidden))


header, arrays, offset = {}, [], 0
for name, dtype, array in tensors():
    ends = [offset, offset + array.nbytes]
    header[name] = {"dtype": dtype, "shape": array.shape, "data_offsets": ends}
    offset += array.nbytes
    arrays.append(array)
text = json.dumps(header).encode()
text += b" " * (-len(text) % 8)
with open(folder / "model.safetensors", "wb") as f:
    f.write(len(text).to_bytes(8, "little") + text)
    for array in arrays:
        f.write(array.tobytes())
config = {
    "model_type": "llama", "hidden_size": hidden, "num_hidden_layers": layers,
    "intermediate_size": mlp, "num_attention_heads": heads, "num_key_value_heads": kv,
    "head_dim": 64, "rms_norm_eps": 1e-5, "vocab_size": vocab, "rope_theta": 500000.0,
    "tie_word_embeddings": True,
}
if bits != 16:
    config["quantization"] = {"group_size": group, "bits": bits}
(folder / "config.json").write_text(json.dumps(config, indent=4))


def byte_characters():
    """The printable characters that byte-level BPE writes for the 256 bytes."""
    kept = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [b for b in range(256) if b not in kept]
    return [chr(b) for b in kept] + [chr(256 + i) for i in range(len(others))]


def merges(words, count):
    """Joins earlier words until there are `count`; words grows with them."""
    known = set(words)
    while len(words) < count:
        pair = [words[int(len(words) * u**2)] for u in random.random(2)]
        joined = "".join(pair)
        if len(joined) <= 12 and joined not in known:
            known.add(joined)
            words.append(joined)
            yield pair


words, specials = byte_characters(), vocab - 128000
rules = list(merges(words, 128000))
added = ["<|begin_of_text|>", "<|end_of_text|>"] + [f"<|reserved_{i}|>" for i in range(specials - 2)]
split = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}|" + (
    r" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
tokenizer = {
    "version": "1.0",
    "added_tokens": [
        {"id": 128000 + i, "content": text, "single_word": False, "lstrip": False, "rstrip": False,
         "normalized": False, "special": True} for i, text in enumerate(added)],
    "normalizer": None,
    "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
        {"type": "Split", "pattern": {"Regex": split}, "behavior": "Isolated", "invert": False},
        {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}]},
    "post_processor": None,
    "decoder": {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True},
    "model": {"type": "BPE", "vocab": {word: i for i, word in enumerate(words)}, "merges": rules},
}
(folder / "tokenizer.json").write_text(json.dumps(tokenizer, ensure_ascii=False, indent=2))
(folder / "tokenizer_config.json").write_text(json.dumps({"bos_token": added[0], "eos_token": added[1]}))
