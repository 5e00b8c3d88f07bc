/* Attention of many query rows. Rows lie in the lanes and keys go by, so that maxima and sums over
 * keys are whole-register operations and nothing of K or V is transposed:
 *
 *           rows (WIDE lanes)                rows
 *         +-----------+                   +-----------+
 *   keys  | S = K Q^T | -> P = 2^(S-m)    | O^T += V^T P   columns of V
 *         +-----------+                   +-----------+
 *
 * Both products are one micro-kernel: HIGH broadcast elements times VECTORS registers of rows. A
 * strip is WIDE rows; a task's strips share each block of keys, converted to float32 once. */
#include "kernels/attention.h"

#include "kernels/attention_rows.h"

#if defined(__AVX512F__) || defined(__aarch64__)
#define HIGH 8
#define VECTORS 3
#elif defined(__AVX2__)
#define HIGH 4
#define VECTORS 3
#else
#define HIGH 4
#define VECTORS 2
#endif
#define WIDE (VECTORS * VW)
#define KEYS 64    /* keys of one block */
#define SLACK 8.0f /* powers of 2 that scores may pass the running maximum by before it moves */

/* One strip: its rows' statistics and accumulators, rows fastest. */
typedef struct {
  float *q;       /* [d][WIDE], scaled to powers of 2 */
  float *p;       /* [KEYS][WIDE] */
  float *o;       /* [dv][WIDE] */
  float *m, *sum; /* [WIDE] */
  int64_t row0, rows, vectors;
  int64_t least[VECTORS], most[VECTORS]; /* limits of the rows in each register */
} strip;

/* c[i][rows] (+)= sum over k of a[i * a_row + k * a_step] * b[k][rows], for `high` rows i of c. */
V_INLINE void tile(int high, int vectors, const float *a, int64_t a_row, int64_t a_step,
                   const float *b, float *c, int64_t count, bool add) {
  vf sums[HIGH][VECTORS];
#pragma GCC unroll 8
  for (int i = 0; i < high; i++)
#pragma GCC unroll 8
    for (int u = 0; u < vectors; u++)
      sums[i][u] = add ? vf_load_as(KIND_f32, c + i * WIDE + u * VW) : vf_set(0);
  for (int64_t k = 0; k < count; k++) {
    vf row[VECTORS];
#pragma GCC unroll 8
    for (int u = 0; u < vectors; u++) row[u] = vf_load_as(KIND_f32, b + k * WIDE + u * VW);
#pragma GCC unroll 8
    for (int i = 0; i < high; i++) {
      vf x = vf_set(a[i * a_row + k * a_step]);
#pragma GCC unroll 8
      for (int u = 0; u < vectors; u++) sums[i][u] += x * row[u];
    }
  }
#pragma GCC unroll 8
  for (int i = 0; i < high; i++)
#pragma GCC unroll 8
    for (int u = 0; u < vectors; u++) vf_store_as(KIND_f32, c + i * WIDE + u * VW, sums[i][u]);
}

/* The same for any number of rows of c, registers [first, first + vectors) of the strip. */
V_INLINE void tiles_of(int vectors, const float *a, int64_t a_row, int64_t a_step, const float *b,
                       float *c, int64_t c_rows, int64_t count, bool add) {
  int64_t i = 0;
  for (; i + HIGH <= c_rows; i += HIGH)
    tile(HIGH, vectors, a + i * a_row, a_row, a_step, b, c + i * WIDE, count, add);
  for (; i < c_rows; i++)
    tile(1, vectors, a + i * a_row, a_row, a_step, b, c + i * WIDE, count, add);
}

static void tiles(int64_t vectors, const float *a, int64_t a_row, int64_t a_step, const float *b,
                  float *c, int64_t c_rows, int64_t count, bool add) {
  if (vectors == 1) return tiles_of(1, a, a_row, a_step, b, c, c_rows, count, add);
#if VECTORS > 2
  if (vectors == 2) return tiles_of(2, a, a_row, a_step, b, c, c_rows, count, add);
#endif
  tiles_of(VECTORS, a, a_row, a_step, b, c, c_rows, count, add);
}

/* The strip's queries, scaled to powers of 2, with rows in the lanes. */
V_INLINE void queries_to_lanes(float_kind kind, const mx_attention *a, strip *s) {
  float factor = a->scale * LOG2E;
  for (int64_t r = 0; r < WIDE; r += VW)
    for (int64_t i = 0; i < a->d; i += VW) {
      vf x[VW];
      int64_t part = min64(VW, a->d - i);
      for (int64_t j = 0; j < VW; j++) {
        const void *row = query_row(kind, a, s->row0 + min64(r + j, s->rows - 1));
        x[j] = vf_load_n_as(kind, kind_at(kind, row, i), part) * factor;
      }
      vf_transpose(x);
      for (int64_t j = 0; j < part; j++) vf_store_as(KIND_f32, s->q + (i + j) * WIDE + r, x[j]);
    }
}

V_INLINE void start_strip(float_kind kind, const mx_attention *a, strip *s, bool first) {
  s->vectors = (s->rows + VW - 1) / VW;
  memset(s->o, 0, (size_t)(a->dv * WIDE) * sizeof(float));
  for (int64_t r = 0; r < WIDE; r++) {
    s->m[r] = first && r < s->rows ? row_sink(kind, a, s->row0 + r) : -INFINITY;
    s->sum[r] = s->m[r] > -INFINITY;
  }
  for (int64_t u = 0; u < s->vectors; u++) {
    s->least[u] = row_limit(a, s->row0 + u * VW);
    s->most[u] = row_limit(a, s->row0 + min64(s->rows, (u + 1) * VW) - 1);
  }
  queries_to_lanes(kind, a, s);
}

/* The first register of a strip with a row that sees `key`. */
static int64_t first_vector(const strip *s, int64_t key) {
  int64_t u = 0;
  while (u < s->vectors && s->most[u] <= key) u++;
  return u;
}

/* Masked scores of one register's rows for keys [key, key + n), n <= VW. */
V_INLINE void mask_scores(float_kind kind, const mx_attention *a, strip *s, int64_t u,
                          float *scores, int64_t key, int64_t n) {
  vf terms[VW];
  for (int64_t r = 0; r < VW; r++)
    terms[r] = mask_terms(kind, a, s->row0 + min64(u * VW + r, s->rows - 1), key, n);
  vf_transpose(terms);
  for (int64_t k = 0; k < n; k++) {
    float *at = scores + k * WIDE;
    vf_store_as(KIND_f32, at, masked_score(a, vf_load_as(KIND_f32, at), terms[k]));
  }
}

/* -infinity where a row's limit is at or below the key. */
static void limit_scores(const mx_attention *a, const strip *s, int64_t u, float *scores,
                         int64_t key, int64_t n) {
  vi limits;
  for (int64_t r = 0; r < VW; r++)
    limits[r] = (int32_t)(row_limit(a, s->row0 + min64(u * VW + r, s->rows - 1)) - key);
  for (int64_t k = max64(0, s->least[u] - key); k < n; k++) {
    float *at = scores + k * WIDE;
    vf score = vf_load_as(KIND_f32, at);
    vf_store_as(KIND_f32, at, vf_select(limits > vi_set((int32_t)k), score, vf_set(-INFINITY)));
  }
}

/* Moves the maximum of one register's rows up to `top`, with what was summed under the old one. */
static void move_maximum(const mx_attention *a, strip *s, int64_t u, vf top) {
  vf old = vf_load_as(KIND_f32, s->m + u * VW), m = vf_max(old, top);
  vf factor = vf_select(m == -INFINITY, vf_set(1), vf_exp2(old - m));
  vf_store_as(KIND_f32, s->m + u * VW, m);
  vf_store_as(KIND_f32, s->sum + u * VW, vf_load_as(KIND_f32, s->sum + u * VW) * factor);
  for (int64_t j = 0; j < a->dv; j++) {
    float *at = s->o + j * WIDE + u * VW;
    vf_store_as(KIND_f32, at, vf_load_as(KIND_f32, at) * factor);
  }
}

/* Scores of one register's rows for n keys become weights. */
static void weigh(const mx_attention *a, strip *s, int64_t u, int64_t n) {
  float *scores = s->p + u * VW;
  vf top[4];
  for (int i = 0; i < 4; i++) top[i] = vf_set(-INFINITY);
  for (int64_t k = 0; k < n; k++)
    top[k % 4] = vf_max(vf_load_as(KIND_f32, scores + k * WIDE), top[k % 4]);
  top[0] = vf_max(vf_max(top[0], top[1]), vf_max(top[2], top[3]));
  vi passed = top[0] > vf_load_as(KIND_f32, s->m + u * VW) + SLACK;
  bool move = false;
  for (int i = 0; i < VW; i++) move |= passed[i] != 0;
  if (move) move_maximum(a, s, u, top[0]);
  vf m = vf_load_as(KIND_f32, s->m + u * VW), sum = vf_load_as(KIND_f32, s->sum + u * VW);
  m = vf_select(m == -INFINITY, vf_set(0), m);
  for (int64_t k = 0; k < n; k++) {
    vf weight = vf_exp2(vf_load_as(KIND_f32, scores + k * WIDE) - m);
    vf_store_as(KIND_f32, scores + k * WIDE, weight);
    sum += weight;
  }
  vf_store_as(KIND_f32, s->sum + u * VW, sum);
}

/* One strip's turn with one block of n keys. Registers whose rows see only the first keys of the
 * block drop out of the tiles past them: `next` is where the first register left does so. */
V_INLINE void strip_block(float_kind kind, const mx_attention *a, strip *s, const float *k,
                          int64_t k_row, const float *v, int64_t v_row, int64_t key, int64_t n) {
  int64_t seen[VECTORS] = {0}; /* keys of this block that each register has scores of */
  for (int64_t j = 0, next, u0; j < n; j = next) {
    u0 = first_vector(s, key + j);
    if (u0 == s->vectors) break;
    next = min64(n, j + round_up(s->most[u0] - key - j, HIGH));
    tiles(s->vectors - u0, k + j * k_row, k_row, 1, s->q + u0 * VW, s->p + j * WIDE + u0 * VW,
          next - j, a->d, false);
    for (int64_t u = u0; u < s->vectors; u++) seen[u] = next;
  }
  for (int64_t u = 0; u < s->vectors; u++) {
    float *scores = s->p + u * VW;
    if (a->mask_kind != MX_MASK_NONE)
      for (int64_t j = 0; j < seen[u]; j += VW)
        mask_scores(kind, a, s, u, scores + j * WIDE, key + j, min64(VW, seen[u] - j));
    if (s->least[u] < key + seen[u]) limit_scores(a, s, u, scores, key, seen[u]);
    if (seen[u]) weigh(a, s, u, seen[u]);
  }
  for (int64_t u = 0, j = 0; u < s->vectors; u++) {
    if (seen[u] == j) continue;
    tiles(s->vectors - u, v + j * v_row, 1, v_row, s->p + j * WIDE + u * VW, s->o + u * VW, a->dv,
          seen[u] - j, true);
    j = seen[u];
  }
}

/* n rows of `width` elements as float32: in place where they are so already and lie close. */
V_INLINE const float *float_rows(float_kind kind, const void *x, int64_t row, int64_t n,
                                 int64_t width, float *to, int64_t *to_row) {
  if (kind == KIND_f32 && row == width) {
    *to_row = row;
    return x;
  }
  *to_row = width;
  for (int64_t r = 0; r < n; r++) {
    const void *from = kind_at(kind, x, r * row);
    int64_t i = 0;
    for (; i + VW <= width; i += VW)
      vf_store_as(KIND_f32, to + r * width + i, vf_load_as(kind, kind_at(kind, from, i)));
    if (i < width)
      vf_store_part_as(KIND_f32, to + r * width + i,
                       vf_load_part_as(kind, kind_at(kind, from, i), width - i), width - i);
  }
  return to;
}

/* Lanes back to rows, into the states. */
static void strip_states(const mx_attention *a, const strip *s, float *state) {
  for (int64_t r = 0; r < s->rows; r++) {
    state[r * (a->dv + 2)] = s->m[r];
    state[r * (a->dv + 2) + 1] = s->sum[r];
  }
  for (int64_t r = 0; r < s->rows; r += VW)
    for (int64_t j = 0; j < a->dv; j += VW) {
      vf x[VW];
      int64_t part = min64(VW, a->dv - j);
      for (int64_t i = 0; i < VW; i++)
        x[i] = vf_load_as(KIND_f32, s->o + (j + min64(i, part - 1)) * WIDE + r);
      vf_transpose(x);
      for (int64_t i = 0; i < min64(VW, s->rows - r); i++)
        vf_store_n_as(KIND_f32, state + (r + i) * (a->dv + 2) + 2 + j, x[i], part);
    }
}

#define MAX_STRIPS 64
static int64_t strip_floats(const mx_attention *a) { return WIDE * (a->d + a->dv + 2); }

V_INLINE void attention_block(float_kind kind, const mx_attention *a, int64_t row0, int64_t rows,
                              int64_t key0, int64_t key1, float *state, float *scratch) {
  strip strips[MAX_STRIPS];
  int64_t count = 0, limit = row_limit(a, row0 + rows - 1);
  float *p = scratch, *k_panel = p + KEYS * WIDE, *v_panel = k_panel + KEYS * a->d;
  float *at = v_panel + KEYS * a->dv;
  for (int64_t r = 0; r < rows; r += WIDE, count++) {
    strip *s = &strips[count];
    *s = (strip){.q = at, .p = p, .row0 = row0 + r, .rows = min64(WIDE, rows - r)};
    s->o = s->q + WIDE * a->d;
    s->m = s->o + WIDE * a->dv;
    s->sum = s->m + WIDE;
    at += strip_floats(a);
    start_strip(kind, a, s, key0 == 0);
  }
  visible_keys(a, row0, rows, &key0, &key1);
  key1 = min64(key1, limit);
  for (int64_t key = key0; key < key1; key += KEYS) {
    int64_t n = min64(KEYS, key1 - key), k_row, v_row;
    const float *k =
        float_rows(kind, kind_at(kind, a->k, key * a->k_row), a->k_row, n, a->d, k_panel, &k_row);
    const float *v =
        float_rows(kind, kind_at(kind, a->v, key * a->v_row), a->v_row, n, a->dv, v_panel, &v_row);
    for (int64_t i = 0; i < count; i++)
      strip_block(kind, a, &strips[i], k, k_row, v, v_row, key, n);
  }
  for (int64_t i = 0; i < count; i++)
    strip_states(a, &strips[i], state + (strips[i].row0 - row0) * (a->dv + 2));
}

#define FOR_KIND(T)                                                       \
  void MX_KERNEL(attention_block_##T) MX_ATTENTION_PARAMETERS {           \
    attention_block(KIND_##T, a, row0, rows, key0, key1, state, scratch); \
  }
FOR_KIND(f32)
FOR_KIND(f16)
FOR_KIND(bf16)

/* Enough for either kernel (the streaming one keeps its queries and one block's scores). */
size_t MX_KERNEL(attention_scratch)(const mx_attention *a, int64_t rows) {
  int64_t strips = (rows + WIDE - 1) / WIDE;
  int64_t block = KEYS * (WIDE + a->d + a->dv) + strips * strip_floats(a);
  int64_t stream = rows * (round_up(a->d, VW) + STREAM_KEYS + VW);
  return (size_t)max64(block, stream) * sizeof(float);
}
