"""Makes the bundled model from nothing: writes the corpus, trains the tokenizer and the model on it,
and exports this folder's config.json, model.safetensors and tokenizer files.

Needs PyTorch, and the wheels mlx[cpu]==0.30.4, mlx-lm==0.30.4 and tokenizers. Run:
    python models/tiny/make.py [--steps N] [--work FOLDER]
The work folder (build-tiny by default) keeps the corpus and the training's state, from which an
interrupted run goes on.
"""

import argparse
import json
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

import corpus
import tokenizer as bpe
import train

DOCUMENTS, HELD_OUT, STEPS = 24000, 300, 1800


def prepare(work):
    """Writes the tokenizer and the packed rows into the work folder, unless they are there."""
    if not (work / "rows.npz").exists():
        documents = list(corpus.documents(DOCUMENTS + HELD_OUT, seed=1))
        texts = (d if isinstance(d, str) else "\n".join(m["content"] for m in d) for d in documents)
        tokenizer = bpe.train(texts)
        tokenizer.save(str(work / "tokenizer.json"))
        encoded = [bpe.encode(tokenizer, d) for d in documents]
        training, held_out = train.pack(encoded[HELD_OUT:]), train.pack(encoded[:HELD_OUT])
        np.savez(work / "rows.npz", *training, *held_out)
        (work / "held_out.json").write_text(json.dumps(documents[:HELD_OUT]))
    parts = np.load(work / "rows.npz")
    parts = [parts[name] for name in parts.files]
    return Tokenizer.from_file(str(work / "tokenizer.json")), parts[:2], parts[2:]


def main():
    here = Path(__file__).resolve().parent
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--work", type=Path, default=here.parent.parent / "build-tiny")
    parser.add_argument("--output", type=Path, default=here)
    options = parser.parse_args()
    options.work.mkdir(exist_ok=True)
    tokenizer, training, held_out = prepare(options.work)
    print(
        f"{len(training[0])} rows of {train.CONTEXT} tokens, {len(held_out[0])} held out",
        flush=True,
    )
    model = train.train(training, held_out, options.steps, options.work)
    import export  # mlx is not needed before

    export.export(model, tokenizer, held_out, options.output)


if __name__ == "__main__":
    main()
