"""Writes the trained model as mlx_lm's convert would: 4 bits in groups of 64, and its files."""

import json
import shutil
import tempfile
from pathlib import Path

import mlx.core as mx
import mlx.nn as nn
import torch
from mlx.utils import tree_flatten
from mlx_lm.models.llama import Model, ModelArgs

import tokenizer as bpe
import train


def config_of(shape, token):
    ends = [token("<|eot_id|>"), token("<|end_of_text|>")]
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        **shape,
        "max_position_embeddings": train.CONTEXT,
        "attention_bias": False,
        "mlp_bias": False,
        "hidden_act": "silu",
        "rope_scaling": None,
        "tie_word_embeddings": True,
        "bos_token_id": token("<|begin_of_text|>"),
        "eos_token_id": ends,
        "torch_dtype": "bfloat16",
        "quantization": {"group_size": train.GROUP, "bits": 4},
        "quantization_config": {"group_size": train.GROUP, "bits": 4},
    }


def quantised(model, config):
    """The weights in bfloat16, their matrices quantised."""
    lm = Model(ModelArgs.from_dict(config))
    weights = [
        (name, mx.array(w.detach().numpy()).astype(mx.bfloat16)) for name, w in model.w.items()
    ]
    lm.load_weights(weights)
    nn.quantize(lm, train.GROUP, 4)
    return dict(tree_flatten(lm.parameters()))


def read_back(path):
    """The model that the file holds, in float32."""
    stored, model = mx.load(str(path)), train.Llama()
    for name in model.w:
        w = stored[name]
        base = name.removesuffix(".weight")
        if base + ".scales" in stored:
            scales, biases = (
                stored[f"{base}.{part}"].astype(mx.float32) for part in ("scales", "biases")
            )
            w = mx.dequantize(w, scales, biases, group_size=train.GROUP, bits=4)
        model.w[name] = torch.tensor(w.astype(mx.float32).tolist())
    return model


def write_json(path, value):
    path.write_text(json.dumps(value, indent=2) + "\n")


def export(model, tokenizer, held_out, folder):
    """Fills the folder, and prints the held-out perplexity before and after quantising."""
    token = tokenizer.token_to_id
    config = config_of(model.shape, token)
    with tempfile.TemporaryDirectory(dir=folder) as partial:
        path = Path(partial) / "model.safetensors"
        mx.save_safetensors(str(path), quantised(model, config), {"format": "mlx"})
        shutil.move(path, folder / "model.safetensors")
    write_json(folder / "config.json", config)
    write_json(
        folder / "generation_config.json",
        {
            "bos_token_id": config["bos_token_id"],
            "eos_token_id": config["eos_token_id"],
            "do_sample": True,
            "temperature": 0.7,
            "top_p": 0.9,
            "max_new_tokens": 320,
        },
    )
    bpe.save(tokenizer, folder, train.CONTEXT)
    print(
        f"held-out perplexity: float {train.perplexity(model, *held_out):.4f}, 4-bit "
        f"{train.perplexity(read_back(folder / 'model.safetensors'), *held_out):.4f}"
    )
