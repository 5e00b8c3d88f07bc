/* Random words and floats: pairs of words, from the two halves of the result, in chunks. */
#include "drivers/random.h"
#include "base/pool.h"
#include "kernels/kernels.h"

#include <string.h>

#define CHUNK 1024 /* pairs: their words stay in the first-level cache */

typedef struct {
  const uint32_t *keys;
  char *out;
  int64_t words, half, second; /* to a key; `second` is where the second halves go */
  int64_t chunks;
  size_t bytes; /* of the result, to a key */
  void (*floats)(const uint32_t *bits, void *out, int64_t n, float scale);
  float scale;
  size_t size;
} random_job;

/* Writes n words at word `at` of a key's result. */
static void put(const random_job *job, char *out, int64_t at, const uint32_t *words, int64_t n) {
  if (job->floats) {
    job->floats(words, out + (size_t)at * job->size, n, job->scale);
    return;
  }
  size_t from = (size_t)at * 4, count = (size_t)n * 4;
  memcpy(out + from, words, from + count > job->bytes ? job->bytes - from : count);
}

static void random_range(void *context, int64_t begin, int64_t end) {
  const random_job *job = context;
  uint32_t first[CHUNK], second[CHUNK];
  for (int64_t i = begin; i < end; i++) {
    int64_t k = i / job->chunks, at = i % job->chunks * CHUNK;
    const uint32_t *key = job->keys + 2 * k;
    char *out = job->out + (size_t)k * job->bytes;
    int64_t n = job->half - at < CHUNK ? job->half - at : CHUNK;
    if (n > 0) {
      mx_k->threefry(key[0], key[1], (uint32_t)at, (uint32_t)(at + job->second), first, second, n);
      put(job, out, at, first, n);
      put(job, out, at + job->second, second, n);
    }
    if (at == 0 && job->second > job->half) {
      mx_k->threefry(key[0], key[1], (uint32_t)job->half, 0, first, second, 1);
      put(job, out, job->half, first, 1);
    }
  }
}

static void run(random_job *job, int64_t key_count) {
  job->half = job->words / 2;
  job->second = job->words - job->half;
  job->chunks = job->half > CHUNK ? (job->half + CHUNK - 1) / CHUNK : 1;
  if (job->words) mx_pool_run(key_count * job->chunks, 4, random_range, job);
}

void mx_random_words(const uint32_t *keys, int64_t key_count, void *out, size_t bytes) {
  random_job job = {.keys = keys, .out = out, .words = (int64_t)((bytes + 3) / 4), .bytes = bytes};
  run(&job, key_count);
}

#define KIND(name)                          \
  (dtype == MX_FLOAT32   ? mx_k->name##_f32 \
   : dtype == MX_FLOAT16 ? mx_k->name##_f16 \
                         : mx_k->name##_bf16)

void mx_random_floats(mx_random_kind kind, mx_dtype dtype, float scale, const uint32_t *keys,
                      int64_t key_count, void *out, int64_t n) {
  random_job job = {.keys = keys,
                    .out = out,
                    .words = n,
                    .size = mx_dtype_size(dtype),
                    .bytes = (size_t)n * mx_dtype_size(dtype),
                    .scale = scale};
  job.floats = kind == MX_RANDOM_UNIFORM  ? KIND(random_uniform)
               : kind == MX_RANDOM_NORMAL ? KIND(random_normal)
                                          : KIND(random_gumbel);
  run(&job, key_count);
}
