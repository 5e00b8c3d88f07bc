/* Quicksort on AVX-512 vectors, included once for each key width: partitions compress lanes below
 * and above the pivot apart, and what fits into sixteen registers is sorted by a bitonic network.
 * The includer defines KEY, LANES, NAME(x) and the V_ operations. */

#define NETWORK_MAX (16 * LANES)

/* One stage inside each vector: lanes meet the lane that `partner` names, the larger one going to
 * the lanes in `upper`. */
static inline __attribute__((always_inline)) VEC NAME(stage)(VEC v, VEC partner, MASK upper) {
  VEC p = V_PERMUTE(partner, v);
  return V_MASK_MAX(V_MIN(v, p), upper, v, p);
}

static inline __attribute__((always_inline)) VEC NAME(xor_lanes)(int bits) {
  KEY lane[LANES];
  for (int i = 0; i < LANES; i++) lane[i] = (KEY)(i ^ bits);
  return V_LOAD(lane);
}

static inline __attribute__((always_inline)) MASK NAME(lanes_with)(int bit) {
  MASK mask = 0;
  for (int i = 0; i < LANES; i++)
    if (i & bit) mask |= (MASK)(1u << i);
  return mask;
}

/* LANES vectors as a square: sorts the columns by a network without shuffles, then turns them into
 * rows. */
static inline __attribute__((always_inline)) void NAME(sort_square)(VEC *v) {
#define ORDER(i, j)              \
  {                              \
    VEC low = V_MIN(v[i], v[j]); \
    v[j] = V_MAX(v[i], v[j]);    \
    v[i] = low;                  \
  }
  COLUMN_NETWORK(ORDER)
#undef ORDER
#pragma GCC unroll 4
  for (int s = 1; s < LANES; s *= 2) {
    KEY first[LANES], second[LANES]; /* lanes of the pair: LANES and up are the second vector's */
    for (int i = 0; i < LANES; i++) {
      first[i] = (KEY)(i & s ? LANES + i - s : i);
      second[i] = (KEY)(i & s ? LANES + i : i + s);
    }
    VEC pick_first = V_LOAD(first), pick_second = V_LOAD(second);
#pragma GCC unroll 16
    for (int i = 0; i < LANES; i++)
      if (!(i & s)) {
        VEC a = v[i], b = v[i + s];
        v[i] = V_PICK(a, pick_first, b);
        v[i + s] = V_PICK(a, pick_second, b);
      }
  }
}

/* Sorts each vector for itself. */
static inline __attribute__((always_inline)) void NAME(sort_lanes)(VEC *v, int count) {
#pragma GCC unroll 4
  for (int k = 2; k <= LANES; k *= 2) {
    VEC mirror = NAME(xor_lanes)(k - 1);
#pragma GCC unroll 16
    for (int i = 0; i < count; i++) v[i] = NAME(stage)(v[i], mirror, NAME(lanes_with)(k / 2));
#pragma GCC unroll 4
    for (int j = k / 4; j; j /= 2) {
      VEC partner = NAME(xor_lanes)(j);
#pragma GCC unroll 16
      for (int i = 0; i < count; i++) v[i] = NAME(stage)(v[i], partner, NAME(lanes_with)(j));
    }
  }
}

/* Sorts `count` vectors (a power of two, at most 16) as one sequence. */
static inline __attribute__((always_inline)) void NAME(network)(VEC *v, int count) {
  if (count % LANES)
    NAME(sort_lanes)(v, count);
  else
#pragma GCC unroll 2
    for (int i = 0; i < count; i += LANES) NAME(sort_square)(v + i);
  VEC reverse = NAME(xor_lanes)(LANES - 1);
#pragma GCC unroll 4
  for (int m = 1; m < count; m *= 2) { /* sequences of m vectors merge in pairs */
#pragma GCC unroll 8
    for (int base = 0; base < count; base += 2 * m) {
      VEC low[8], high[8];
#pragma GCC unroll 8
      for (int i = 0; i < m; i++) {
        VEC other = V_PERMUTE(reverse, v[base + 2 * m - 1 - i]);
        low[i] = V_MIN(v[base + i], other);
        high[i] = V_MAX(v[base + i], other);
      }
#pragma GCC unroll 8
      for (int i = 0; i < m; i++) v[base + i] = low[i], v[base + m + i] = high[i];
    }
#pragma GCC unroll 4
    for (int distance = m / 2; distance; distance /= 2)
#pragma GCC unroll 16
      for (int i = 0; i < count; i++)
        if (!(i & distance)) {
          VEC a = v[i], b = v[i + distance];
          v[i] = V_MIN(a, b);
          v[i + distance] = V_MAX(a, b);
        }
#pragma GCC unroll 4
    for (int j = LANES / 2; j; j /= 2) {
      VEC partner = NAME(xor_lanes)(j);
#pragma GCC unroll 16
      for (int i = 0; i < count; i++) v[i] = NAME(stage)(v[i], partner, NAME(lanes_with)(j));
    }
  }
}

/* n <= count * LANES keys; missing ones are the largest there is, and are not stored. */
#define SMALL(count)                                                                   \
  static __attribute__((noinline)) void NAME(small##count)(KEY * keys, int n) {        \
    VEC v[count];                                                                      \
    _Pragma("GCC unroll 16") for (int i = 0; i < count; i++) {                         \
      int have = n - i * LANES;                                                        \
      MASK mask = have >= LANES ? (MASK)-1 : have <= 0 ? 0 : (MASK)((1u << have) - 1); \
      v[i] = V_MASK_LOAD(V_SET((KEY)-1), mask, keys + i * LANES);                      \
    }                                                                                  \
    NAME(network)(v, count);                                                           \
    _Pragma("GCC unroll 16") for (int i = 0; i < count; i++) {                         \
      int have = n - i * LANES;                                                        \
      MASK mask = have >= LANES ? (MASK)-1 : have <= 0 ? 0 : (MASK)((1u << have) - 1); \
      V_MASK_STORE(keys + i * LANES, mask, v[i]);                                      \
    }                                                                                  \
  }
SMALL(1)
SMALL(2)
SMALL(4)
SMALL(8)
SMALL(16)
#undef SMALL

static void NAME(small)(KEY *keys, int64_t n) {
  if (n <= LANES)
    NAME(small1)(keys, (int)n);
  else if (n <= 2 * LANES)
    NAME(small2)(keys, (int)n);
  else if (n <= 4 * LANES)
    NAME(small4)(keys, (int)n);
  else if (n <= 8 * LANES)
    NAME(small8)(keys, (int)n);
  else
    NAME(small16)(keys, (int)n);
}

#define LOW_LANES(count) (MASK)((1u << (count)) - 1)

/* Keys below the pivot move to the front, the others behind them; returns how many are below. The
 * first and the last GROUP keys are set aside, so that there always is room between what has been
 * written and what is still to be read, at both ends:
 *
 *     | below | room |      still to be read      | room | above |
 *             low    left                     right      high
 *
 * and the next keys come from the end with less of it. */
static int64_t NAME(partition)(KEY *keys, int64_t n, KEY pivot) {
  enum { GROUP = 8 * LANES };
  KEY aside[3 * GROUP];
  KEY *low = keys, *high = keys + n, *left = low + GROUP, *right = high - GROUP;
  VEC p = V_SET(pivot);
  memcpy(aside, keys, GROUP * sizeof(KEY));
  memcpy(aside + GROUP, right, GROUP * sizeof(KEY));
#define PART(v)                                                                \
  {                                                                            \
    MASK below = V_BELOW(v, p);                                                \
    int count = __builtin_popcount(below);                                     \
    V_STORE(low, V_COMPRESS(below, v));                                        \
    low += count, high -= LANES - count;                                       \
    V_MASK_STORE(high, LOW_LANES(LANES - count), V_COMPRESS(V_NOT(below), v)); \
  }
  while (right - left >= GROUP) {
    bool from_left = left - low <= high - right;
    const KEY *from = from_left ? left : right - GROUP;
    left += from_left ? GROUP : 0;
    right -= from_left ? 0 : GROUP;
    VEC v[8];
#pragma GCC unroll 8
    for (int i = 0; i < 8; i++) v[i] = V_LOAD(from + i * LANES);
#pragma GCC unroll 8
    for (int i = 0; i < 8; i++) PART(v[i])
  }
#undef PART
  int64_t count = 2 * GROUP + (right - left);
  memcpy(aside + 2 * GROUP, left, (size_t)(right - left) * sizeof(KEY));
  for (int64_t i = 0; i < count; i += LANES) {
    MASK there = count - i < LANES ? LOW_LANES(count - i) : (MASK)-1;
    VEC v = V_MASK_LOAD(p, there, aside + i);
    MASK below = V_BELOW(v, p), above = (MASK)(there & ~below);
    V_MASK_STORE(low, LOW_LANES(__builtin_popcount(below)), V_COMPRESS(below, v));
    low += __builtin_popcount(below), high -= __builtin_popcount(above);
    V_MASK_STORE(high, LOW_LANES(__builtin_popcount(above)), V_COMPRESS(above, v));
  }
  return low - keys;
}

/* The median of 64 samples, or of fewer where that would take longer than it helps. */
static KEY NAME(pivot)(const KEY *keys, int64_t n) {
  KEY sample[64];
  int64_t count = n < 4096 ? LANES : 64, step = n / count;
  for (int64_t i = 0; i < count; i++) sample[i] = keys[i * step];
  NAME(small)(sample, count);
  return sample[count / 2];
}

static void NAME(sort)(KEY *keys, KEY *scratch, int64_t n, int depth) {
  while (n > NETWORK_MAX) {
    if (!depth--) { /* pivots keep being bad */
      NAME(radix)(keys, scratch, n, 0);
      return;
    }
    KEY pivot = NAME(pivot)(keys, n);
    int64_t low = NAME(partition)(keys, n, pivot);
    if (!low) { /* the pivot is the smallest: part off its equals, which are done */
      if (pivot == (KEY)-1) return;
      low = NAME(partition)(keys, n, pivot + 1);
    } else {
      NAME(sort)(keys, scratch, low, depth);
    }
    keys += low, n -= low;
  }
  NAME(small)(keys, n);
}

#undef LOW_LANES
#undef NETWORK_MAX
