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

/* Sorts `count` vectors (a power of two, at most 16) as one sequence. */
static inline __attribute__((always_inline)) void NAME(network)(VEC *v, int count) {
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

/* Keys below the pivot move to the front, the others behind them; returns how many are below. Low
 * lanes are written behind the vectors that have been read, high ones to scratch. */
static int64_t NAME(partition)(KEY *keys, KEY *scratch, int64_t n, KEY pivot) {
  VEC p = V_SET(pivot);
  int64_t low = 0, high = 0, i = 0;
#define PART(v)                                           \
  {                                                       \
    MASK below = V_BELOW(v, p);                           \
    int count = __builtin_popcount(below);                \
    V_STORE(keys + low, V_COMPRESS(below, v));            \
    V_STORE(scratch + high, V_COMPRESS((MASK)~below, v)); \
    low += count, high += LANES - count;                  \
  }
  for (; i + 4 * LANES <= n; i += 4 * LANES) {
    VEC a = V_LOAD(keys + i), b = V_LOAD(keys + i + LANES), c = V_LOAD(keys + i + 2 * LANES),
        d = V_LOAD(keys + i + 3 * LANES);
    PART(a) PART(b) PART(c) PART(d)
  }
#undef PART
  for (; i < n; i++) {
    KEY x = keys[i];
    bool below = x < pivot;
    keys[low] = x;
    scratch[high] = x;
    low += below, high += !below;
  }
  memcpy(keys + low, scratch, (size_t)high * sizeof(KEY));
  return low;
}

/* The median of 4 * LANES samples. */
static KEY NAME(pivot)(const KEY *keys, int64_t n) {
  KEY sample[4 * LANES];
  for (int64_t i = 0; i < 4 * LANES; i++) sample[i] = keys[i * n / (4 * LANES)];
  NAME(small4)(sample, 4 * LANES);
  return sample[2 * LANES];
}

static void NAME(sort)(KEY *keys, KEY *scratch, int64_t n, int depth) {
  while (n > NETWORK_MAX) {
    if (!depth--) { /* pivots keep being bad */
      NAME(radix)(keys, scratch, n, 0);
      return;
    }
    KEY pivot = NAME(pivot)(keys, n);
    int64_t low = NAME(partition)(keys, scratch, n, pivot);
    if (!low) { /* the pivot is the smallest: part off its equals, which are done */
      if (pivot == (KEY)-1) return;
      low = NAME(partition)(keys, scratch, n, pivot + 1);
      keys += low, n -= low;
      continue;
    }
    if (low < n - low) {
      NAME(sort)(keys, scratch, low, depth);
      keys += low, n -= low;
    } else {
      NAME(sort)(keys + low, scratch, n - low, depth);
      n = low;
    }
  }
  NAME(small)(keys, n);
}

#undef NETWORK_MAX
