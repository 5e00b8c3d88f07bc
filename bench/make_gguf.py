"""Makes llama.cpp's file of the shape of make_llama.py's checkpoints with random weights, for timing:
make_gguf.py q4_0|q8_0|bf16 FILE. Needs the wheels gguf and numpy."""
import sys

import gguf
import numpy as np

KINDS = {"q4_0": gguf.GGMLQuantizationType.Q4_0, "q8_0": gguf.GGMLQuantizationType.Q8_0,
         "bf16": gguf.GGMLQuantizationType.BF16}
kind, path = KINDS[sys.argv[1]], sys.argv[2]
hidden, layers, mlp, heads, kv, vocab, head = 2048, 16, 8192, 32, 8, 128256, 64
random = np.random.default_rng(0)
writer = gguf.GGUFWriter(path, "llama")


def matrix(name, rows, columns):
    """A few thousand rows of noise, again and again."""
    few = min(rows, 4096)
    block = random.standard_normal((few, columns), np.float32) * 0.02
    data = gguf.quants.quantize(block, kind)
    data = np.concatenate([data] * (rows // few) + [data[:rows % few]])
    writer.add_tensor(name + ".weight", data, raw_dtype=kind)


def ones(name):
    writer.add_tensor(name + ".weight", np.ones(hidden, np.float32))


writer.add_context_length(8192)
writer.add_embedding_length(hidden)
writer.add_block_count(layers)
writer.add_feed_forward_length(mlp)
writer.add_head_count(heads)
writer.add_head_count_kv(kv)
writer.add_layer_norm_rms_eps(1e-5)
writer.add_rope_freq_base(500000.0)
writer.add_rope_dimension_count(head)
writer.add_vocab_size(vocab)
writer.add_tokenizer_model("gpt2")
writer.add_tokenizer_pre("llama-bpe")
writer.add_token_list([b"t%d" % i for i in range(vocab)])
writer.add_token_types([1] * vocab)
writer.add_token_merges(["t 0"])
writer.add_bos_token_id(1)
writer.add_eos_token_id(2)
matrix("token_embd", vocab, hidden)
ones("output_norm")
for layer in range(layers):
    block = f"blk.{layer}."
    ones(block + "attn_norm")
    ones(block + "ffn_norm")
    for name, rows, columns in (
        ("attn_q", heads * head, hidden),
        ("attn_k", kv * head, hidden),
        ("attn_v", kv * head, hidden),
        ("attn_output", hidden, heads * head),
        ("ffn_gate", mlp, hidden),
        ("ffn_up", mlp, hidden),
        ("ffn_down", hidden, mlp),
    ):
        matrix(block + name, rows, columns)
writer.write_header_to_file()
writer.write_kv_data_to_file()
writer.write_tensors_to_file()
writer.close()
