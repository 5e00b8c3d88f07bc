"""Makes the bundled model from nothing: writes the corpus, trains the tokenizer on it, lets train_tiny
(train.c, built with the project) train and quantise the model, and fills this folder.

Needs numpy and the wheel tokenizers. Run:
    python models/tiny/make.py [--steps N] [--work FOLDER] [--train PROGRAM]
The work folder (build-tiny by default) keeps the corpus and the training's state, from which an
interrupted run goes on.
"""

import argparse
import json
import shutil
import subprocess
from pathlib import Path

from tokenizers import Tokenizer

import corpus
import rows
import tokenizer as bpe

DOCUMENTS, HELD_OUT, STEPS = 24000, 300, 2600
SHAPE = {
    "hidden_size": 192,
    "num_hidden_layers": 5,
    "intermediate_size": 512,
    "num_attention_heads": 3,
    "num_key_value_heads": 1,
    "head_dim": 64,
    "rms_norm_eps": 1e-5,
    "rope_theta": 10000.0,
    "vocab_size": bpe.VOCABULARY,
}


def config_of(tokenizer):
    token = tokenizer.token_to_id
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        **SHAPE,
        "max_position_embeddings": rows.CONTEXT,
        "attention_bias": False,
        "mlp_bias": False,
        "hidden_act": "silu",
        "rope_scaling": None,
        "tie_word_embeddings": True,
        "bos_token_id": token("<|begin_of_text|>"),
        "eos_token_id": [token("<|eot_id|>"), token("<|end_of_text|>")],
        "torch_dtype": "float32",
    }


def write_json(path, value):
    path.write_text(json.dumps(value, indent=2) + "\n")


def prepare(work):
    """Writes the tokenizer, the packed rows and the config into the work folder, unless they are there."""
    if not (work / "config.json").exists():
        documents = list(corpus.documents(DOCUMENTS + HELD_OUT, seed=1))
        texts = (d if isinstance(d, str) else "\n".join(m["content"] for m in d) for d in documents)
        tokenizer = bpe.train(texts)
        tokenizer.save(str(work / "tokenizer.json"))
        encoded = [bpe.encode(tokenizer, d) for d in documents]
        told, end = bpe.told_tokens(tokenizer), tokenizer.token_to_id("<|eot_id|>")
        training = [bpe.emphasise(told, end, *document) for document in encoded[HELD_OUT:]]
        rows.save(work, "training", rows.pack(training))
        rows.save(work, "held_out", rows.pack(encoded[:HELD_OUT]))
        write_json(work / "held_out.json", documents[:HELD_OUT])
        write_json(work / "config.json", config_of(tokenizer))
    return Tokenizer.from_file(str(work / "tokenizer.json"))


def export(work, tokenizer, folder):
    """The checkpoint that train_tiny has left, and what belongs to it."""
    shutil.copyfile(work / "quantised" / "model.safetensors", folder / "model.safetensors")
    config = json.loads((work / "quantised" / "config.json").read_text())
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
    bpe.save(tokenizer, folder, rows.CONTEXT)


def main():
    here = Path(__file__).resolve().parent
    root = here.parent.parent
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--work", type=Path, default=root / "build-tiny")
    parser.add_argument("--train", type=Path, default=root / "build" / "train_tiny")
    parser.add_argument("--output", type=Path, default=here)
    options = parser.parse_args()
    options.work.mkdir(exist_ok=True)
    tokenizer = prepare(options.work)
    shutil.rmtree(options.work / "quantised", ignore_errors=True)
    subprocess.run([options.train, options.work, str(options.steps)], check=True)
    export(options.work, tokenizer, options.output)


if __name__ == "__main__":
    main()
