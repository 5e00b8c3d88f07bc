/* What both attention kernels know of a query row: where it lies, which keys it sees, its mask.
 * Included by attention kernel sources only. */
#ifndef KERNELS_ATTENTION_ROWS_H
#define KERNELS_ATTENTION_ROWS_H

#include "kernels/attention.h"
#include "kernels/kinds.h"

#define LOG2E 0x1.715476p+0f
#define MASKED (-0x1.fffffep+127f) /* a masked score: a row with nothing else weighs all alike */
#define STREAM_KEYS 64             /* keys of one block of the streaming kernel */

V_INLINE int64_t min64(int64_t a, int64_t b) { return a < b ? a : b; }
V_INLINE int64_t max64(int64_t a, int64_t b) { return a > b ? a : b; }
V_INLINE int64_t round_up(int64_t n, int64_t to) { return (n + to - 1) / to * to; }

V_INLINE const void *query_row(float_kind kind, const mx_attention *a, int64_t row) {
  return kind_at(kind, a->q, row % a->group * a->q_head + row / a->group * a->q_row);
}

/* The key after the last that a row sees. */
V_INLINE int64_t row_limit(const mx_attention *a, int64_t row) {
  if (!a->causal) return a->keys;
  return min64(a->keys, row / a->group + max64(a->keys - a->queries, 0) + 1);
}

V_INLINE int64_t mask_at(const mx_attention *a, int64_t row, int64_t key) {
  return row % a->group * a->mask_head + row / a->group * a->mask_row + key * a->mask_key;
}

/* The score of a row's sink in powers of 2, or -infinity. */
V_INLINE float row_sink(float_kind kind, const mx_attention *a, int64_t row) {
  if (!a->sinks) return -INFINITY;
  return kind_load(kind, kind_at(kind, a->sinks, row % a->group)) * LOG2E;
}

/* What an additive mask adds to a score in powers of 2. A mask at the type's lowest number must not
 * become -infinity: rows of nothing else weigh all keys alike, where rows of -infinity are NaN. */
V_INLINE vf mask_term(vf mask) {
  vf term = vf_max(vf_set(MASKED), mask * LOG2E);
  return vf_select(mask == -INFINITY, mask, term);
}

/* The mask of n <= VW keys from `key` on as terms to add; for a bool mask, 0 or MASKED, which
 * replaces the score. */
V_INLINE vf mask_terms(float_kind kind, const mx_attention *a, int64_t row, int64_t key,
                       int64_t n) {
  int64_t at = mask_at(a, row, key);
  float terms[VW] = {0};
  if (a->mask_kind == MX_MASK_BOOL) {
    const uint8_t *keep = (const uint8_t *)a->mask + at;
    for (int64_t i = 0; i < n; i++) terms[i] = keep[i * a->mask_key] ? 0 : MASKED;
    return vf_load_as(KIND_f32, terms);
  }
  if (a->mask_key == 1)
    return mask_term(n < VW ? vf_load_part_as(kind, kind_at(kind, a->mask, at), n)
                            : vf_load_as(kind, kind_at(kind, a->mask, at)));
  for (int64_t i = 0; i < n; i++)
    terms[i] = kind_load(kind, kind_at(kind, a->mask, at + i * a->mask_key));
  return mask_term(vf_load_as(KIND_f32, terms));
}

V_INLINE vf masked_score(const mx_attention *a, vf score, vf term) {
  return a->mask_kind == MX_MASK_BOOL ? vf_select(term == 0.0f, score, term) : score + term;
}

static inline int64_t first_set(const uint8_t *flags, int64_t n) {
  int64_t i = 0;
  for (uint64_t eight; i + 8 <= n; i += 8) {
    memcpy(&eight, flags + i, 8);
    if (eight) break;
  }
  while (i < n && !flags[i]) i++;
  return i;
}

/* One past the last that is set, or 0. */
static inline int64_t last_set(const uint8_t *flags, int64_t n) {
  for (uint64_t eight; n >= 8; n -= 8) {
    memcpy(&eight, flags + n - 8, 8);
    if (eight) break;
  }
  while (n > 0 && !flags[n - 1]) n--;
  return n;
}

/* Shrinks [*key0, *key1) to the keys that a bool mask lets through for any of the rows. A row that
 * sees no key at all weighs them all alike, so it needs them all. */
static inline void visible_keys(const mx_attention *a, int64_t row0, int64_t rows, int64_t *key0,
                                int64_t *key1) {
  if (a->mask_kind != MX_MASK_BOOL || a->mask_key != 1) return;
  int64_t low = a->keys, high = 0;
  const uint8_t *seen = NULL;
  for (int64_t r = row0; r < row0 + rows; r++) {
    const uint8_t *keep = (const uint8_t *)a->mask + mask_at(a, r, 0);
    if (keep == seen) continue;
    seen = keep;
    int64_t first = first_set(keep, a->keys);
    if (first == a->keys) return;
    low = min64(low, first);
    high = max64(high, last_set(keep, a->keys));
  }
  *key0 = max64(*key0, low);
  *key1 = max64(*key0, min64(*key1, high));
}

#endif
