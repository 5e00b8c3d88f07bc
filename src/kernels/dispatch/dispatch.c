/* Chooses the kernel table when the process starts. */
#include "kernels/kernels.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool always(void) { return true; }

#if defined(__x86_64__)
#include <cpuid.h>
/* Not every compiler's __builtin_cpu_supports knows the name f16c. */
__attribute__((unused)) static bool has_half_floats(void) {
  unsigned a, b, c, d;
  return __get_cpuid(1, &a, &b, &c, &d) && (c & bit_F16C);
}
__attribute__((unused)) static bool has_avx2(void) {
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && has_half_floats() &&
         __builtin_cpu_supports("bmi2");
}
__attribute__((unused)) static bool has_avx512(void) {
  return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
         __builtin_cpu_supports("avx512cd");
}
#ifdef MX_EMULATED /* by the tests */
#define HAS_OR_EMULATES(feature) true
#else
#define HAS_OR_EMULATES(feature) __builtin_cpu_supports(feature)
#endif
__attribute__((unused)) static bool has_avx512vnni(void) {
  return has_avx512() && HAS_OR_EMULATES("avx512vnni");
}
__attribute__((unused)) static bool has_avx512bf16(void) {
  return has_avx512vnni() && HAS_OR_EMULATES("avx512bf16");
}
#elif defined(__aarch64__)
#include <sys/auxv.h>
#define HWCAP_HALF_FLOATS (1ul << 10)
#define HWCAP_DOT_PRODUCTS (1ul << 20)
__attribute__((unused)) static bool has_neon(void) {
  unsigned long need = HWCAP_HALF_FLOATS | HWCAP_DOT_PRODUCTS;
  return (getauxval(AT_HWCAP) & need) == need;
}
#endif

/* The sets that were built (MX_HAS_x comes from the build), best first. */
#ifdef MX_HAS_avx512bf16
#define SET_AVX512BF16(S) S(avx512bf16, has_avx512bf16)
#else
#define SET_AVX512BF16(S)
#endif
#ifdef MX_HAS_avx512vnni
#define SET_AVX512VNNI(S) S(avx512vnni, has_avx512vnni)
#else
#define SET_AVX512VNNI(S)
#endif
#ifdef MX_HAS_avx512
#define SET_AVX512(S) S(avx512, has_avx512)
#else
#define SET_AVX512(S)
#endif
#ifdef MX_HAS_avx2
#define SET_AVX2(S) S(avx2, has_avx2)
#else
#define SET_AVX2(S)
#endif
#ifdef MX_HAS_neon
#define SET_NEON(S) S(neon, has_neon)
#else
#define SET_NEON(S)
#endif
#define SETS(S) \
  SET_AVX512BF16(S) SET_AVX512VNNI(S) SET_AVX512(S) SET_AVX2(S) SET_NEON(S) S(baseline, always)

#define S(set, test) extern const mx_kernels MX_KERNEL_NAME(kernels, set);
SETS(S)
#undef S

const mx_kernels *mx_k = &mx_kernels_baseline;

/* Best first. A forced name skips everything above it; one that the CPU lacks falls through to the
 * next that it has. */
__attribute__((constructor(101))) static void choose(void) {
#if defined(__x86_64__)
  __builtin_cpu_init();
#endif
  static const struct {
    const mx_kernels *table;
    bool (*runs)(void);
  } sets[] = {
#define S(set, test) {&MX_KERNEL_NAME(kernels, set), test},
      SETS(S)
#undef S
  };
  const char *forced = getenv("MLX_CPU_ISA");
  bool known = false;
  for (size_t i = 0; i < sizeof sets / sizeof *sets; i++)
    known |= forced && !strcmp(forced, sets[i].table->isa);
  if (forced && !known)
    fprintf(stderr, "mlx: MLX_CPU_ISA=%s names no instruction set here\n", forced);
  bool allowed = !known;
  for (size_t i = 0; i < sizeof sets / sizeof *sets; i++) {
    allowed |= known && !strcmp(forced, sets[i].table->isa);
    if (!allowed || !sets[i].runs()) continue;
    mx_k = sets[i].table;
    return;
  }
}
