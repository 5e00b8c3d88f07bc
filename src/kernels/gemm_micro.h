/* One micro-kernel, for numbers T and their sums S, as wide: included once a type, with NAME, T, S,
 * LANES (of a vector), ADD_PRODUCT(sum, factor, row) of a number and vectors, MR and NV (vectors in
 * nr) defined, and IN_PLACE where matrices can be read as they stand. */
typedef S NAME(vector) __attribute__((vector_size(sizeof(S) * LANES)));
typedef S NAME(unaligned) __attribute__((vector_size(sizeof(S) * LANES), aligned(sizeof(S))));
typedef T NAME(row) __attribute__((vector_size(sizeof(T) * LANES)));
typedef T NAME(unaligned_row) __attribute__((vector_size(sizeof(T) * LANES), aligned(sizeof(T))));

/* How a tile walks: element i of A's column is at a[i * row]; both advance by their steps. What is
 * `ahead` is fetched on the way. */
typedef struct {
  const T *a, *b, *ahead;
  int64_t row, a_step, b_step;
} NAME(walk);

#define FETCH 4 /* steps to a line that is fetched */
#define SOON 20 /* turns of so many steps before the end, the tile's own lines are fetched */

/* Adds the product of `rows` rows of A, k deep, and nr columns of B to the tile at c, or stores it.
 * A panel's numbers are `near` each other; else every fourth row has a pointer of its own, so that
 * few registers hold the addresses of all. */
MICRO_INLINE void NAME(tile)(int rows, bool near, int64_t k, NAME(walk) w, S *c, int64_t ld,
                             bool add) {
  NAME(vector) sum[MR][NV];
#pragma GCC unroll 16
  for (int i = 0; i < rows; i++)
#pragma GCC unroll 4
    for (int j = 0; j < NV; j++) sum[i][j] = (NAME(vector)){0};
  const T *a = w.a, *a4 = a + 4 * w.row, *a8 = a + 8 * w.row, *a12 = a + 12 * w.row, *b = w.b;
  if (!near) __asm__("" : "+r"(a4), "+r"(a8), "+r"(a12));
/* No branch within FETCH steps: one that ends on a 32-byte boundary costs Skylakes a tenth. */
#define STEP                                                                                       \
  {                                                                                                \
    NAME(row) row[NV];                                                                             \
    _Pragma("GCC unroll 4") for (int j = 0; j < NV; j++) row[j] =                                  \
        *(const NAME(unaligned_row) *)(b + j * LANES);                                             \
    _Pragma("GCC unroll 4") for (int j = 0; j < NV; j++)                                           \
        __builtin_prefetch(b + 8 * w.b_step + j * LANES);                                          \
    _Pragma("GCC unroll 16") for (int i = 0; i < rows; i++) {                                      \
      T factor = near ? a[i] : (i < 4 ? a : i < 8 ? a4 : i < 12 ? a8 : a12)[i % 4 * w.row];        \
      _Pragma("GCC unroll 4") for (int j = 0; j < NV; j++) ADD_PRODUCT(sum[i][j], factor, row[j]); \
    }                                                                                              \
    a += w.a_step, a4 += w.a_step, a8 += w.a_step, a12 += w.a_step, b += w.b_step;                 \
  }
#define TURN                                   \
  if (near) __builtin_prefetch(w.ahead, 0, 2); \
  STEP STEP STEP STEP k -= FETCH, w.ahead += 64 / sizeof(T);
  while (k >= (SOON + 1) * FETCH) { TURN }
  for (const S *to = c, *last = c + (rows - 1) * ld; k >= FETCH; to = to < last ? to + ld : last) {
#pragma GCC unroll 4
    for (int j = 0; j < NV; j++) __builtin_prefetch(to + j * LANES, 1);
    TURN
  }
#undef TURN
#pragma GCC unroll 1
  for (; k > 0; k--)
    STEP
#undef STEP
#pragma GCC unroll 16
        for (int i = 0; i < rows; i++)
#pragma GCC unroll 4
            for (int j = 0; j < NV; j++) {
      NAME(unaligned) *to = (NAME(unaligned) *)(c + i * ld + j * LANES);
      *to = add ? *to + sum[i][j] : sum[i][j];
    }
}

/* Tiles of four heights, of panels of A with MR rows. */
static void NAME(micro)(int64_t k, const T *a, const T *b, const T *ahead, S *c, int64_t ld,
                        bool add) {
  NAME(tile)(MR, true, k, (NAME(walk)){a, b, ahead, 1, MR, NV * LANES}, c, ld, add);
}
static void NAME(middle)(int64_t k, const T *a, const T *b, const T *ahead, S *c, int64_t ld,
                         bool add) {
  NAME(tile)(MIDDLE, true, k, (NAME(walk)){a, b, ahead, 1, MR, NV * LANES}, c, ld, add);
}
static void NAME(high)(int64_t k, const T *a, const T *b, const T *ahead, S *c, int64_t ld,
                       bool add) {
  NAME(tile)(HIGH, true, k, (NAME(walk)){a, b, ahead, 1, MR, NV * LANES}, c, ld, add);
}
static void NAME(low)(int64_t k, const T *a, const T *b, const T *ahead, S *c, int64_t ld,
                      bool add) {
  NAME(tile)(LOW, true, k, (NAME(walk)){a, b, ahead, 1, MR, NV * LANES}, c, ld, add);
}

/* The lowest tile that holds so many rows. */
static void NAME(panel)(int64_t rows, int64_t k, const T *a, const T *b, const T *ahead, S *c,
                        int64_t ld, bool add) {
  (rows <= LOW      ? NAME(low)
   : rows <= MIDDLE ? NAME(middle)
   : rows <= HIGH   ? NAME(high)
                    : NAME(micro))(k, a, b, ahead, c, ld, add);
}

/* Rows of A that are packed together because they are few: LOW, MIDDLE, HIGH or MR of them. */
static __attribute__((unused)) void NAME(strip)(int64_t k, int rows, const T *a, const T *b, S *c,
                                                bool add) {
  const int64_t ld = NV * LANES;
  const NAME(walk) w = {a, b, a, 1, rows, ld};
  if (rows == LOW)
    NAME(tile)(LOW, true, k, w, c, ld, add);
  else if (rows == MIDDLE)
    NAME(tile)(MIDDLE, true, k, w, c, ld, add);
  else if (rows == HIGH)
    NAME(tile)(HIGH, true, k, w, c, ld, add);
  else
    NAME(micro)(k, a, b, a, c, ld, add);
}

#ifdef IN_PLACE
/* Rows [i, i + rows) of a product in place: where the last columns are fewer than a tile's, it
 * begins earlier. */
MICRO_INLINE void NAME(rows_in_place)(int rows, const mx_gemm_plain *p, int64_t i) {
  for (int64_t j = 0; j < p->n; j += NV * LANES) {
    int64_t column = p->n - j < NV * LANES ? p->n - NV * LANES : j;
    NAME(walk)
    w = {(const T *)p->a + i * p->a_row,
         (const T *)p->b + column,
         NULL,
         p->a_row,
         p->a_step,
         p->b_step};
    NAME(tile)(rows, false, p->k, w, (T *)p->out + i * p->out_row + column, p->out_row, false);
  }
}

/* The last rows, too, are computed a second time in part where they are fewer than a tile's: by the
 * thread that computed them first, for it takes what is left with the last whole `height`. */
static void NAME(in_place)(const mx_gemm_plain *p, int64_t begin, int64_t end) {
  const int64_t height = p->m < MR ? LOW : MR;
  const int64_t last = end == p->m / height ? p->m : end * height;
  for (int64_t i = begin * height; i < last; i += height) {
    int64_t left = p->m - i;
    if (left <= LOW || height == LOW)
      NAME(rows_in_place)(LOW, p, left < LOW ? p->m - LOW : i);
    else if (left <= MIDDLE)
      NAME(rows_in_place)(MIDDLE, p, left < MIDDLE ? p->m - MIDDLE : i);
    else if (left <= HIGH)
      NAME(rows_in_place)(HIGH, p, left < HIGH ? p->m - HIGH : i);
    else
      NAME(rows_in_place)(MR, p, left < MR ? p->m - MR : i);
  }
}

#endif

/* Row-wise: out[i] = alpha * sums[i] + beta * c[i] for values of type S. */
static void NAME(finish)(const S *sums, int64_t sums_stride, int64_t count, const mx_gemm_block *to,
                         void *out, int64_t stride, const void *c, int64_t c_stride);

static void NAME(finish_tile)(const mx_gemm_block *d, const S *tile, int64_t i0, int64_t j0,
                              int64_t m, int64_t n) {
  if (d->dtype == MX_COMPLEX64) {
    for (int64_t i = 0; i < m; i += 2) {
      mx_complex64 *to = (mx_complex64 *)d->out + (i0 + i) / 2 * d->out_ld + j0;
      for (int64_t j = 0; j < n; j++)
        to[j] =
            (mx_complex64){(float)tile[i * NV * LANES + j], (float)tile[(i + 1) * NV * LANES + j]};
    }
    return;
  }
  int64_t size = (int64_t)mx_kernel_dtype_size(d->dtype);
  for (int64_t i = 0; i < m; i++) {
    const char *c = d->c;
    if (c) c += ((i0 + i) * d->c_row + j0 * d->c_column) * size;
    NAME(finish)
    (tile + i * NV * LANES, 1, n, d, (char *)d->out + ((i0 + i) * d->out_ld + j0) * size, 1, c,
     d->c_column);
  }
}

/* Tiles at the edge, and those that are finished, are computed beside the sums. */
static void NAME(edge)(const mx_gemm_block *d, const T *a, const T *b, const T *ahead, int64_t i,
                       int64_t j) {
  S tile[MR * NV * LANES];
  int64_t m = d->m - i < MR ? d->m - i : MR, n = d->n - j < NV * LANES ? d->n - j : NV * LANES;
  NAME(panel)(m, d->k, a, b, ahead, tile, NV * LANES, false);
  S *sums = (S *)d->sums + i * d->sums_ld + j;
  if (!d->first)
    for (int64_t r = 0; r < m; r++)
      for (int64_t s = 0; s < n; s++) tile[r * NV * LANES + s] += sums[r * d->sums_ld + s];
  if (d->finish) {
    NAME(finish_tile)(d, tile, i, j, m, n);
    return;
  }
  for (int64_t r = 0; r < m; r++)
    memcpy(sums + r * d->sums_ld, tile + r * NV * LANES, (size_t)n * sizeof(S));
}

/* The panel of A stays in the first cache while those of B pass by from the second. The first of
 * them fetch A's next, the rest what is there already. */
static void NAME(block)(const mx_gemm_block *d) {
  const T *a = d->a;
  int64_t fetched = (d->k + FETCH - 1) / FETCH * (int64_t)(64 / sizeof(T)); /* by one tile */
  for (int64_t i = 0; i < d->m; i += MR, a += d->k * MR) {
    const T *b = d->b, *next = a + d->k * MR;
    int64_t rows = d->m - i;
    bool beside = d->finish || (rows < MR && rows != HIGH && rows != MIDDLE && rows != LOW);
    for (int64_t j = 0; j < d->n; j += NV * LANES, b += d->k * NV * LANES) {
      const T *ahead = next + j / (NV * LANES) * fetched;
      if (ahead >= next + d->k * MR) ahead = a;
      if (beside || d->n - j < NV * LANES)
        NAME(edge)(d, a, b, ahead, i, j);
      else
        NAME(panel)
      (rows, d->k, a, b, ahead, (S *)d->sums + i * d->sums_ld + j, d->sums_ld, !d->first);
    }
  }
}
#undef FETCH
#undef SOON
