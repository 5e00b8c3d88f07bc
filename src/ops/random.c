/* Random numbers: one primitive for the bits, and formulas over them. */
#include "mlx/mx/random.h"
#include "drivers/random.h"
#include "mlx/mx/cast.h"
#include "mlx/mx/create.h"
#include "mlx/mx/elementwise.h"
#include "mlx/mx/index.h"
#include "mlx/mx/reduce.h"
#include "mlx/mx/sort.h"
#include "ops/codecs.h"
#include "ops/rules.h"

#include <math.h>
#include <pthread.h>
#include <time.h>

/* ---- Keys ---- */

/* The process's sequence: each next key is split off it. */
static struct {
  pthread_mutex_t lock;
  bool seeded;
  uint32_t key[2];
} sequence = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void set_key(uint64_t seed) {
  sequence.key[0] = (uint32_t)(seed >> 32);
  sequence.key[1] = (uint32_t)seed;
  sequence.seeded = true;
}

void mx_random_seed(uint64_t seed) {
  pthread_mutex_lock(&sequence.lock);
  set_key(seed);
  pthread_mutex_unlock(&sequence.lock);
}

mx mx_random_key(uint64_t seed) {
  uint32_t words[2] = {(uint32_t)(seed >> 32), (uint32_t)seed};
  return mx_array_new(words, MX_INTS(2), MX_UINT32);
}

static mx next_key(void) {
  uint32_t words[4];
  pthread_mutex_lock(&sequence.lock);
  if (!sequence.seeded) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    set_key((uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000);
  }
  mx_random_words(sequence.key, 1, words, sizeof words);
  sequence.key[0] = words[0];
  sequence.key[1] = words[1];
  pthread_mutex_unlock(&sequence.lock);
  return mx_array_new(words + 2, MX_INTS(2), MX_UINT32);
}

/* ---- Bits ---- */

/* What lies under each key; keys [..., 2] give [..., shape]. `kind` and `scale` are those of
 * floats.
 */
typedef struct {
  int ndim, shape[MX_MAX_NDIM];
  mx_dtype dtype;
  mx_random_kind kind;
  float scale;
} random_params;

static mx make_random(const mx_primitive *primitive, const random_params *p, mx keys) {
  if (!keys) return NULL;
  int shape[2 * MX_MAX_NDIM], lead = keys->ndim - 1;
  mx_copy_ints(shape, mx_shape_of(keys), lead);
  mx_copy_ints(shape + lead, p->shape, p->ndim);
  return mx_make(primitive, p, ((mx_spec){p->dtype, lead + p->ndim, shape}), keys);
}

static mx under_key(const mx_primitive *primitive, random_params p, mx_ints shape, mx key) {
  if (shape.size > MX_MAX_NDIM) return mx_fail("[bits] %d axes are too many.", shape.size);
  p.ndim = shape.size;
  mx_copy_ints(p.shape, shape.data, shape.size);
  return make_random(primitive, &p, key);
}

static int random_shape(const mx_node *node, const mx *in, int output, int *shape) {
  (void)output;
  const random_params *p = MX_PARAMS(random_params, node);
  int lead = in[0]->ndim - 1;
  if (mx_dim(in[0], -1) != 2) return mx_shapes_misfit(node, in);
  mx_copy_ints(shape, mx_shape_of(in[0]), lead);
  mx_copy_ints(shape + lead, p->shape, p->ndim);
  return lead + p->ndim;
}

static bool eval_bits(const mx_node *node, const mx *in, const mx *out) {
  (void)node;
  mx_buffer *temporary;
  const void *keys = mx_row_major_data(in[0], &temporary);
  int64_t count = (int64_t)in[0]->size / 2;
  bool good = keys && mx_out_alloc(out[0]);
  if (good && count) mx_random_words(keys, count, out[0]->data, mx_nbytes(out[0]) / (size_t)count);
  mx_buffer_release(temporary);
  return good;
}

/* Random numbers do not change with their key. */
static bool jvp_random(const mx_node *node, const mx *primals, const mx *tangents,
                       const int *argnums, int count, mx *jvps) {
  (void)tangents, (void)argnums, (void)count;
  return (jvps[0] = mx_zeros_like(
              make_random(node->primitive, MX_PARAMS(random_params, node), primals[0]))) != NULL;
}

static bool vmap_random(const mx_node *node, const mx *in, const int *axes, mx *out,
                        int *out_axes) {
  out_axes[0] = 0;
  return (out[0] = make_random(node->primitive, MX_PARAMS(random_params, node),
                               mx_batch_in_front(in[0], axes[0]))) != NULL;
}

#define RANDOM(NAME, EVAL)                                                                   \
  {                                                                                          \
    .name = NAME, .params_size = sizeof(random_params), .eval = {EVAL}, .vjp = mx_vjp_zeros, \
    .jvp = jvp_random, .vmap = vmap_random, .output_shape = random_shape                     \
  }
static const mx_primitive random_bits = RANDOM("RandomBits", eval_bits);

/* The key, or the sequence's next; NULL after mx_fail. */
static mx checked_key(mx key) {
  if (!key) key = next_key();
  if (!key) return NULL;
  if (key->dtype != MX_UINT32)
    return mx_fail("[bits] Expected key type uint32 but received %s.", mx_dtype_name(key->dtype));
  if (key->ndim != 1 || key->size != 2)
    return mx_fail("[bits] Expected key shape (2) but received %s.", mx_shape_text_of(key));
  return key;
}

mx mx_random_bits(mx_ints shape, int width, mx key) {
  if (!(key = checked_key(key))) return NULL;
  if (width != 1 && width != 2 && width != 4)
    return mx_fail("[bits] Bit width must be in {1, 2, 4} but got %d.", width);
  mx_dtype dtype = width == 4 ? MX_UINT32 : width == 2 ? MX_UINT16 : MX_UINT8;
  return under_key(&random_bits, (random_params){.dtype = dtype}, shape, key);
}

mx mx_random_split(mx key, int count) {
  if (!key) return mx_fail("[split] A key is needed.");
  return mx_random_bits(MX_INTS(count, 2), 4, key);
}

/* ---- Distributions ---- */

/* Floats straight from the bits: what the formulas below make of them, in one pass. */
static bool eval_floats(const mx_node *node, const mx *in, const mx *out) {
  const random_params *p = MX_PARAMS(random_params, node);
  mx_buffer *temporary;
  const void *keys = mx_row_major_data(in[0], &temporary);
  int64_t count = (int64_t)in[0]->size / 2;
  bool good = keys && mx_out_alloc(out[0]);
  if (good && count)
    mx_random_floats(p->kind, out[0]->dtype, p->scale, keys, count, out[0]->data,
                     (int64_t)out[0]->size / count);
  mx_buffer_release(temporary);
  return good;
}

static const mx_primitive random_floats = RANDOM("RandomFloats", eval_floats);

static mx floats(mx_random_kind kind, float scale, mx_ints shape, mx_dtype dtype, mx key) {
  key = checked_key(key);
  random_params p = {.dtype = dtype, .kind = kind, .scale = scale};
  return under_key(&random_floats, p, shape, key);
}

static bool check_uniform(mx_dtype dtype) {
  if (dtype == MX_FLOAT32 || dtype == MX_FLOAT16 || dtype == MX_BFLOAT16) return true;
  if (mx_is_subdtype(dtype, MX_KIND_FLOATING))
    mx_fail("[uniform] Unsupported type %s.", mx_dtype_name(dtype));
  else
    mx_fail("[uniform] Can only generate uniform numbers with real floating point type.");
  return false;
}

/* What a and the shape broadcast to is the shape itself, or an error. */
static bool broadcasts_to(mx a, mx_ints shape, const char *message) {
  const int *have = mx_shape_of(a);
  bool fits = a->ndim <= shape.size;
  for (int i = 1; i <= a->ndim && i <= shape.size; i++) {
    int from = have[a->ndim - i], to = shape.data[shape.size - i];
    if (from != to && from != 1 && to != 1) {
      mx_fail("[broadcast_shapes] Shapes %s and %s cannot be broadcast.",
              mx_shape_text(shape.data, shape.size), mx_shape_text_of(a));
      return false;
    }
    fits = fits && (from == to || from == 1);
  }
  if (!fits) mx_fail(message, mx_shape_text(shape.data, shape.size), mx_shape_text_of(a));
  return fits;
}

/* Whether the array is there and one number of this value. */
static bool is_constant(mx a, double value) {
  return a->size == 1 && a->ndim == 0 && !a->tracer && mx_is_available(a) &&
         mx_item_double(a) == value;
}

mx mx_random_uniform(mx low, mx high, mx_ints shape, mx_dtype dtype, mx key) {
  if (!low || !high || !check_uniform(dtype)) return NULL;
  if (is_constant(low, 0) && is_constant(high, 1))
    return floats(MX_RANDOM_UNIFORM, 1, shape, dtype, key);
  mx lo = mx_astype(low, dtype), range = mx_subtract(mx_astype(high, dtype), lo);
  if (!range ||
      !broadcasts_to(range, shape,
                     "[uniform] Cannot generate random values of shape %s from broadcasted shape "
                     "%s."))
    return NULL;
  mx unit = floats(MX_RANDOM_UNIFORM, 1, shape, dtype, key);
  return mx_add(mx_multiply(range, unit), lo);
}

/* Numbers in (-1, 1), for the inverse of a distribution. */
static mx open_unit(mx_ints shape, mx key) {
  return mx_random_uniform(mx_float(nextafterf(-1, 0)), mx_float(1), shape, MX_FLOAT32, key);
}

static mx complex_normal(mx_ints shape, mx loc, mx scale, mx key) {
  int pairs[MX_MAX_NDIM];
  if (shape.size >= MX_MAX_NDIM) return mx_fail("[normal] too many dimensions");
  mx_copy_ints(pairs, shape.data, shape.size);
  pairs[shape.size] = 2;
  mx samples = floats(MX_RANDOM_NORMAL, 1, (mx_ints){pairs, shape.size + 1}, MX_FLOAT32, key);
  samples = mx_squeeze(mx_view(samples, MX_COMPLEX64), MX_INTS(-1));
  if (scale) samples = mx_multiply(scale, samples);
  return loc ? mx_add(loc, samples) : samples;
}

/* sqrt(2) as the dtype holds it. */
static float root_two(mx_dtype dtype) {
  return dtype == MX_FLOAT16 || dtype == MX_BFLOAT16 ? 1.4140625f : 0x1.6a09e6p+0f;
}

mx mx_random_normal(mx_ints shape, mx_dtype dtype, mx loc, mx scale, mx key) {
  if (dtype == MX_COMPLEX64) return complex_normal(shape, loc, scale, key);
  if (!mx_is_subdtype(dtype, MX_KIND_FLOATING))
    return mx_fail("[normal] Can only generate uniform numbers with floating point type.");
  mx samples;
  if (scale || dtype == MX_FLOAT64) {
    mx by = mx_scalar(sqrt(2), dtype), unscaled;
    if (scale) by = mx_multiply(by, mx_astype(scale, dtype));
    unscaled = floats(MX_RANDOM_NORMAL, 1, shape, MX_FLOAT32, key);
    samples = mx_multiply(by, mx_astype(unscaled, dtype));
  } else {
    samples = floats(MX_RANDOM_NORMAL, root_two(dtype), shape, dtype, key);
  }
  return loc ? mx_add(mx_astype(loc, dtype), samples) : samples;
}

mx mx_random_truncated_normal(mx lower, mx upper, mx_ints shape, mx_dtype dtype, mx key) {
  int both[MX_MAX_NDIM];
  if (!lower || !upper) return NULL;
  if (!mx_is_subdtype(dtype, MX_KIND_FLOATING))
    return mx_fail("[trunc_normal] trunc_normal only accepts floating point dtypes.");
  if (shape.size < 0) shape = (mx_ints){both, mx_broadcast_shape(lower, upper, both)};
  if (shape.size < 0) return NULL;
  mx sqrt2 = mx_scalar(sqrt(2), dtype), low = mx_astype(lower, dtype),
     high = mx_astype(upper, dtype);
  mx a = mx_erf(mx_divide(low, sqrt2)), b = mx_erf(mx_divide(high, sqrt2));
  mx out = mx_multiply(sqrt2, mx_erfinv(mx_random_uniform(a, b, shape, dtype, key)));
  return mx_maximum(mx_minimum(high, out), low);
}

mx mx_random_laplace(mx_ints shape, mx_dtype dtype, float loc, float scale, mx key) {
  if (!mx_is_subdtype(dtype, MX_KIND_FLOATING))
    return mx_fail("[laplace] Can only generate uniform numbers with real floating point type.");
  mx u = open_unit(shape, key);
  mx samples = mx_multiply(mx_sign(u), mx_log1p(mx_multiply(mx_scalar(-1, dtype), mx_abs(u))));
  samples = mx_astype(samples, dtype);
  if (scale != 1) samples = mx_multiply(mx_scalar(scale, dtype), samples);
  return loc != 0 ? mx_add(mx_scalar(loc, dtype), samples) : samples;
}

mx mx_random_gumbel(mx_ints shape, mx_dtype dtype, mx key) {
  return check_uniform(dtype) ? floats(MX_RANDOM_GUMBEL, 1, shape, dtype, key) : NULL;
}

mx mx_random_randint(mx low, mx high, mx_ints shape, mx_dtype dtype, mx key) {
  if (mx_is_subdtype(dtype, MX_KIND_INEXACT))
    return mx_fail("[randint] randint only accepts integer dtypes and bool.");
  mx u = mx_random_uniform(low, high, shape, MX_FLOAT32, key);
  return mx_astype(mx_maximum(u, low), dtype);
}

mx mx_random_bernoulli(mx p, mx_ints shape, mx key) {
  if (!p) return NULL;
  if (!mx_is_subdtype(p->dtype, MX_KIND_FLOATING))
    return mx_fail("[bernoulli] bernoulli probability `p` must be a float type.");
  if (shape.size < 0) shape = (mx_ints){mx_shape_of(p), p->ndim};
  if (!broadcasts_to(p, shape, "[bernoulli] shape of `p` is incompatible with argument `shape`."))
    return NULL;
  mx upper = mx_float(nextafterf((float)UINT32_MAX, INFINITY));
  return mx_less(mx_random_bits(shape, 4, key), mx_multiply(p, upper));
}

/* The largest of the logits with Gumbel noise (Gumbel, 1954; the "Gumbel-max trick"): `shape` is
 * that of the result, to which the logits' other axes broadcast. */
static mx draw(mx logits, int axis, mx_ints shape, mx key) {
  int noise[MX_MAX_NDIM], at = axis + shape.size - logits->ndim + 1, n = 0;
  if (shape.size >= MX_MAX_NDIM) return mx_fail("[categorical] too many dimensions");
  for (int i = 0; i <= shape.size; i++) noise[i] = i == at ? mx_dim(logits, axis) : shape.data[n++];
  mx g = mx_random_gumbel((mx_ints){noise, shape.size + 1}, MX_FLOAT32, key);
  return mx_argmax(mx_add(g, logits), .axis = at);
}

mx mx_random_categorical_with(mx logits, mx_random_categorical_args args) {
  if (!logits) return NULL;
  int axis = args.axis < 0 ? args.axis + logits->ndim : args.axis;
  if (axis < 0 || axis >= logits->ndim)
    return mx_fail("[categorical] Invalid axis %d for logits with %d dimensions.", args.axis,
                   logits->ndim);
  int shape[MX_MAX_NDIM], n = 0;
  for (int i = 0; i < logits->ndim; i++)
    if (i != axis) shape[n++] = mx_shape_of(logits)[i];
  if (args.num_samples > 0) {
    shape[n++] = args.num_samples;
    return draw(mx_expand_dims(logits, MX_INTS(-1)), axis, (mx_ints){shape, n}, args.key);
  }
  if (args.shape.size < 0) return draw(logits, axis, (mx_ints){shape, n}, args.key);
  mx rest = mx_squeeze(mx_slice_axis(logits, axis, 0, 1), MX_INTS(axis));
  if (!rest || !broadcasts_to(rest, args.shape,
                              "[categorical] Requested shape %s is not broadcast compatible with "
                              "reduced logits shape%s."))
    return NULL;
  return draw(logits, axis, args.shape, args.key);
}

mx mx_random_permutation_arange(int n, mx key) {
  return mx_argsort(mx_random_bits(MX_INTS(n), 4, key), .axis = -1);
}

mx mx_random_permutation(mx a, int axis, mx key) {
  if (!a) return NULL;
  int at = mx_check_axis("permutation", axis, a->ndim);
  if (at < 0) return NULL;
  return mx_take(a, mx_random_permutation_arange(mx_dim(a, at), key), .axis = at);
}

/* ---- In MLX's files ---- */

static const mx_codec *visit_bits(mx_state *s, const mx_codec *codec, void *params) {
  random_params *p = params;
  int width = (int)mx_dtype_size(p->dtype);
  mx_state_ints(s, p->shape, &p->ndim, MX_MAX_NDIM);
  mx_state_int(s, &width);
  if (s->mode == MX_STATE_READ)
    p->dtype = width == 4 ? MX_UINT32 : width == 2 ? MX_UINT16 : MX_UINT8;
  return width == 1 || width == 2 || width == 4 ? codec : NULL;
}

static bool build_bits(const mx_build *b) {
  const random_params *p = b->params;
  mx keys = b->count ? b->in[0] : NULL;
  if (keys && (keys->dtype != MX_UINT32 || !keys->ndim || mx_dim(keys, -1) != 2))
    return mx_fail("[bits] Expected keys of two 32-bit words.") != NULL;
  for (int i = 0; i < p->ndim; i++)
    if (p->shape[i] < 0) return false;
  return MX_BUILT(b, 1, make_random(&random_bits, p, keys));
}

/* The largest number below 1, as float32. */
static float below_one(mx_dtype dtype) {
  return dtype == MX_FLOAT16 ? 0x1.ffcp-1f : dtype == MX_BFLOAT16 ? 0x1.fep-1f : nextafterf(1, 0);
}

static mx unit(const random_params *p, mx key, mx_dtype dtype) {
  random_params words = {.ndim = p->ndim, .dtype = MX_UINT32};
  mx_copy_ints(words.shape, p->shape, p->ndim);
  mx u = mx_divide(make_random(&random_bits, &words, key), mx_float(0x1p32f));
  return mx_astype(mx_minimum(u, mx_float(below_one(dtype))), dtype);
}

/* MLX's formulas for what is one pass here. */
static bool expand_floats(const mx_node *node, const mx *in, mx *out) {
  const random_params *p = MX_PARAMS(random_params, node);
  if (p->kind != MX_RANDOM_NORMAL) {
    mx u = unit(p, in[0], p->dtype);
    out[0] = p->kind == MX_RANDOM_UNIFORM ? u : mx_negative(mx_log(mx_negative(mx_log(u))));
    return out[0] != NULL;
  }
  float low = nextafterf(-1, 0);
  mx open = mx_add(mx_multiply(mx_float(1 - low), unit(p, in[0], MX_FLOAT32)), mx_float(low));
  mx normal = mx_astype(mx_erfinv(open), p->dtype);
  out[0] = p->scale == 1 ? normal : mx_multiply(mx_scalar(p->scale, p->dtype), normal);
  return out[0] != NULL;
}

const mx_codec mx_random_codecs[] = {
    {.name = "RandomBits", .primitive = &random_bits, .visit = visit_bits, .build = build_bits},
    {.name = "", .primitive = &random_floats, .expand = expand_floats},
    {0},
};
