/* A whole model: a 1.24 B Llama decoding and reading prompts, and what bounds it, its weights read
 * once where they lie. BENCH_MODELS names the folder where
 * bench/make_llama.py has made checkpoints 4, 8 and 16 (cases without theirs fail). Times are of
 * one token. */
#include "bench.h"
#include "limits.h"
#include "mlx_lm/cache.h"
#include "mlx_lm/utils.h"

#include <stdio.h>
#include <stdlib.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define STEPS                                                                         \
  8 /* of decoding that one run takes, each begun before the last one's token is read \
     */
#define PARAMETERS 1235746816.0
#define KV_BYTES (16 * 2 * 8 * 64 * 2.0) /* of a token */

typedef struct {
  mlx_lm_model *model;
  mlx_lm_prompt_cache *cache;
  char *weights; /* their file, mapped */
  int64_t bytes;
} session;

/* c->m sequences of c->n tokens each. */
static mx tokens(const bench_case *c, int64_t n) {
  return mx_random_randint(mx_int(0), mx_int(128000), MX_INTS((int)c->m, (int)n), MX_INT32,
                           mx_random_key(0));
}

/* Of a case's model, or a file in it. */
static const char *path_of(const bench_case *c, const char *file) {
  static char path[1024];
  const char *folder = getenv("BENCH_MODELS");
  snprintf(path, sizeof path, "%s/%d%s", folder ? folder : ".", (int)c->k, file);
  return path;
}

/* Whether the model is there; an error says, again and again, why not. */
static bool load(const bench_case *c, session *own) {
  if (!own->model) own->model = mlx_lm_load_model(path_of(c, ""));
  return own->model;
}

static void make(const bench_case *c, bench_state *s) {
  session *own = calloc(1, sizeof *own);
  s->own = own;
  if (!load(c, own) || c->items == c->n) return; /* a prompt brings its own cache */
  own->cache = mlx_lm_make_prompt_cache(own->model, 0);
  for (int64_t done = 0; done < c->n; done += 512) {
    mx_scope scope = mx_scope_begin();
    mlx_lm_model_forward(own->model, tokens(c, c->n - done < 512 ? c->n - done : 512), own->cache);
    mlx_lm_prompt_cache_eval(own->cache);
    mx_scope_end(scope, NULL);
  }
}

static void drop(const bench_case *c, bench_state *s) {
  (void)c;
  session *own = s->own;
  mlx_lm_prompt_cache_free(own->cache);
  mlx_lm_model_free(own->model);
  if (own->weights) munmap(own->weights, (size_t)own->bytes);
  free(own);
}

static mx next(session *own, mx y) {
  mx logits = mlx_lm_model_forward(own->model, y, own->cache);
  mx token = mx_argmax(logits, .axis = -1);
  mx_async_eval(token);
  return token;
}

static void decode(const bench_case *c, bench_state *s) {
  session *own = s->own;
  if (!load(c, own)) return;
  mx y = next(own, mx_zeros(MX_INTS((int)c->m, 1), MX_INT32));
  for (int i = 1; i < STEPS; i++) {
    mx following = next(own, y);
    mx_eval(y);
    y = following;
  }
  mx_eval(y);
  mlx_lm_trim_prompt_cache(own->cache, STEPS);
}

static void prompt(const bench_case *c, bench_state *s) {
  session *own = s->own;
  if (!load(c, own)) return;
  mlx_lm_prompt_cache *cache = mlx_lm_make_prompt_cache(own->model, 0);
  mlx_lm_model_forward(own->model, tokens(c, c->n), cache);
  mlx_lm_prompt_cache_eval(cache);
  mlx_lm_prompt_cache_free(cache);
}

static void map_weights(const bench_case *c, bench_state *s) {
  session *own = s->own = calloc(1, sizeof *own);
  int file = open(path_of(c, "/model.safetensors"), O_RDONLY);
  struct stat status;
  if (file >= 0 && !fstat(file, &status)) {
    char *at = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, file, 0);
    if (at != MAP_FAILED) own->weights = at, own->bytes = status.st_size;
  }
  if (file >= 0) close(file);
}

static void read_weights(const bench_case *c, bench_state *s) {
  session *own = s->own;
  if (own->weights)
    bench_read(own->weights, own->bytes);
  else
    mx_fail("model.safetensors of %d bits cannot be read", (int)c->k);
}

#define BYTES(bits) (PARAMETERS * ((bits) == 16 ? 2 : (bits) / 8.0 + 4 / 64.0))
/* k holds the bits, m the sequences, n the tokens before. */
#define DECODE(label, bits, sequences, context)                                          \
  {                                                                                      \
    .name = label, .make = make, .run = decode, .drop = drop, .k = bits, .m = sequences, \
    .n = context, .items = STEPS * (sequences),                                          \
    .read = STEPS * (BYTES(bits) + (sequences) * (context)*KV_BYTES)                     \
  }
#define PROMPT(label, bits, length)                                                           \
  {                                                                                           \
    .name = label, .make = make, .run = prompt, .drop = drop, .k = bits, .m = 1, .n = length, \
    .items = length, .read = BYTES(bits) * 973e6 / PARAMETERS,                                \
    .operations = 2.0 * 973e6 * (length)                                                      \
  }

#define READ(label, bits)                                                             \
  {                                                                                   \
    .name = label, .make = map_weights, .run = read_weights, .drop = drop, .k = bits, \
    .read = BYTES(bits)                                                               \
  }

static const bench_case cases[] = {
    READ("weights read once, 4-bit", 4),
    READ("weights read once, 8-bit", 8),
    READ("weights read once, bfloat16", 16),
    DECODE("decode 4-bit", 4, 1, 16),
    DECODE("decode 8-bit", 8, 1, 16),
    DECODE("decode bfloat16", 16, 1, 16),
    DECODE("decode 4-bit at 4096", 4, 1, 4096),
    DECODE("decode 4-bit, 8 sequences", 4, 8, 16),
    DECODE("decode bfloat16, 8 sequences", 16, 8, 16),
    PROMPT("prompt of 8, 4-bit", 4, 8),
    PROMPT("prompt of 512, 4-bit", 4, 512),
};

int main(int argc, char **argv) { return bench_main(argc, argv, cases, BENCH_COUNT(cases)); }
