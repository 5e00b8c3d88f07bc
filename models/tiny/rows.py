"""Packs documents into rows of tokens, and writes the rows as train.c reads them."""

import numpy as np

CONTEXT = 512


def pack(documents):
    """Puts documents into rows of CONTEXT + 1 tokens, each into the first row that has room."""
    rows, open_rows = [], []
    for ids, learnt in documents:
        if len(ids) > CONTEXT + 1:
            continue
        for row in open_rows:
            if len(row[0]) + len(ids) <= CONTEXT + 1:
                break
        else:
            open_rows.append(row := ([], []))
            rows.append(row)
            if len(open_rows) > 64:
                open_rows.remove(max(open_rows, key=lambda r: len(r[0])))
        row[0].extend(ids)
        row[1].extend(learnt)
    tokens = np.zeros((len(rows), CONTEXT + 1), np.int16)
    weights = np.zeros((len(rows), CONTEXT + 1), np.uint8)
    for i, (ids, learnt) in enumerate(rows):
        tokens[i, : len(ids)], weights[i, : len(learnt)] = ids, learnt
    return tokens, weights


def save(folder, name, rows):
    """Writes the rows in a random order, in which train.c takes them."""
    order = np.random.default_rng(0).permutation(len(rows[0]))
    for part, values in zip(("tokens", "weights"), rows):
        np.save(folder / f"{name}_{part}.npy", values[order])
