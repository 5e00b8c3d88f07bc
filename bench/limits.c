/* What the machine can do at most, on all threads: memory traffic and float32 multiply-adds.
 * Written with intrinsics for the widest vectors that the CPU has. */
#include "limits.h"

#include "base/pool.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

#define BYTES ((int64_t)128 << 20) /* beyond any cache */
#define PIECE ((int64_t)1 << 20)
#define ROUNDS ((int64_t)1 << 22) /* of multiply-adds, for each thread's share */

typedef struct {
  char *dst;
  const char *src;
  void (*piece)(char *dst, const char *src);
} traffic;

static volatile float sink;

double bench_now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* ---- one piece of PIECE bytes ---- */

static void read_plain(char *dst, const char *src) {
  (void)dst;
  float sum[16] = {0};
  const float *p = (const float *)src;
  for (int64_t i = 0; i < PIECE / 4; i += 16)
    for (int k = 0; k < 16; k++) sum[k] += p[i + k];
  for (int k = 0; k < 16; k++) sink = sum[k];
}
static void write_plain(char *dst, const char *src) {
  (void)src;
  memset(dst, 1, PIECE);
}
static void copy_plain(char *dst, const char *src) { memcpy(dst, src, PIECE); }

#if defined(__x86_64__)
#define AVX512 __attribute__((target("avx512f")))
#define AVX2 __attribute__((target("avx2,fma")))

#define STREAMS(suffix, TARGET, vec, load, store, zero, add)                                    \
  TARGET static void read_##suffix(char *dst, const char *src) {                                \
    (void)dst;                                                                                  \
    vec s[8];                                                                                   \
    for (int k = 0; k < 8; k++) s[k] = zero();                                                  \
    for (int64_t i = 0; i < PIECE; i += 8 * (int64_t)sizeof(vec)) {                             \
      const char *p = src + i;                                                                  \
      _mm_prefetch(p + 4096, _MM_HINT_T0);                                                      \
      _Pragma("GCC unroll 8") for (int k = 0; k < 8; k++) s[k] =                                \
          add(s[k], load((const void *)(p + k * (int64_t)sizeof(vec))));                        \
    }                                                                                           \
    for (int k = 1; k < 8; k++) s[0] = add(s[0], s[k]);                                         \
    sink = ((float *)s)[0];                                                                     \
  }                                                                                             \
  TARGET static void write_##suffix(char *dst, const char *src) {                               \
    (void)src;                                                                                  \
    for (int64_t i = 0; i < PIECE; i += (int64_t)sizeof(vec)) store((void *)(dst + i), zero()); \
    _mm_sfence();                                                                               \
  }                                                                                             \
  TARGET static void copy_##suffix(char *dst, const char *src) {                                \
    for (int64_t i = 0; i < PIECE; i += 4 * (int64_t)sizeof(vec)) {                             \
      vec v[4];                                                                                 \
      _Pragma("GCC unroll 4") for (int k = 0; k < 4; k++) v[k] =                                \
          load((const void *)(src + i + k * (int64_t)sizeof(vec)));                             \
      _Pragma("GCC unroll 4") for (int k = 0; k < 4; k++)                                       \
          store((void *)(dst + i + k * (int64_t)sizeof(vec)), v[k]);                            \
    }                                                                                           \
    _mm_sfence();                                                                               \
  }
STREAMS(avx512, AVX512, __m512, _mm512_load_ps, _mm512_stream_ps, _mm512_setzero_ps, _mm512_add_ps)
STREAMS(avx2, AVX2, __m256, _mm256_load_ps, _mm256_stream_ps, _mm256_setzero_ps, _mm256_add_ps)

#define FMA(suffix, TARGET, vec, set, fma)                                          \
  TARGET static void fma_##suffix(void *context, int64_t begin, int64_t end) {      \
    (void)context;                                                                  \
    vec x[12], a = set(0.999999f), b = set(1e-9f);                                  \
    for (int k = 0; k < 12; k++) x[k] = set((float)k);                              \
    for (int64_t i = begin; i < end; i++)                                           \
      _Pragma("GCC unroll 12") for (int k = 0; k < 12; k++) x[k] = fma(x[k], a, b); \
    for (int k = 0; k < 12; k++) sink = ((float *)(x + k))[0];                      \
  }
FMA(avx512, AVX512, __m512, _mm512_set1_ps, _mm512_fmadd_ps)
FMA(avx2, AVX2, __m256, _mm256_set1_ps, _mm256_fmadd_ps)
#endif

static void fma_plain(void *context, int64_t begin, int64_t end) {
  (void)context;
  float x[64];
  for (int k = 0; k < 64; k++) x[k] = (float)k;
  for (int64_t i = begin; i < end; i++)
    for (int k = 0; k < 64; k++) x[k] = x[k] * 0.999999f + 1e-9f;
  for (int k = 0; k < 64; k++) sink = x[k];
}

/* ---- over all threads ---- */

static void pieces(void *context, int64_t begin, int64_t end) {
  const traffic *t = context;
  for (int64_t i = begin; i < end; i++)
    t->piece(t->dst ? t->dst + i * PIECE : NULL, t->src + i * PIECE);
}

void bench_read(const char *data, int64_t bytes) {
  traffic t = {NULL, data, read_plain};
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f"))
    t.piece = read_avx512;
  else if (__builtin_cpu_supports("avx2"))
    t.piece = read_avx2;
#endif
  mx_pool_run(bytes / PIECE, 1, pieces, &t);
}

/* Two blocks of BYTES, touched. */
static char *blocks(void) {
  static char *both;
  if (!both) {
    both = mmap(NULL, 2 * BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (both == MAP_FAILED) abort();
    madvise(both, 2 * BYTES, MADV_HUGEPAGE);
    memset(both, 0, 2 * BYTES);
  }
  return both;
}

static double traffic_rate(void (*piece)(char *, const char *), double bytes) {
  traffic t = {blocks(), blocks() + BYTES, piece};
  double best = 1e9;
  for (int i = 0; i < 3; i++) {
    double start = bench_now();
    mx_pool_run(BYTES / PIECE, 1, pieces, &t);
    double took = bench_now() - start;
    best = took < best ? took : best;
  }
  return bytes / best;
}

static double fma_rate(void (*fn)(void *, int64_t, int64_t), double floats) {
  int64_t rounds = ROUNDS * mx_pool_threads();
  double best = 1e9;
  for (int i = 0; i < 3; i++) {
    double start = bench_now();
    mx_pool_run(rounds, 1, fn, NULL);
    double took = bench_now() - start;
    best = took < best ? took : best;
  }
  return (double)rounds * floats * 2 / best;
}

double bench_limit(bench_limit_kind kind) {
  void (*const plain[])(char *, const char *) = {read_plain, write_plain, copy_plain};
  double bytes = (double)(kind == BENCH_COPY ? 2 * BYTES : BYTES);
#if defined(__x86_64__)
  bool wide = __builtin_cpu_supports("avx512f"), half = __builtin_cpu_supports("avx2");
  if (kind == BENCH_FMA && wide) return fma_rate(fma_avx512, 12 * 16);
  if (kind == BENCH_FMA && half) return fma_rate(fma_avx2, 12 * 8);
  void (*const in512[])(char *, const char *) = {read_avx512, write_avx512, copy_avx512};
  void (*const in256[])(char *, const char *) = {read_avx2, write_avx2, copy_avx2};
  if (kind != BENCH_FMA && (wide || half)) {
    double streamed = traffic_rate((wide ? in512 : in256)[kind], bytes);
    double through = traffic_rate(plain[kind], bytes);
    return streamed > through ? streamed : through;
  }
#endif
  return kind == BENCH_FMA ? fma_rate(fma_plain, 64) : traffic_rate(plain[kind], bytes);
}
