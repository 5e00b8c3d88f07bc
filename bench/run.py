"""Measures benchmark programs and their peers in turns and prints ratios as Markdown tables.

    bench/run.py [--build DIR] [--rounds N] [--only TEXT] [--peers NAMES] [FAMILY...]

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
    """As bench_least in limits.c."""
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


def run_family(family, build, rounds, only, wanted):
    ours, peers = Program([str(build / f"bench_{family}"), "--serve"]), peers_of(family, build, wanted)
    limits = dict.fromkeys(LIMITS, 0)
    everyone = {"ours": ours, **peers}
    rows = []
    chosen = [c for c in ours.cases() if not only or only.lower() in c[0].lower()]
    for index, (name, read, written, operations, items) in enumerate(chosen):
        best = dict.fromkeys(everyone)
        for turn in range(rounds):
            for who, program in everyone.items():
                seconds = program.ask(name) if turn == 0 or best[who] else None
                if seconds:
                    best[who] = min(seconds, best[who] or seconds)
            if turn == 0 and index % 8 == 0:
                for limit in LIMITS:
                    limits[limit] = max(limits[limit], ours.ask(limit))
        for program in everyone.values():
            program.say("drop")
        rows.append((name, read, written, operations, items, best))
        if sys.stderr.isatty() or os.environ.get("BENCH_VERBOSE"):
            print(name, {who: duration(s) for who, s in best.items() if s}, file=sys.stderr)
    for program in everyone.values():
        program.end()
    print_table(family, rows, list(peers), limits)


def print_table(family, rows, peers, limits):
    print(f"\n{family}: memory reads {limits['limit read'] / 1e9:.1f} GB/s, writes "
          f"{limits['limit write'] / 1e9:.1f}, copies {limits['limit copy'] / 1e9:.1f}; float32 "
          f"{limits['limit fma'] / 1e9:.0f} GFLOP/s\n")
    header = ["work", "ours", *[f"{p} | x {p}" for p in peers], "of limit"]
    print("| " + " | ".join(header) + " |")
    print("|" + " --- |" * (len(header) + len(peers)))
    for name, read, written, operations, items, best in rows:
        if not best["ours"]:
            print(f"| {name} | failed |")
            continue
        cells = [name, duration(best["ours"])]
        for peer in peers:
            cells += ([duration(best[peer]), f"{best[peer] / best['ours']:.2f}"] if best[peer]
                      else ["", ""])
        bound = least(read, written, operations, limits) / items
        cells.append(f"{bound / best['ours']:.2f}" if bound else "")
        print("| " + " | ".join(cells) + " |")
    sys.stdout.flush()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=pathlib.Path, default=pathlib.Path("build"))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", help="cases whose names contain this")
    parser.add_argument("--peers", type=lambda names: names.split(","),
                        help="only these, by name: NumPy,MLX (default: all that there are)")
    parser.add_argument("families", nargs="*")
    args = parser.parse_args()
    families = args.families or sorted(p.name[len("bench_"):] for p in args.build.glob("bench_*")
                                       if os.access(p, os.X_OK) and p.is_file())
    for family in families:
        run_family(family, args.build, args.rounds, args.only, args.peers)


if __name__ == "__main__":
    main()
