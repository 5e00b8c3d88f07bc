"""Measures benchmark programs and their peers in turns and prints ratios as Markdown tables.

    bench/run.py [--build DIR] [--rounds N] [--only TEXT] [--peers NAMES] [FAMILY...]

Without families it measures the few cases of SUMMARY and prints one table of them.

For each case: every program answers once a round, the best of all rounds counts, and the machine's
limits are measured between cases. `x PEER` is the peer's time over ours (above 1: ours is faster);
`of limit` is the least time that memory traffic and arithmetic allow over ours. Peers run under
BENCH_PYTHON (default: this Python), where it has what they need."""
import argparse
import os
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
PYTHON = os.environ.get("BENCH_PYTHON", sys.executable)

# By family: the name of each peer, and the command that answers as a program does with --serve.
ARRAYS = ("elementwise", "reduce", "cast", "copy", "sort", "random", "matmul")
PEERS = {family: {"NumPy": [PYTHON, str(HERE / "numpy_peers.py"), family]} for family in ARRAYS}
for family in (*ARRAYS, "attention", "quantized", "llama"):
    PEERS.setdefault(family, {})["MLX"] = [PYTHON, str(HERE / "mlx_peers.py"), family]
# Built beside ours where the library is found.
PEERS["matmul"]["oneDNN"] = ["{build}/dnnl_peer", "--serve"]
PEERS["llama"]["llama.cpp"] = [PYTHON, str(HERE / "llama_cpp_peer.py")]
# The same program in another environment; {build} is the build directory.
PEERS["compile"] = {"uncompiled": ["env", "MLX_DISABLE_COMPILE=1", "{build}/bench_compile",
                                   "--serve"]}
PEERS["train"] = {"MLX": [PYTHON, str(HERE / "mlx_train_peer.py")]}
# What README shows, by family: cases, and what they are called there.
SUMMARY = {
    "llama": {"weights read once, 4-bit": "(all weights read once where they lie, 4-bit)",
              "weights read once, 8-bit": "(the same, 8-bit)",
              "weights read once, bfloat16": "(the same, bfloat16)",
              "decode 4-bit": "decode, 4-bit", "decode 8-bit": "decode, 8-bit",
              "decode bfloat16": "decode, bfloat16",
              "decode 4-bit at 4096": "decode, 4-bit, after 4,096 tokens",
              "decode 4-bit, 8 sequences": "decode, 4-bit, 8 sequences together",
              "decode bfloat16, 8 sequences": "decode, bfloat16, 8 sequences together",
              "prompt of 512, 4-bit": "read a prompt of 512 tokens, 4-bit"},
    "matmul": {"512^3 FLOAT32": "matmul 512³ float32", "1024^3 FLOAT32": "matmul 1024³ float32",
               "2048^3 FLOAT32": "matmul 2048³ float32", "4096^3 FLOAT32": "matmul 4096³ float32",
               "1024^3 BFLOAT16": "matmul 1024³ bfloat16"},
    "attention": {"prompt of 2048 BFLOAT16": "causal attention, 32 heads, 2,048 tokens, bfloat16"},
    "elementwise": {"add FLOAT32": "add, 16 M float32", "exp FLOAT32": "exp, 16 M float32"},
    "cast": {"cast FLOAT32 BFLOAT16": "16 M float32 to bfloat16",
             "cast FLOAT32 FLOAT16": "16 M float32 to float16"},
    "reduce": {"sum FLOAT32": "sum, 16 M float32",
               "softmax rows FLOAT32": "softmax 4096 x 4096 float32"},
    "copy": {"transpose FLOAT32": "transposed copy 4096 x 4096 float32"},
    "sort": {"sort FLOAT32": "sort, 1 M float32", "argsort FLOAT32": "argsort, 1 M float32"},
    "random": {"normal FLOAT32": "random normal, 4 M float32"},
    "graph": {"add: build and evaluate": "a node of the graph, built and evaluated"},
    "train": {"tiny 4 x 128": "training step of the bundled model, 4 x 128 tokens"},
}
LIMITS = ("limit read", "limit write", "limit copy", "limit fma")


class Program:
    def __init__(self, command):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True, bufsize=1)

    def say(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def ask(self, line):
        """The number that answers, or None."""
        self.say(line)
        answer = self.process.stdout.readline().strip()
        if not answer:
            raise RuntimeError(f"{self.process.args[0]} ended at {line!r}")
        return None if answer == "none" else float(answer)

    def cases(self):
        """(name, bytes read, bytes written, operations, items) of each."""
        self.say("list")
        found = []
        while line := self.process.stdout.readline().strip():
            name, *figures = line.split("\t")
            found.append((name, *map(float, figures)))
        return found

    def end(self):
        self.process.stdin.close()
        self.process.wait()


def least(read, written, operations, limits):
    """As least_of in bench.c."""
    both = min(read, written)
    traffic = (2 * both / limits["limit copy"] + (read - both) / limits["limit read"]
               + (written - both) / limits["limit write"])
    return max(traffic, operations / limits["limit fma"])


def peers_of(family, build, wanted):
    peers = {}
    for name, command in PEERS.get(family, {}).items():
        if wanted is not None and name not in wanted:
            continue
        try:
            peer = Program([part.replace("{build}", str(build)) for part in command])
            peer.ask("none")
            peers[name] = peer
        except (OSError, RuntimeError) as error:
            print(f"no {name}: {error}", file=sys.stderr)
    return peers


def duration(seconds):
    for unit, scale in (("s", 1), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= scale:
            return f"{seconds / scale:.3g} {unit}"
    return f"{seconds * 1e9:.3g} ns"


class Measured:
    """What a family's cases took: seconds of one item by who answered, and the machine's limits."""

    def __init__(self, family, peers):
        self.family, self.peers = family, peers
        self.limits = dict.fromkeys(LIMITS, 0)
        self.rows = []  # (case, best), each as Program.cases and {who: seconds} have them

    def of_limit(self, case, best):
        _, read, written, operations, items = case
        bound = least(read, written, operations, self.limits) / items
        return f"{bound / best['ours']:.2f}" if bound else ""


def measure(family, build, rounds, wanted, peers):
    """`wanted` says of a name whether that case is to be measured."""
    ours, peers = Program([str(build / f"bench_{family}"), "--serve"]), peers_of(family, build, peers)
    everyone = {"ours": ours, **peers}
    found = Measured(family, list(peers))
    for index, case in enumerate(c for c in ours.cases() if wanted(c[0])):
        name, best = case[0], dict.fromkeys(everyone)
        for turn in range(rounds):
            for who, program in everyone.items():
                seconds = program.ask(name) if turn == 0 or best[who] else None
                if seconds:
                    best[who] = min(seconds, best[who] or seconds)
            if index % 8 == 0:
                for limit in LIMITS:
                    found.limits[limit] = max(found.limits[limit], ours.ask(limit))
        for program in everyone.values():
            program.say("drop")
        found.rows.append((case, best))
        if sys.stderr.isatty() or os.environ.get("BENCH_VERBOSE"):
            print(name, {who: duration(s) for who, s in best.items() if s}, file=sys.stderr)
    for program in everyone.values():
        program.end()
    return found


def limits_line(limits):
    return (f"memory reads {limits['limit read'] / 1e9:.1f} GB/s, writes "
            f"{limits['limit write'] / 1e9:.1f}, copies {limits['limit copy'] / 1e9:.1f}; float32 "
            f"{limits['limit fma'] / 1e9:.0f} GFLOP/s")


def print_row(cells):
    print("| " + " | ".join(cells) + " |")


def print_table(found):
    print(f"\n{found.family}: {limits_line(found.limits)}\n")
    print_row(["work", "ours", *[f"{p} | x {p}" for p in found.peers], "of limit"])
    print("|" + " --- |" * (3 + 2 * len(found.peers)))
    for case, best in found.rows:
        if not best["ours"]:
            print(f"| {case[0]} | failed |")
            continue
        cells = [case[0], duration(best["ours"])]
        for peer in found.peers:
            cells += ([duration(best[peer]), f"{best[peer] / best['ours']:.2f}"] if best[peer]
                      else ["", ""])
        print_row([*cells, found.of_limit(case, best)])
    sys.stdout.flush()


def rate(family, case, seconds):
    if family == "llama":
        return f"{1 / seconds:.3g} tokens/s"
    if family == "matmul":
        return f"{case[3] / case[4] / seconds / 1e9:.0f} GFLOP/s"
    return duration(seconds)


def print_summary(build, rounds, peers):
    families = [measure(family, build, rounds, names.__contains__, peers)
                for family, names in SUMMARY.items()]
    limits = {limit: max(found.limits[limit] for found in families) for limit in LIMITS}
    print(f"{limits_line(limits)}\n")
    print_row(["work", "ours", "of limit", "times as fast as"])
    print("|" + " --- |" * 4)
    for found in families:
        found.limits = limits
        for case, best in found.rows:
            if not best["ours"]:
                continue  # what it needs is not here
            beside = [f"{peer} {best[peer] / best['ours']:.3g}" for peer in found.peers if best[peer]]
            print_row([SUMMARY[found.family][case[0]], rate(found.family, case, best["ours"]),
                       found.of_limit(case, best), ", ".join(beside)])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=pathlib.Path, default=pathlib.Path("build"))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", help="cases whose names contain this")
    parser.add_argument("--peers", type=lambda names: names.split(","),
                        help="only these, by name: NumPy,MLX (default: all that there are)")
    parser.add_argument("families", nargs="*", metavar="FAMILY", help="or `all`")
    args = parser.parse_args()
    if not args.families:
        print_summary(args.build, args.rounds, args.peers)
        return
    everything = sorted(p.name[len("bench_"):] for p in args.build.glob("bench_*")
                        if os.access(p, os.X_OK) and p.is_file())
    only = (args.only or "").lower()
    for family in everything if args.families == ["all"] else args.families:
        print_table(measure(family, args.build, args.rounds, lambda name: only in name.lower(),
                            args.peers))


if __name__ == "__main__":
    main()
