/* Programs over blocks of elements. Every step is a function that takes a block, eight vectors, in
 * registers and hands it on to the next one by jumps (calls in last place): so a chain of
 * operations costs what its arithmetic costs, and memory is read and written once. */
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("schedule-insns", "sched-pressure", "no-jump-tables")
#endif
#include "kernels/fused.h"
#include "kernels/binary.h"
#include "kernels/loop.h"
#include "kernels/unary.h"
#include "kernels/vmath.h"

#define BLOCK (8 * VW) /* elements */
#define BLOCK_BYTES ((int64_t)BLOCK * 4)
#define AHEAD 1024 /* bytes, of what is asked for early */

/* As many vectors as calling conventions pass in registers. */
#define EIGHT(M, ...) \
  M(0, __VA_ARGS__)   \
  M(1, __VA_ARGS__)   \
  M(2, __VA_ARGS__)   \
  M(3, __VA_ARGS__)   \
  M(4, __VA_ARGS__) M(5, __VA_ARGS__) M(6, __VA_ARGS__) M(7, __VA_ARGS__)
#define ACC_TYPES vf a0, vf a1, vf a2, vf a3, vf a4, vf a5, vf a6, vf a7
#define ACC a0, a1, a2, a3, a4, a5, a6, a7

/* A step with its operands found: a begins at `a` and advances by a_step bytes an element. */
typedef struct bound bound;
struct bound {
  char *a, *b;
  int32_t a_step, b_step;
  char *work; /* two blocks of lanes */
  uint8_t way, code;
  bool invertible; /* a divisor whose inverse serves */
  float number;    /* a, where it is one number */
  float inverse, inverse_rest;
};
_Static_assert(sizeof(bound) <= MX_FUSED_BOUND_BYTES && BLOCK_BYTES <= MX_FUSED_BLOCK_BYTES,
               "scratch is too small");

#define STEP(name) \
  static __attribute__((noinline)) void do_##name(const bound *s, int64_t i, ACC_TYPES)
#define NEXT dispatch(s + 1, i, ACC)
static void dispatch(const bound *s, int64_t i, ACC_TYPES);

/* ---- Operands ---- */

#define AT(k, type) ((const type *)at + (k)*VW)
#define READ_lanes(k) vf_load(AT(k, float))
#define READ_number(k) number
#define READ_f16(k) vf_load_f16(AT(k, mx_f16))
#define READ_bf16(k) vf_load_bf16(AT(k, mx_bf16))
#define READ_bool(k) truth_of(AT(k, uint8_t))

V_INLINE vf truth_of(const uint8_t *p) {
  typedef uint8_t bytes __attribute__((vector_size(VW)));
  bytes b;
  memcpy(&b, p, sizeof b);
  return (vf)(__builtin_convertvector(b, vi) != 0);
}

V_INLINE void store_truth(uint8_t *p, vf x) {
  typedef uint8_t bytes __attribute__((vector_size(VW)));
  bytes b = __builtin_convertvector((vi)x & 1, bytes);
  memcpy(p, &b, sizeof b);
}

/* Of a number that bfloat16 has. */
V_INLINE void store_settled(mx_bf16 *p, vf x) {
#if defined(__AVX512F__)
  vh h = (vh)_mm512_cvtepi32_epi16(_mm512_srli_epi32((__m512i)x, 16));
#else
  vh h = __builtin_convertvector((vu)x >> 16, vh);
#endif
  memcpy(p, &h, sizeof h);
}

/* ---- Rounding ---- */

/* NaNs that come of bfloat16 numbers have their last 16 bits clear, and so stay. */
V_INLINE vf settled(vf x) {
#if defined(__AVX512BF16__)
  return vf_of_bf16(vf_to_bf16(x));
#elif defined(__AVX512F__)
  __m512i u = (__m512i)x;
  __mmask16 odd = _mm512_test_epi32_mask(u, _mm512_set1_epi32(0x10000));
  __m512i sum = _mm512_add_epi32(u, _mm512_set1_epi32(0x7fff));
  sum = _mm512_mask_sub_epi32(sum, odd, sum, _mm512_set1_epi32(-1));
  return (vf)_mm512_and_si512(sum, _mm512_set1_epi32((int)0xffff0000));
#else
  vu u = (vu)x;
  return (vf)((u + ((u >> 16) & 1) + 0x7fff) & 0xffff0000u);
#endif
}
#define TO_SELF(x) (x)
#define TO_F16(x) vf_of_f16(vf_to_f16(x))
#define TO_BF16(x) settled(x)

/* ---- Steps of two operands ---- */

#define OF_TWO(k, READ, expression) \
  {                                 \
    vf x = a##k, y = READ(k);       \
    a##k = (vf)(expression);        \
  }
#define TWO(name, kind, expression)        \
  STEP(name##_##kind) {                    \
    const char *at = s->a + i * s->a_step; \
    vf number = vf_set(s->number);         \
    (void)at, (void)number;                \
    EIGHT(OF_TWO, READ_##kind, expression) \
    NEXT;                                  \
  }
#define MOVING(name, expression) \
  TWO(name, lanes, expression)   \
  TWO(name, f16, expression)     \
  TWO(name, bf16, expression)
#define ARITHMETIC(name, expression) \
  MOVING(name, expression)           \
  TWO(name, number, expression)
#define ROUNDED(name, expression)               \
  ARITHMETIC(name, expression)                  \
  ARITHMETIC(name##_to_f16, TO_F16(expression)) \
  ARITHMETIC(name##_to_bf16, TO_BF16(expression))
ROUNDED(add, x + y)
ROUNDED(subtract, x - y)
ROUNDED(subtract_of, y - x)
ROUNDED(multiply, x *y)
MOVING(divide, x / y)
MOVING(divide_to_f16, TO_F16(x / y))
MOVING(divide_to_bf16, TO_BF16(x / y))
ROUNDED(divide_of, y / x)
ARITHMETIC(maximum, vf_select((x > y) | (x != x), x, y))
ARITHMETIC(maximum_of, vf_select((y > x) | (y != y), y, x))
ARITHMETIC(minimum, vf_select((x < y) | (x != x), x, y))
ARITHMETIC(minimum_of, vf_select((y < x) | (y != y), y, x))
TWO(equal, lanes, x == y)
TWO(not_equal, lanes, x != y)
TWO(less, lanes, x < y)
TWO(less_equal, lanes, x <= y)
TWO(greater, lanes, x > y)
TWO(greater_equal, lanes, x >= y)
TWO(nan_equal, lanes, (x == y) | ((x != x) & (y != y)))
TWO(both, lanes, (vi)x &(vi)y)
TWO(either, lanes, (vi)x | (vi)y)
TWO(differ, lanes, (vi)x ^ (vi)y)

/* Division by one number d. Where dividing is slow, by its inverse, to the same bit: with r + s the
 * inverse to twice its digits, q = x r + x s is right to half an ulp and 2^-24 of it, so that what
 * adding the remainder x - q d times r is off by (r being rounded) is less than what any quotient
 * is away from the middle of two floats. Where nothing leaves the range of normal numbers. */
#if defined(__AVX512F__)
#define OF_INVERSE(k, TO)                                 \
  {                                                       \
    vf x = a##k, q = vf_fma(x, inverse, x * rest);        \
    a##k = TO(vf_fma(vf_fma(-q, number, x), inverse, q)); \
  }
#define LEAST(a, b) _mm512_range_ps((__m512)(a), (__m512)(b), 0xa) /* of absolute values */
#define MOST(a, b) _mm512_range_ps((__m512)(a), (__m512)(b), 0xb)
#define OF_EIGHT(op) op(op(op(a0, a1), op(a2, a3)), op(op(a4, a5), op(a6, a7)))

/* Whether all absolute values are from 2^-80 to 2^100. */
V_INLINE bool are_moderate(ACC_TYPES) {
  vf least = (vf)OF_EIGHT(LEAST), most = (vf)OF_EIGHT(MOST);
  return !vi_any(~((least >= 0x1p-80f) & (most <= 0x1p100f)));
}
#define DIVIDE(name, TO)                                               \
  STEP(name##_number) {                                                \
    vf number = vf_set(s->number);                                     \
    if (s->invertible && are_moderate(ACC)) {                          \
      vf inverse = vf_set(s->inverse), rest = vf_set(s->inverse_rest); \
      EIGHT(OF_INVERSE, TO)                                            \
    } else {                                                           \
      EIGHT(OF_TWO, READ_number, TO(x / y))                            \
    }                                                                  \
    NEXT;                                                              \
  }
#else
#define DIVIDE(name, TO) TWO(name, number, TO(x / y))
#endif
DIVIDE(divide, TO_SELF)
DIVIDE(divide_to_f16, TO_F16)
DIVIDE(divide_to_bf16, TO_BF16)

/* ---- Steps of one operand ---- */

#define OF_ONE(k, expression) \
  {                           \
    vf x = a##k;              \
    a##k = (vf)(expression);  \
  }
#define ONE(name, expression) \
  STEP(name) {                \
    EIGHT(OF_ONE, expression) \
    NEXT;                     \
  }
ONE(abs, vf_abs(x))
ONE(negative, -x)
ONE(square, x *x)
ONE(sqrt, vf_sqrt(x))
ONE(rsqrt, vf_rsqrt(x))
ONE(isnan, x != x)
ONE(isinf, vf_abs(x) == INFINITY)
ONE(isposinf, x == INFINITY)
ONE(isneginf, x == -INFINITY)
ONE(isfinite, x - x == 0.f)
ONE(invert, ~(vi)x)
ONE(to_number, (vi)x &(vi)vf_set(1.f))
ONE(to_truth, x != 0.f)
ONE(round_f16, TO_F16(x))
ONE(round_bf16, vf_of_bf16(vf_to_bf16(x)))

ONE(settle_bf16, settled(x))

/* Powers to one number, where they need no logarithm. */
ONE(power_cube, vf_cube(x))
ONE(power_fourth, vf_fourth(x))
ONE(power_root, vf_root(x))

ONE(exp, vf_exp(x))
ONE(sigmoid, vf_sigmoid(x))
ONE(tanh, vf_tanh(x))
ONE(erf, vf_erf(x))

/* ---- Others ---- */

/* Kernels of their own, over memory. */
#define SAVE(k, ...) vf_store((float *)s->work + (k)*VW, a##k);
#define TAKE(k, ...) a##k = vf_load((float *)s->work + (k)*VW);
STEP(unary) {
  EIGHT(SAVE, )
  MX_KERNEL(unary)((mx_unary_op)s->code, MX_FLOAT32, s->work, s->work, BLOCK);
  EIGHT(TAKE, )
  NEXT;
}

#define STAGE_WORK(k, READ) vf_store((float *)(s->work + BLOCK_BYTES) + (k)*VW, READ(k));
#define CALL(kind, a_moves)                                                                       \
  V_INLINE const void *operand_##kind(const bound *s, int64_t i) {                                \
    const char *at = s->a + i * s->a_step;                                                        \
    vf number = vf_set(s->number);                                                                \
    (void)at, (void)number;                                                                       \
    EIGHT(STAGE_WORK, READ_##kind)                                                                \
    return s->work + BLOCK_BYTES;                                                                 \
  }                                                                                               \
  STEP(binary_##kind) {                                                                           \
    const void *a = operand_##kind(s, i);                                                         \
    EIGHT(SAVE, )                                                                                 \
    MX_KERNEL(binary)((mx_binary_op)s->code, MX_FLOAT32, s->work, s->work, a, BLOCK, 1, a_moves); \
    EIGHT(TAKE, )                                                                                 \
    NEXT;                                                                                         \
  }                                                                                               \
  STEP(binary_of_##kind) {                                                                        \
    const void *a = operand_##kind(s, i);                                                         \
    EIGHT(SAVE, )                                                                                 \
    MX_KERNEL(binary)((mx_binary_op)s->code, MX_FLOAT32, s->work, a, s->work, BLOCK, a_moves, 1); \
    EIGHT(TAKE, )                                                                                 \
    NEXT;                                                                                         \
  }
CALL(lanes, 1)
CALL(number, 0)
CALL(f16, 1)
CALL(bf16, 1)

#define CHOOSE_ONE(k, condition, first, other)                             \
  {                                                                        \
    vf acc = a##k, x = READ_lanes(k), y = vf_load((float *)also + (k)*VW); \
    a##k = vf_select((vi)(condition), first, other);                       \
  }
#define CHOOSE(name, ...)                                          \
  STEP(name) {                                                     \
    char *at = s->a + i * s->a_step, *also = s->b + i * s->b_step; \
    EIGHT(CHOOSE_ONE, __VA_ARGS__)                                 \
    NEXT;                                                          \
  }
CHOOSE(choose, acc, x, y)
CHOOSE(choose_first, x, acc, y)
CHOOSE(choose_other, x, y, acc)

#define LOAD_ONE(k, READ) a##k = READ(k);
#define STAGE_ONE(k, READ) vf_store((float *)s->b + (k)*VW, READ(k));
#define MOVES(kind)                        \
  STEP(load_##kind) {                      \
    const char *at = s->a + i * s->a_step; \
    vf number = vf_set(s->number);         \
    (void)at, (void)number;                \
    EIGHT(LOAD_ONE, READ_##kind)           \
    NEXT;                                  \
  }                                        \
  STEP(stage_##kind) {                     \
    const char *at = s->a + i * s->a_step; \
    vf number = vf_set(s->number);         \
    (void)at, (void)number;                \
    EIGHT(STAGE_ONE, READ_##kind)          \
    NEXT;                                  \
  }
MOVES(lanes)
MOVES(number)
MOVES(f16)
MOVES(bf16)
MOVES(bool)

#define STORE_ONE(k, store) store(to + (k)*VW, a##k);
#define STORE(name, type, store)               \
  STEP(name) {                                 \
    type *to = (type *)(s->a + i * s->a_step); \
    EIGHT(STORE_ONE, store)                    \
    NEXT;                                      \
  }
STORE(store_lanes, float, vf_store)
STORE(store_f16, mx_f16, vf_store_f16)
STORE(store_bf16, mx_bf16, store_settled)
STORE(store_bool, uint8_t, store_truth)

#if defined(__AVX512F__)
#define STREAM_F32(p, x) _mm512_stream_ps(p, (__m512)(x))
#elif defined(__AVX2__)
#define STREAM_F32(p, x) _mm256_stream_ps(p, (__m256)(x))
#elif defined(__x86_64__)
#define STREAM_F32(p, x) _mm_stream_ps(p, (__m128)(x))
#endif
#if defined(STREAM_F32)
STORE(stream_lanes, float, STREAM_F32)
#else
#define do_stream_lanes do_store_lanes
#endif

STEP(done) {
  (void)s, (void)i, (void)a0, (void)a1, (void)a2, (void)a3;
  (void)a4, (void)a5, (void)a6, (void)a7;
}

/* ---- Which function is next ---- */

/* Each step as functions, by how the first operand is read; those that make up most programs first,
 * so that they are found soon. */
#define FOUR_WAYS(name) W(name##_lanes) W(name##_f16) W(name##_bf16) W(name##_number)
#define OFTEN(name) W(name##_lanes) W(name##_number)
#define SELDOM(name) W(name##_f16) W(name##_bf16)
#define ONE_WAY(name) W(name##_lanes)
#define NO_OPERAND(name) W(name)
#define ROUNDED_WAYS(name) SELDOM(name) FOUR_WAYS(name##_to_f16) SELDOM(name##_to_bf16)
#define FIRST_WAYS \
  W(done)          \
  W(load_lanes)    \
  W(load_bf16)     \
  W(store_lanes)   \
  W(store_bf16)    \
  OFTEN(add)       \
  OFTEN(multiply) OFTEN(subtract) OFTEN(divide) OFTEN(add_to_bf16) OFTEN(multiply_to_bf16)
#define OTHER_WAYS                             \
  OFTEN(subtract_of)                           \
  OFTEN(divide_of)                             \
  OFTEN(subtract_to_bf16)                      \
  OFTEN(subtract_of_to_bf16)                   \
  OFTEN(divide_to_bf16)                        \
  OFTEN(divide_of_to_bf16)                     \
  MX_FUSED_ARITHMETIC(ROUNDED_WAYS, FOUR_WAYS) \
  FOUR_WAYS(binary)                            \
  FOUR_WAYS(binary_of)                         \
  FOUR_WAYS(stage)                             \
  W(stage_bool)                                \
  W(load_f16)                                  \
  W(load_bool)                                 \
  W(load_number)                               \
  MX_FUSED_UNARY(NO_OPERAND)                   \
  W(power_cube)                                \
  W(power_fourth)                              \
  W(power_root)                                \
  W(unary)                                     \
  W(store_f16)                                 \
  W(store_bool) W(stream_lanes) W(choose) W(choose_first) W(choose_other) MX_FUSED_TESTS(ONE_WAY)

typedef enum {
#define W(name) WAY_##name,
  FIRST_WAYS OTHER_WAYS
#undef W
} way;

/* By comparisons, which are always predicted: indirect jumps go unpredicted where mitigations of
 * Spectre or a neighbour on the core are at work, and cost 20 cycles then. */
#define W(name) \
  case WAY_##name: do_##name(s, i, ACC); return;
static __attribute__((noinline)) void seek(const bound *s, int64_t i, ACC_TYPES) {
  switch (s->way) { OTHER_WAYS }
}
static __attribute__((noinline)) void dispatch(const bound *s, int64_t i, ACC_TYPES) {
  switch (s->way) {
    FIRST_WAYS
  default: seek(s, i, ACC); return;
  }
}
#undef W

enum { LANES = MX_FUSED_F32, NUMBER = MX_FUSED_KINDS, READS };

/* clang-format off */
#define ROW_FOUR(name)                                                                  \
  [MX_FUSED_##name] = {WAY_##name##_lanes, WAY_##name##_f16, WAY_##name##_bf16, 0, \
                       WAY_##name##_number},
#define ROW_ROUNDED(name) ROW_FOUR(name) ROW_FOUR(name##_to_f16) ROW_FOUR(name##_to_bf16)
#define ROW_ONE(name) [MX_FUSED_##name] = {WAY_##name##_lanes},
#define ROW(name) [MX_FUSED_##name] = {WAY_##name},

static const uint8_t ways[MX_FUSED_OPS][READS] = {
    MX_FUSED_ARITHMETIC(ROW_ROUNDED, ROW_FOUR)
    MX_FUSED_TESTS(ROW_ONE)
    MX_FUSED_UNARY(ROW)
    [MX_FUSED_load] = {WAY_load_lanes, WAY_load_f16, WAY_load_bf16, WAY_load_bool, WAY_load_number},
    [MX_FUSED_stage] = {WAY_stage_lanes, WAY_stage_f16, WAY_stage_bf16, WAY_stage_bool,
                        WAY_stage_number},
    [MX_FUSED_keep] = {WAY_store_lanes},
    [MX_FUSED_store] = {WAY_store_lanes, WAY_store_f16, WAY_store_bf16, WAY_store_bool},
    ROW(unary)
    ROW_FOUR(binary)
    ROW_FOUR(binary_of)
    ROW(choose)
    ROW(choose_first)
    ROW(choose_other)
};
/* clang-format on */

/* ---- Binding ---- */

/* Scratch: the bound steps, two working blocks, the slots, and a block a place: an input that is
 * one number spread over it, or the last elements where they fill no block. */
typedef struct {
  const mx_fused_code *code;
  char *const *at; /* [place] */
  const uint8_t *advance;
  bool stream;
  bound *steps;
  char *work, *slots, *blocks;
} frame;

static int size_of(int kind) { return kind == MX_FUSED_F32 ? 4 : kind == MX_FUSED_BOOL ? 1 : 2; }

static float number_at(const void *p, int kind) {
  float f = 0;
  if (kind == MX_FUSED_F32) {
    memcpy(&f, p, sizeof f);
  } else if (kind == MX_FUSED_BOOL) {
    uint32_t truth = *(const uint8_t *)p ? UINT32_MAX : 0;
    memcpy(&f, &truth, sizeof f);
  } else {
    uint16_t bits;
    memcpy(&bits, p, sizeof bits);
    f = kind == MX_FUSED_F16 ? mx_f16_to_f32((mx_f16){bits}) : mx_bf16_to_f32((mx_bf16){bits});
  }
  return f;
}

/* Where an operand of 32 bits a lane lies; a single number is spread first. */
static char *find_lanes(const frame *f, int operand, int32_t *step) {
  *step = 0;
  if (operand < 0) return f->slots + ~operand * BLOCK_BYTES;
  if (f->advance[operand]) {
    *step = 4;
    return f->at[operand];
  }
  char *block = f->blocks + operand * BLOCK_BYTES;
  float number = number_at(f->at[operand], f->code->kinds[operand]);
  for (int k = 0; k < BLOCK; k++) memcpy(block + 4 * k, &number, sizeof number);
  return block;
}

/* A power of 2 divides as its inverse multiplies. */
static void divide_by_number(bound *s) {
  uint32_t bits;
  memcpy(&bits, &s->number, sizeof bits);
  uint32_t exponent = bits >> 23 & 0xff;
  if (bits & 0x7fffff) {
    s->invertible = exponent >= 127 - 20 && exponent <= 127 + 20;
    s->inverse = 1 / s->number;
    s->inverse_rest = (float)(1 / (double)s->number - s->inverse);
    return;
  }
  if (exponent < 1 || exponent > 253) return;
  s->number = 1 / s->number;
  s->way = s->way == WAY_divide_number          ? WAY_multiply_number
           : s->way == WAY_divide_to_f16_number ? WAY_multiply_to_f16_number
                                                : WAY_multiply_to_bf16_number;
}

/* As power_f32 of binary.c, to the bit. */
static void raise_to_number(bound *s) {
  const struct {
    float number;
    way way;
  } quick[] = {{2, WAY_square}, {3, WAY_power_cube}, {4, WAY_power_fourth}, {0.5f, WAY_power_root}};
  for (unsigned k = 0; k < sizeof quick / sizeof *quick; k++)
    if (s->number == quick[k].number) s->way = quick[k].way;
  if (s->number != -1) return;
  s->way = WAY_divide_of_number;
  s->number = 1;
}

static bool has_operand(int op) { return op < MX_FUSED_abs || op > MX_FUSED_settle_bf16; }

static void bind_step(const frame *f, mx_fused_step from, bound *s) {
  const uint8_t *row = ways[from.op];
  *s = (bound){.way = row[LANES], .work = f->work, .code = from.code};
  if (!has_operand(from.op) || from.op == MX_FUSED_unary) return;
  int kind = from.a < 0 ? LANES : f->code->kinds[from.a];
  if (from.a >= 0 && !f->advance[from.a] && row[NUMBER]) {
    s->way = row[NUMBER];
    s->number = number_at(f->at[from.a], kind);
    if (from.op >= MX_FUSED_divide && from.op <= MX_FUSED_divide_to_bf16) divide_by_number(s);
    if (from.op == MX_FUSED_binary && from.code == MX_BINARY_power) raise_to_number(s);
  } else if (from.a < 0 || !f->advance[from.a]) {
    s->a = find_lanes(f, from.a, &s->a_step);
  } else {
    s->way = row[kind];
    s->a = f->at[from.a];
    s->a_step = size_of(kind);
  }
  if (from.op == MX_FUSED_stage) s->b = f->slots + ~from.b * BLOCK_BYTES;
  if (from.op >= MX_FUSED_choose) s->b = find_lanes(f, from.b, &s->b_step);
  if (f->stream && s->way == WAY_store_lanes && from.op == MX_FUSED_store &&
      !((uintptr_t)s->a & 63))
    s->way = WAY_stream_lanes;
}

static void bind(const frame *f) {
  for (int i = 0; i < f->code->step_count; i++) bind_step(f, f->code->steps[i], &f->steps[i]);
  f->steps[f->code->step_count].way = WAY_done;
}

/* Every block asks for what will be read some blocks later: it takes longer than a core looks
 * ahead, so that the next one's loads would begin only after it. */
static void run_blocks(const frame *f, int64_t n) {
  vf z = {0};
  const char *ahead[f->code->input_count + 1];
  int64_t lines[f->code->input_count + 1];
  int count = 0;
  for (int p = 0; p < f->code->input_count; p++) {
    if (!f->advance[p]) continue;
    ahead[count] = f->at[p] + AHEAD;
    lines[count++] = BLOCK * size_of(f->code->kinds[p]) / 64;
  }
  for (int64_t i = 0; i + BLOCK <= n; i += BLOCK) {
    for (int p = 0; p < count; p++)
      for (int64_t k = 0; k < lines[p]; k++, ahead[p] += 64) __builtin_prefetch(ahead[p]);
    dispatch(f->steps, i, z, z, z, z, z, z, z, z);
  }
}

/* The last m elements, in blocks of their own. */
static void run_rest(frame *f, int64_t begin, int64_t m) {
  const mx_fused_code *code = f->code;
  char *at[code->place_count], *const *whole = f->at;
  for (int p = 0; p < code->place_count; p++) {
    int size = size_of(code->kinds[p]);
    at[p] = whole[p];
    if (!f->advance[p]) continue;
    at[p] = f->blocks + p * BLOCK_BYTES;
    memset(at[p], 0, BLOCK_BYTES);
    if (p < code->input_count) memcpy(at[p], whole[p] + begin * size, (size_t)(m * size));
  }
  f->at = at;
  bind(f);
  run_blocks(f, BLOCK);
  for (int p = code->input_count; p < code->place_count; p++) {
    int size = size_of(code->kinds[p]);
    memcpy(whole[p] + begin * size, at[p], (size_t)(m * size));
  }
}

void MX_KERNEL(fused)(const mx_fused_code *code, void *const *at, const uint8_t *advance,
                      bool stream, char *scratch, int64_t n) {
  frame f = {code, (char *const *)at, advance, stream, .work = scratch};
  f.blocks = f.work + 2 * BLOCK_BYTES;
  f.slots = f.blocks + code->place_count * BLOCK_BYTES;
  f.steps = (bound *)(f.slots + code->slot_count * BLOCK_BYTES);
  if (n >= BLOCK) {
    bind(&f);
    run_blocks(&f, n);
  }
  f.stream = false;
  if (n % BLOCK) run_rest(&f, n - n % BLOCK, n % BLOCK);
}
