"""What the peers share: answering bench/run.py on standard input and output as a benchmark program
does with --serve (see bench.c)."""
import sys
import time

LONG = 1.0  # seconds: a run of which one must do


def measure(run, inputs):
    best, start, runs = float("inf"), time.perf_counter(), 0
    while runs < 3 or time.perf_counter() - start < 0.06:
        began = time.perf_counter()
        result = run(*inputs)
        took = time.perf_counter() - began
        del result
        best = min(best, took)
        runs += 1
    return best


def first_of(run, inputs):
    """Seconds of a first run, which also warms up."""
    began = time.perf_counter()
    run(*inputs)
    return time.perf_counter() - began


def serve(cases):
    """Answers names of cases with seconds an item. A case is make, run and, where not 1, the items
    of a run: make() gives the inputs, run(*inputs) is timed."""
    live = inputs = None
    once = {}
    for line in sys.stdin:
        name = line.rstrip("\n")
        if name == "drop":
            live = inputs = None
        elif name not in cases:
            print("none", flush=True)
        else:
            make, run, *items = cases[name]
            if name != live and name not in once:
                inputs = None
                inputs, live = make(), name
                first = first_of(run, inputs)
                if first > LONG:
                    once[name] = first
            seconds = once[name] if name in once else measure(run, inputs)
            print(seconds / (items[0] if items else 1), flush=True)
