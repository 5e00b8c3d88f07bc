/* One micro-kernel, for numbers T and their sums S, as wide: included once a type, with NAME, T, S,
 * LANES (of a vector), ADD_PRODUCT(sum, factor, row) of a number and vectors, MR and NV (vectors in
 * nr) defined, and IN_PLACE where matrices can be read as they stand. */
typedef S NAME(vector) __attribute__((vector_size(sizeof(S) * LANES)));
typedef S NAME(unaligned) __attribute__((vector_size(sizeof(S) * LANES), aligned(sizeof(S))));
typedef T NAME(row) __attribute__((vector_size(sizeof(T) * LANES)));
typedef T NAME(unaligned_row) __attribute__((vector_size(sizeof(T) * LANES), aligned(sizeof(T))));

/* How a tile walks: A's panel has `height` numbers a step, B `b_step` from one to the next. What is
 * `ahead` is fetched on the way. */
typedef struct {
  const T *a, *b, *ahead;
  int64_t height, b_step;
} NAME(walk);

#define FETCH 4 /* steps to a line that is fetched */
#define LINE ((int64_t)(64 / sizeof(T)))
#define SOON 6 /* turns of so many steps between fetching the tile's own lines and its end */

/* Adds the product of `rows` rows of A, k deep, and nr columns of B to the tile at c, or stores it.
 * B may stand `in_place`, its rows any step apart: then a line ahead is fetched in every step. */
MICRO_INLINE void NAME(tile)(int rows, bool in_place, int64_t k, NAME(walk) w, S *c, int64_t ld,
                             bool add) {
  NAME(vector) sum[MR][NV];
#pragma GCC unroll 16
  for (int i = 0; i < rows; i++)
#pragma GCC unroll 4
    for (int j = 0; j < NV; j++) sum[i][j] = (NAME(vector)){0};
  const T *a = w.a, *b = w.b, *next = b + 8 * w.b_step;
#define STEP                                                                                       \
  {                                                                                                \
    NAME(row) row[NV];                                                                             \
    if (in_place) __asm__("" : "+r"(b), "+r"(next)); /* or GCC holds their multiples */            \
    if (in_place) __builtin_prefetch(w.ahead, 0, 2), w.ahead += LINE;                              \
    _Pragma("GCC unroll 4") for (int j = 0; j < NV; j++) row[j] =                                  \
        *(const NAME(unaligned_row) *)(b + j * LANES);                                             \
    _Pragma("GCC unroll 4") for (int j = 0; j < NV; j++) __builtin_prefetch(next + j * LANES);     \
    _Pragma("GCC unroll 16") for (int i = 0; i < rows; i++) {                                      \
      NAME(row) factor = a[i] - (NAME(row)){0};                                                    \
      _Pragma("GCC unroll 4") for (int j = 0; j < NV; j++) ADD_PRODUCT(sum[i][j], factor, row[j]); \
    }                                                                                              \
    a += w.height, b += w.b_step, next += w.b_step;                                                \
  }
/* No branch within FETCH steps: one that ends on a 32-byte boundary costs Skylakes a tenth. */
#define TURN STEP STEP STEP STEP k -= FETCH;
  while (k >= (rows + SOON) * FETCH) {
    if (!in_place) __builtin_prefetch(w.ahead, 0, 2), w.ahead += LINE;
    TURN
  }
  const S *to = c;
  for (int i = 0; i < rows && k >= FETCH; i++, to += ld) {
#pragma GCC unroll 4
    for (int j = 0; j < NV; j++) __builtin_prefetch(to + j * LANES, 1);
    TURN
  }
  while (k >= FETCH) {
    if (!in_place) __builtin_prefetch(w.ahead, 0, 2), w.ahead += LINE;
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
  NAME(tile)(MR, false, k, (NAME(walk)){a, b, ahead, MR, NV * LANES}, c, ld, add);
}
static void NAME(middle)(int64_t k, const T *a, const T *b, const T *ahead, S *c, int64_t ld,
                         bool add) {
  NAME(tile)(MIDDLE, false, k, (NAME(walk)){a, b, ahead, MR, NV * LANES}, c, ld, add);
}
static void NAME(high)(int64_t k, const T *a, const T *b, const T *ahead, S *c, int64_t ld,
                       bool add) {
  NAME(tile)(HIGH, false, k, (NAME(walk)){a, b, ahead, MR, NV * LANES}, c, ld, add);
}
static void NAME(low)(int64_t k, const T *a, const T *b, const T *ahead, S *c, int64_t ld,
                      bool add) {
  NAME(tile)(LOW, false, k, (NAME(walk)){a, b, ahead, MR, NV * LANES}, c, ld, add);
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
  const NAME(walk) w = {a, b, a, rows, ld};
  if (rows == LOW)
    NAME(tile)(LOW, false, k, w, c, ld, add);
  else if (rows == MIDDLE)
    NAME(tile)(MIDDLE, false, k, w, c, ld, add);
  else if (rows == HIGH)
    NAME(tile)(HIGH, false, k, w, c, ld, add);
  else
    NAME(micro)(k, a, b, a, c, ld, add);
}

#ifdef IN_PLACE
/* As a tile fetches k lines, the first ones together fetch the next a, those that follow the next
 * b. */
static const T *NAME(next_lines)(const mx_gemm_plain *p, int64_t tile) {
  int64_t of_a = (p->m + LINE - 1) / LINE, of_b = (p->n + LINE - 1) / LINE;
  if (!p->next_a || tile >= of_a + of_b) return NULL;
  return tile < of_a ? (const T *)p->next_a + tile * p->k * LINE
                     : (const T *)p->next_b + (tile - of_a) * p->k * LINE;
}

/* Rows [i, i + rows) of a product with b in place: where the last columns are fewer than a tile's,
 * it begins earlier. */
MICRO_INLINE void NAME(rows_in_place)(int rows, const mx_gemm_plain *p, int64_t i) {
  T panel[MR * MX_GEMM_IN_PLACE_DEPTH];
  mx_gemm_source s = {.data = (const T *)p->a + i * p->a_row,
                      .dtype = p->dtype,
                      .count = rows,
                      .k = p->k,
                      .stride = p->a_row,
                      .k_stride = p->a_step};
  MX_KERNEL(gemm_pack)(&s, rows, 0, 1, true, panel);
  NAME(walk) w = {.a = panel, .height = rows, .b_step = p->b_step};
  int64_t tile = (i + MR - 1) / MR * ((p->n + NV * LANES - 1) / (NV * LANES));
  for (int64_t j = 0; j < p->n; j += NV * LANES, tile++) {
    int64_t column = p->n - j < NV * LANES ? p->n - NV * LANES : j;
    w.b = (const T *)p->b + column;
    w.ahead = NAME(next_lines)(p, tile);
    if (!w.ahead) w.ahead = panel;
    NAME(tile)(rows, true, p->k, w, (T *)p->out + i * p->out_row + column, p->out_row, false);
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
  int64_t fetched = (d->k + FETCH - 1) / FETCH * LINE; /* by one tile */
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
#undef LINE
#undef SOON
