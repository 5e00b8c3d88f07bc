"""llama.cpp on bench_llama's cases, answering bench/run.py (see peer.py). BENCH_MODELS has q4_0.gguf,
q8_0.gguf and bf16.gguf (make_gguf.py); cases without theirs are left out. Times are of one token.
Needs the wheel llama-cpp-python (0.3.36), which compiles llama.cpp for the machine; BENCH_THREADS are as
many as the usable cores if not said."""
import ctypes
import os
from pathlib import Path

import llama_cpp as ll

from peer import serve

MODELS = Path(os.environ.get("BENCH_MODELS", "."))
THREADS = int(os.environ.get("BENCH_THREADS", len(os.sched_getaffinity(0))))
STEPS = 8


class Session:
    """A model, and `sequences` with `context` tokens each behind them."""

    def __init__(self, file, sequences=1, context=0):
        self.model = ll.llama_model_load_from_file(str(file).encode(),
                                                   ll.llama_model_default_params())
        settings = ll.llama_context_default_params()
        settings.n_ctx = sequences * (context + 1024)
        settings.n_batch = settings.n_ubatch = 512
        settings.n_seq_max = sequences
        settings.n_threads = settings.n_threads_batch = THREADS
        self.context = ll.llama_init_from_model(self.model, settings)
        self.sequences, self.kept = sequences, context
        self.batch = ll.llama_batch_init(512, 0, 1)
        for sequence in range(sequences):
            for at in range(0, context, 512):
                self.run([(i % 1000, i, sequence) for i in range(at, min(at + 512, context))])

    def __del__(self):
        ll.llama_batch_free(self.batch)
        ll.llama_free(self.context)
        ll.llama_model_free(self.model)

    def run(self, tokens):
        """(token, position, sequence) of each; logits of the last position of each sequence."""
        last = {sequence: i for i, (_, _, sequence) in enumerate(tokens)}
        self.batch.n_tokens = len(tokens)
        for i, (token, position, sequence) in enumerate(tokens):
            self.batch.token[i], self.batch.pos[i] = token, position
            self.batch.n_seq_id[i], self.batch.seq_id[i][0] = 1, sequence
            self.batch.logits[i] = last[sequence] == i
        if ll.llama_decode(self.context, self.batch):
            raise RuntimeError("llama_decode failed")

    def forget(self, kept):
        memory = ll.llama_get_memory(self.context)
        for sequence in range(self.sequences):
            ll.llama_memory_seq_rm(memory, sequence, kept, -1)

    def decode(self):
        for step in range(STEPS):
            self.run([(7, self.kept + step, sequence) for sequence in range(self.sequences)])
        ll.llama_synchronize(self.context)
        self.forget(self.kept)

    def prompt(self, length):
        self.run([(3 + i % 1000, i, 0) for i in range(length)])
        ll.llama_synchronize(self.context)
        self.forget(0)


def main():
    quiet = ll.llama_log_callback(lambda level, text, data: None)
    ll.llama_log_set(quiet, ctypes.c_void_p())
    ll.llama_backend_init()
    cases = {}
    for width, name in (("4-bit", "q4_0"), ("8-bit", "q8_0"), ("bfloat16", "bf16")):
        file = MODELS / f"{name}.gguf"
        if not file.exists():
            continue
        for label, sequences, context in (("", 1, 16), (" at 4096", 1, 4096),
                                          (", 8 sequences", 8, 16)):
            cases[f"decode {width}{label}"] = (
                lambda f=file, s=sequences, c=context: (Session(f, s, c),), Session.decode,
                STEPS * sequences)
        for length in (8, 512):
            cases[f"prompt of {length}, {width}"] = (
                lambda f=file: (Session(f),), lambda session, n=length: session.prompt(n), length)
    serve(cases)


if __name__ == "__main__":
    main()
