/* One micro-kernel, for numbers T in vectors V: included once a type, with NAME, T, LANES (of V),
 * MR and NV (vectors in nr) defined. Adds a panel product to, or stores it in, the rows x nr tile
 * at c, `rows` at most mr. */
typedef T NAME(vector) __attribute__((vector_size(sizeof(T) * LANES)));
typedef T NAME(unaligned) __attribute__((vector_size(sizeof(T) * LANES), aligned(sizeof(T))));

MICRO_INLINE void NAME(tile)(int rows, int64_t k, const T *a, const T *b, T *c, int64_t ld,
                             bool add) {
  NAME(vector) sum[MR][NV];
#pragma GCC unroll 16
  for (int i = 0; i < rows; i++)
#pragma GCC unroll 4
    for (int j = 0; j < NV; j++) sum[i][j] = (NAME(vector)){0};
#pragma GCC unroll 2
  for (; k > 0; k--, a += rows, b += NV * LANES) {
    NAME(vector) row[NV];
#pragma GCC unroll 4
    for (int j = 0; j < NV; j++) row[j] = *(const NAME(unaligned) *)(b + j * LANES);
    __builtin_prefetch(b + 8 * NV * LANES);
#pragma GCC unroll 16
    for (int i = 0; i < rows; i++)
#pragma GCC unroll 4
      for (int j = 0; j < NV; j++) sum[i][j] += a[i] * row[j];
  }
#pragma GCC unroll 16
  for (int i = 0; i < rows; i++)
#pragma GCC unroll 4
    for (int j = 0; j < NV; j++) {
      NAME(unaligned) *to = (NAME(unaligned) *)(c + i * ld + j * LANES);
      *to = add ? *to + sum[i][j] : sum[i][j];
    }
}

static void NAME(micro)(int64_t k, const T *a, const T *b, T *c, int64_t ld, bool add) {
  NAME(tile)(MR, k, a, b, c, ld, add);
}

/* Row-wise: out[i] = alpha * sums[i] + beta * c[i] for values of type T. */
static void NAME(finish)(const T *sums, int64_t sums_stride, int64_t count, const mx_gemm_block *to,
                         void *out, int64_t stride, const void *c, int64_t c_stride);

static void NAME(finish_tile)(const mx_gemm_block *d, const T *tile, int64_t i0, int64_t j0,
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
static void NAME(edge)(const mx_gemm_block *d, const T *a, const T *b, int64_t i, int64_t j) {
  T tile[MR * NV * LANES];
  int64_t m = d->m - i < MR ? d->m - i : MR, n = d->n - j < NV * LANES ? d->n - j : NV * LANES;
  NAME(micro)(d->k, a, b, tile, NV * LANES, false);
  T *sums = (T *)d->sums + i * d->sums_ld + j;
  if (!d->first)
    for (int64_t r = 0; r < m; r++)
      for (int64_t s = 0; s < n; s++) tile[r * NV * LANES + s] += sums[r * d->sums_ld + s];
  if (d->finish) {
    NAME(finish_tile)(d, tile, i, j, m, n);
    return;
  }
  for (int64_t r = 0; r < m; r++)
    memcpy(sums + r * d->sums_ld, tile + r * NV * LANES, (size_t)n * sizeof(T));
}

/* The panel of A stays in the first cache while those of B pass by from the second. */
static void NAME(block)(const mx_gemm_block *d) {
  const T *a = d->a;
  for (int64_t i = 0; i < d->m; i += MR, a += d->k * MR) {
    const T *b = d->b;
    for (int64_t j = 0; j < d->n; j += NV * LANES, b += d->k * NV * LANES)
      if (d->finish || d->m - i < MR || d->n - j < NV * LANES)
        NAME(edge)(d, a, b, i, j);
      else
        NAME(micro)(d->k, a, b, (T *)d->sums + i * d->sums_ld + j, d->sums_ld, !d->first);
  }
}
