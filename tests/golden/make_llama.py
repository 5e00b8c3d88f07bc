"""Makes tests/golden/llama/: tiny random Llama checkpoints, one per feature of mlx_lm's Llama, each
with the logits and greedy tokens that mlx_lm itself computes from it.

Needs the wheels mlx[cpu]==0.30.4 and mlx-lm==0.30.4. Run: python tests/golden/make_llama.py

A variant's folder holds config.json, model*.safetensors (a link to another variant's file where
only the config differs) and expected.safetensors:
  prompt      int32 [20]          the token ids
  logits      float32 [1, 20, V]  one forward pass without a cache
  decode      float32 [1, 8, V]   the last 8 positions through a cache that was given 12
                                  tokens, then 4 together, then 4 one by one
  greedy      int32 [24]          the tokens that generate_step yields after the prompt; in
                                  16-bit variants also those of the widened weights
  exact       float32 [1, 20, V]  `logits`, recomputed with every float weight widened to float32
                                  (16-bit variants only: how far mlx_lm itself is from the truth)
llama/variants.json lists the variants: name, what it is about, whether it is a float32 one, and the
smallest distance between the best two logits on the greedy path (`gap`).
llama/errors.json lists configs that mlx_lm refuses, as changes to the `gqa` config, with its words.
"""

import json
import shutil
from pathlib import Path

import mlx.core as mx
import mlx.nn as nn
import numpy as np
from mlx.utils import tree_flatten, tree_map
from mlx_lm.generate import generate_step
from mlx_lm.models.cache import make_prompt_cache
from mlx_lm.models.llama import Model, ModelArgs
from mlx_lm.utils import load_model

ROOT = Path(__file__).resolve().parent / "llama"
PROMPT_TOKENS, GREEDY_TOKENS = 20, 24

SMALL = {
    "model_type": "llama",
    "architectures": ["LlamaForCausalLM"],
    "hidden_size": 24,
    "num_hidden_layers": 2,
    "intermediate_size": 40,
    "num_attention_heads": 4,
    "rms_norm_eps": 1e-5,
    "vocab_size": 96,
    "max_position_embeddings": 256,
    "rope_theta": 10000.0,
    "tie_word_embeddings": True,
}
# Heads of 16 give rope eight frequencies, enough for the scalings' ramps to show.
ROPE = SMALL | {"hidden_size": 64, "num_key_value_heads": 2}
# The smallest shapes that a group of 64 or of 128 divides.
WIDE = SMALL | {"hidden_size": 64, "intermediate_size": 64, "num_key_value_heads": 2}
WIDEST = SMALL | {
    "hidden_size": 128,
    "intermediate_size": 128,
    "num_key_value_heads": 1,
    "num_hidden_layers": 1,
}
NARROW = WIDE | {"hidden_size": 32}
SHAPE_OF_GROUP = {32: NARROW, 64: WIDE, 128: WIDEST}
SLIDING = {
    "layer_types": ["sliding_attention", "full_attention", "sliding_attention"],
    "num_hidden_layers": 3,
    "sliding_window": 8,
}
LLAMA3 = {
    "rope_type": "llama3",
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 64,
}
YARN = {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32}
YARN_FULL = YARN | {
    "beta_fast": 8,
    "beta_slow": 2,
    "mscale": 0.7,
    "mscale_all_dim": 0.3,
}
LONG_FACTOR = [1.0, 1.1, 1.3, 1.9, 2.7, 4.0, 6.5, 9.0]
LONGROPE = {
    "type": "longrope",
    "original_max_position_embeddings": 64,
    "short_factor": [1.0] * 8,
    "long_factor": LONG_FACTOR,
}

# Variants whose weights are made here: name, about, config, options of `build`.
MADE = [
    ("plain", "as many key heads as query heads", SMALL, {}),
    ("gqa", "two query heads to a key head", ROPE, {}),
    ("mqa", "one key head", SMALL | {"num_key_value_heads": 1}, {}),
    ("attn_bias", "biases in attention", SMALL | {"attention_bias": True}, {}),
    ("mlp_bias", "biases in the MLP", SMALL | {"mlp_bias": True}, {}),
    ("untied", "an lm_head of its own", SMALL | {"tie_word_embeddings": False}, {}),
    ("head_dim", "head_dim is not hidden_size / heads", SMALL | {"head_dim": 12}, {}),
    ("all", "biases, lm_head, grouped heads, head_dim, norm epsilon, theta, odd sizes together",
     SMALL | {"attention_bias": True, "mlp_bias": True, "tie_word_embeddings": False,
              "head_dim": 10, "num_key_value_heads": 2, "rms_norm_eps": 1e-2, "rope_theta": 500000,
              "vocab_size": 97, "hidden_size": 36, "intermediate_size": 50}, {}),
    ("sliding", "layers 0 and 2 see eight positions back", SMALL | SLIDING, {}),
    ("sliding_bf16", "the same in bfloat16", SMALL | SLIDING, {"dtype": mx.bfloat16}),
    ("f16", "float16", SMALL, {"dtype": mx.float16}),
    ("bf16", "bfloat16", SMALL, {"dtype": mx.bfloat16}),
    ("mixed", "bfloat16 with float32 norms, which widen the activations", SMALL,
     {"dtype": mx.bfloat16, "norms": mx.float32}),
    ("sharded", "three files and an index", SMALL, {"shards": 3}),
    ("extras", "rotary inv_freq and an unused lm_head, which are dropped on loading", SMALL,
     {"extras": True}),
    ("q4_bf16", "4 bits, groups of 64, bfloat16", WIDE,
     {"dtype": mx.bfloat16, "quantize": (64, 4)}),
    ("q4_f16", "4 bits, groups of 64, float16", WIDE,
     {"dtype": mx.float16, "quantize": (64, 4)}),
    ("q3_bf16", "3 bits, groups of 64, bfloat16", WIDE,
     {"dtype": mx.bfloat16, "quantize": (64, 3)}),
    ("q6_f16", "6 bits, groups of 32, float16", WIDE,
     {"dtype": mx.float16, "quantize": (32, 6)}),
    ("q8_bf16", "8 bits, groups of 32, bfloat16", WIDE,
     {"dtype": mx.bfloat16, "quantize": (32, 8)}),
    ("q_untied", "a quantised lm_head and embedding", WIDE | {"tie_word_embeddings": False},
     {"quantize": (64, 4)}),
    ("q_bias", "quantised layers with biases", WIDE | {"attention_bias": True, "mlp_bias": True},
     {"quantize": (64, 4)}),
    ("q_override", "layers with their own bits and group, or none",
     WIDE | {"tie_word_embeddings": False},
     {"quantize": (64, 4), "overrides": {
         "model.layers.0.mlp.down_proj": {"group_size": 32, "bits": 8},
         "model.layers.1.self_attn.q_proj": False,
         "model.layers.1.mlp.gate_proj": {"group_size": 64, "bits": 3},
         "model.embed_tokens": {"group_size": 32, "bits": 6},
         "lm_head": {"group_size": 32, "bits": 5}}}),
    ("q_embed_off", "the embedding has no scales, so it is not quantised", WIDE,
     {"quantize": (64, 4), "overrides": {"model.embed_tokens": False}, "write_overrides": False}),
    ("q_sliding", "quantised sliding layers", WIDE | SLIDING, {"quantize": (64, 4)}),
    ("q_compressed", "quantization_config of compressed-tensors: 4 bits in groups of 32",
     SHAPE_OF_GROUP[32], {"quantize": (32, 4), "method": "compressed-tensors"}),
] + [
    (f"q{bits}_g{group}", f"{bits} bits, groups of {group}, float32", SHAPE_OF_GROUP[group],
     {"quantize": (group, bits)})
    for group in (32, 64, 128) for bits in (2, 3, 4, 5, 6, 8)
]

# Variants that share another's weights: name, about, whose, changes to the config (None: removed).
CONFIGS = [
    ("minimal", "only the fields that have no default", "plain",
     {"architectures": None, "max_position_embeddings": None, "rope_theta": None,
      "tie_word_embeddings": None}),
    ("mistral", "model_type mistral, whose sliding_window says nothing without layer_types", "gqa",
     {"model_type": "mistral", "sliding_window": 8, "architectures": ["MistralForCausalLM"]}),
    ("iquest", "model_type iquestcoder", "gqa", {"model_type": "iquestcoder"}),
    ("head_dim_null", "head_dim null", "gqa", {"head_dim": None}),
    ("eps", "a large rms_norm_eps", "gqa", {"rms_norm_eps": 0.1}),
    ("theta", "rope_theta", "gqa", {"rope_theta": 500000.0}),
    ("trad", "traditional rope", "gqa", {"rope_traditional": True}),
    ("rope_default", "rope_scaling of type default", "gqa",
     {"rope_scaling": {"rope_type": "default"}}),
    ("rope_none", "rope_scaling that names no type", "gqa", {"rope_scaling": {"factor": 4.0}}),
    ("rope_linear", "linear scaling", "gqa", {"rope_scaling": {"type": "linear", "factor": 4.0}}),
    ("rope_linear_trad", "linear scaling, traditional", "gqa",
     {"rope_traditional": True, "rope_scaling": {"rope_type": "linear", "factor": 2.5}}),
    ("rope_both", "`type` wins over `rope_type`", "gqa",
     {"rope_scaling": {"type": "linear", "rope_type": "llama3", "factor": 3.0}}),
    ("rope_llama3", "llama3 scaling", "gqa", {"rope_scaling": LLAMA3}),
    ("rope_llama3_few", "llama3 scaling with its defaults", "gqa",
     {"rope_theta": 1e6, "rope_scaling": {"rope_type": "llama3", "factor": 32.0}}),
    ("rope_llama3_trad", "llama3 scaling, traditional", "gqa",
     {"rope_traditional": True, "rope_scaling": LLAMA3}),
    ("rope_yarn", "yarn scaling", "gqa", {"rope_scaling": YARN}),
    ("rope_yarn_full", "yarn scaling with every parameter, by its type deepseek_yarn", "gqa",
     {"rope_scaling": YARN_FULL | {"rope_type": "deepseek_yarn"}}),
    ("rope_yarn_trad", "yarn scaling, traditional, no factor to speak of", "gqa",
     {"rope_traditional": True, "rope_scaling": YARN | {"factor": 1.0}}),
    ("rope_longrope", "longrope: long factors, and queries and keys scaled up", "gqa",
     {"rope_scaling": LONGROPE}),
    ("rope_longrope_short", "longrope with no extension: factors but no scale", "gqa",
     {"max_position_embeddings": 64, "rope_scaling": LONGROPE}),
    ("rope_longrope_num", "longrope with one factor for all", "gqa",
     {"rope_scaling": LONGROPE | {"short_factor": 1.0, "long_factor": 3.0}}),
    ("rope_mrope", "mrope, which text alone reduces to plain rope", "gqa",
     {"rope_scaling": {"type": "mrope", "mrope_section": [2, 3, 3]}}),
    ("yarn_bf16", "yarn scaling in bfloat16", "bf16",
     {"rope_scaling": YARN_FULL}),
    ("longrope_f16", "longrope in float16", "f16",
     {"rope_scaling": LONGROPE | {"short_factor": [1.0] * 3, "long_factor": LONG_FACTOR[1::3]}}),
    ("q_both", "quantization and its copy quantization_config, as convert writes them", "q4_g64",
     {"quantization_config": {"group_size": 64, "bits": 4}}),
    ("q_mode", "quantization that names its mode", "q4_g64",
     {"quantization": {"group_size": 64, "bits": 4, "mode": "affine"}}),
]

# Changes to gqa's config that mlx_lm refuses.
REFUSED = [
    {"rope_scaling": {"type": "su", "factor": 2.0}},
    {"rope_scaling": {"rope_type": "dynamic", "factor": 2.0}},
    {"rope_scaling": {"type": "mrope", "mrope_section": [4, 4]}},
    {"rope_scaling": {"type": "linear"}},
    {"rope_scaling": {"type": "llama3"}},
    {"rope_scaling": {"type": "yarn"}},
    {"rope_scaling": {"type": "longrope", "long_factor": LONG_FACTOR, "short_factor": LONG_FACTOR}},
    {"layer_types": ["sliding_attention", "sliding_attention"], "sliding_window": 8},
    {"model_type": "no_such_model"},
    {"model_type": None},
    {"hidden_size": None},
    {"num_hidden_layers": 3},
    {"num_hidden_layers": 1},
    {"intermediate_size": 96},
    {"tie_word_embeddings": False},
    {"attention_bias": True},
    {"quantization_config": {"quant_method": "awq", "bits": 8}},
    {"quantization_config": {"bits": 4}},
]


def changed(config, changes):
    return {k: v for k, v in (config | changes).items() if v is not None}


def write_json(path, value):
    path.write_text(json.dumps(value, indent=2) + "\n")


def random_weights(model, rng):
    """Draws weights large enough for attention to choose, and for a layer to outweigh its input."""

    def draw(name, w):
        noise = rng.standard_normal(w.shape).astype(np.float32)
        if "norm" in name:
            return mx.array(1 + 0.3 * noise)
        if name.endswith("bias"):
            return mx.array(0.5 * noise)
        gain = 0.4 if "embed_tokens" in name or "lm_head" in name else 1.4 / w.shape[-1] ** 0.5
        return mx.array((2 if "o_proj" in name or "down_proj" in name else 1) * gain * noise)

    return [(name, draw(name, w)) for name, w in tree_flatten(model.parameters())]


def quantize(model, config, group, bits, overrides):
    """Quantises as convert does, and puts into the config what convert would."""

    def choose(path, layer):
        return overrides.get(path, hasattr(layer, "to_quantized"))

    nn.quantize(model, group, bits, class_predicate=choose)
    config["quantization"] = {"group_size": group, "bits": bits}


def build(config, dtype=mx.float32, norms=None):
    model = Model(ModelArgs.from_dict(config))
    model.load_weights(random_weights(model, np.random.default_rng(1)))
    model.update(tree_map(lambda w: w.astype(dtype), model.parameters()))
    if norms:
        model.update(tree_map(lambda w: w.astype(norms) if w.ndim == 1 else w, model.parameters()))
    return model


def save_weights(folder, weights, shards):
    if shards == 1:
        mx.save_safetensors(str(folder / "model.safetensors"), weights, {"format": "mlx"})
        return
    names, index = sorted(weights), {}
    for i in range(shards):
        file = f"model-{i + 1:05}-of-{shards:05}.safetensors"
        part = {name: weights[name] for name in names[i::shards]}
        mx.save_safetensors(str(folder / file), part, {"format": "mlx"})
        index.update({name: file for name in part})
    total = sum(w.nbytes for w in weights.values())
    write_json(folder / "model.safetensors.index.json",
               {"metadata": {"total_size": total}, "weight_map": dict(sorted(index.items()))})


def make_folder(folder, config, quantize_to=None, overrides={}, write_overrides=True,
                method=None, shards=1, extras=False, **options):
    config = dict(config)
    model = build(config, **options)
    if quantize_to:
        quantize(model, config, *quantize_to, overrides)
        if write_overrides:
            config["quantization"].update(overrides)
        if method:
            del config["quantization"]
            config["quantization_config"] = {"quant_method": method}
    weights = dict(tree_flatten(model.parameters()))
    if extras:
        for layer in range(config["num_hidden_layers"]):
            weights[f"model.layers.{layer}.self_attn.rotary_emb.inv_freq"] = mx.ones(4)
        weights["lm_head.weight"] = mx.zeros((2, 2))
    folder.mkdir()
    write_json(folder / "config.json", config)
    save_weights(folder, weights, shards)


def random_prompt(vocab, seed=0):
    return np.random.default_rng(seed).integers(0, vocab, PROMPT_TOKENS).astype(np.int32)


def forward(model, prompt):
    return model(mx.array(prompt)[None]).astype(mx.float32)


def decode(model, prompt):
    cache, parts = make_prompt_cache(model), []
    for start, end in [(0, 12), (12, 16)] + [(i, i + 1) for i in range(16, PROMPT_TOKENS)]:
        parts.append(model(mx.array(prompt[start:end])[None], cache=cache))
    return mx.concatenate(parts[1:], axis=1).astype(mx.float32)


def greedy(model, prompt):
    ids, gap = [], np.inf
    for token, logprobs in generate_step(mx.array(prompt), model, max_tokens=GREEDY_TOKENS):
        best = np.sort(np.array(logprobs.astype(mx.float32)))
        ids.append(int(token))
        gap = min(gap, float(best[-1] - best[-2]))
    return np.array(ids, dtype=np.int32), gap


def widen(model):
    """Makes every float weight a float32 one, and returns the model."""

    def wider(w):
        return w.astype(mx.float32) if mx.issubdtype(w.dtype, mx.floating) else w

    model.update(tree_map(wider, model.parameters()))
    return model


def clear_prompt(vocab, model, wide):
    """The first prompt whose greedy path is varied, and clear of ties that rounding could turn.

    A 16-bit model's path must also be that of its widened twin.
    """
    wanted = 0.08 if wide else 0.01
    for seed in range(5000):
        prompt = random_prompt(vocab, seed)
        ids, gap = greedy(model, prompt)
        if gap > wanted and len(set(ids.tolist())) >= 8:
            if not wide or np.array_equal(ids, greedy(wide, prompt)[0]):
                return prompt, ids, gap
    raise SystemExit("no prompt gives a clear greedy path")


def record(folder, about):
    """Loads the folder as mlx_lm would, saves what it computes, and returns the list's row."""
    model, config = load_model(folder)
    dtypes = {w.dtype for _, w in tree_flatten(model.parameters())}
    is_float32 = dtypes <= {mx.float32, mx.uint32}
    wide = None if is_float32 else widen(load_model(folder)[0])
    prompt, ids, gap = clear_prompt(config["vocab_size"], model, wide)
    out = {"prompt": mx.array(prompt), "logits": forward(model, prompt),
           "decode": decode(model, prompt), "greedy": mx.array(ids)}
    if wide:
        out["exact"] = forward(wide, prompt)
    else:
        assert mx.allclose(out["logits"][:, 12:], out["decode"], rtol=1e-3, atol=1e-3), folder
    mx.save_safetensors(str(folder / "expected.safetensors"), out)
    return {"name": folder.name, "about": about, "float32": is_float32, "gap": round(gap, 4)}


def make_variant(name, about, config, options):
    options = dict(options)
    if "quantize" in options:
        options["quantize_to"] = options.pop("quantize")
    make_folder(ROOT / name, config, **options)
    return record(ROOT / name, about)


def make_linked(name, about, whose, changes):
    folder = ROOT / name
    folder.mkdir()
    config = json.loads((ROOT / whose / "config.json").read_text())
    write_json(folder / "config.json", changed(config, changes))
    (folder / "model.safetensors").symlink_to(f"../{whose}/model.safetensors")
    return record(folder, about)


def refusals():
    """What mlx_lm says to each refused config: the exception's name and message."""
    base = json.loads((ROOT / "gqa" / "config.json").read_text())
    folder, rows = ROOT / "refused", []
    folder.mkdir()
    (folder / "model.safetensors").symlink_to("../gqa/model.safetensors")
    for changes in REFUSED:
        write_json(folder / "config.json", changed(base, changes))
        try:
            model, _ = load_model(folder)
            forward(model, random_prompt(96))
        except Exception as error:
            message = f"{type(error).__name__}: {error}".split("\n")[0]
            rows.append({"changes": changes, "mlx_lm": message})
        else:
            raise SystemExit(f"mlx_lm accepts {changes}")
    shutil.rmtree(folder)
    return rows


def main():
    shutil.rmtree(ROOT, ignore_errors=True)
    ROOT.mkdir()
    rows = [make_variant(*variant) for variant in MADE]
    rows += [make_linked(*variant) for variant in CONFIGS]
    write_json(ROOT / "variants.json", rows)
    write_json(ROOT / "errors.json", refusals())
    for row in rows:
        print(f"{row['name']:20} gap {row['gap']}")


if __name__ == "__main__":
    main()
