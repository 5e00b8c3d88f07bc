/* Prompt caches in files, in mlx_lm's format: the layers' arrays as "layer.part" (keys 0, values 1;
 * "layer.part.piece" where quantised), and in the metadata, as strings, a list of three: 0 the
 * layers' states, 1 the caller's metadata, 2 the layers' class names. */
#include "base/str.h"
#include "lm/kv_cache.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const class_names[] = {
    [LM_KV_CACHE] = "KVCache",
    [LM_ROTATING_CACHE] = "RotatingKVCache",
    [LM_QUANTIZED_CACHE] = "QuantizedKVCache",
};

/* The numbers of a layer's state, in mlx_lm's order; how many. */
static int state_of(const lm_kv_cache *c, int state[4]) {
  if (c->kind == LM_ROTATING_CACHE) {
    state[0] = c->keep, state[1] = c->max_size, state[2] = c->offset, state[3] = c->index;
    return 4;
  }
  if (c->kind == LM_QUANTIZED_CACHE) {
    state[0] = c->offset, state[1] = c->group_size, state[2] = c->bits;
    return 3;
  }
  return 0;
}

/* ---- Saving ---- */

static int put_layer(mx_array_map *arrays, int layer, const lm_kv_cache *c) {
  for (int side = 0; side < 2; side++)
    for (int p = 0; p < LM_PARTS; p++) {
      mx a = side ? c->values[p] : c->keys[p];
      if (!a) continue;
      char name[64];
      if (c->kind == LM_QUANTIZED_CACHE)
        snprintf(name, sizeof name, "%d.%d.%d", layer, side, p);
      else
        snprintf(name, sizeof name, "%d.%d", layer, side);
      if (c->offset < mx_dim(a, 2)) a = mx_slice_axis(a, 2, 0, c->offset);
      if (mx_array_map_put(arrays, name, a)) return -1;
    }
  return 0;
}

static void put_state(mx_string_map *texts, int layer, const lm_kv_cache *c) {
  char name[64], text[32];
  int state[4], count = state_of(c, state);
  snprintf(name, sizeof name, "0.%d", layer);
  if (!count) mx_string_map_put(texts, name, "");
  for (int i = 0; i < count; i++) {
    snprintf(name, sizeof name, "0.%d.%d", layer, i);
    snprintf(text, sizeof text, "%d", state[i]);
    mx_string_map_put(texts, name, text);
  }
  snprintf(name, sizeof name, "2.%d", layer);
  mx_string_map_put(texts, name, class_names[c->kind]);
}

int mlx_lm_save_prompt_cache(const char *path, const mlx_lm_prompt_cache *cache,
                             const mx_string_map *metadata) {
  mx_array_map *arrays = mx_array_map_new();
  mx_string_map *texts = mx_string_map_new();
  mx_scope scope = mx_scope_begin();
  int result = 0;
  for (int i = 0; i < cache->count && !result; i++) {
    result = put_layer(arrays, i, &cache->layers[i]);
    put_state(texts, i, &cache->layers[i]);
  }
  for (size_t i = 0; metadata && i < mx_string_map_size(metadata); i++) {
    mx_str name = {0};
    mx_str_printf(&name, "1.%s", mx_string_map_name(metadata, i));
    mx_string_map_put(texts, name.data, mx_string_map_at(metadata, i));
    mx_str_free(&name);
  }
  if (!result) result = mx_save_safetensors(path, arrays, texts);
  mx_scope_end(scope, NULL);
  mx_array_map_free(arrays);
  mx_string_map_free(texts);
  return result;
}

/* ---- Loading ---- */

static bool read_number(const mx_string_map *texts, const char *path, int layer, int i, int *out) {
  char name[64], *end;
  snprintf(name, sizeof name, "0.%d.%d", layer, i);
  const char *text = mx_string_map_get(texts, name);
  long value = text ? strtol(text, &end, 10) : 0;
  if (text && end != text && !*end && value >= 0 && value <= INT32_MAX) {
    *out = (int)value;
    return true;
  }
  mx_fail("%s: the state of layer %d is not a list of numbers", path, layer);
  return false;
}

/* The numbers must suit the arrays, or tokens would be read and written beside them. */
static bool check_state(const char *path, int layer, const lm_kv_cache *c) {
  int length = mx_dim(c->keys[0], 2);
  bool good = length == mx_dim(c->values[0], 2) && mx_dim(c->keys[0], 0) == 1;
  if (c->kind == LM_ROTATING_CACHE)
    good = good && c->max_size > 0 && c->keep < c->max_size && c->index <= length &&
           c->offset >= length;
  else
    good = good && c->offset == length;
  if (!good) mx_fail("%s: the state of layer %d does not suit its arrays", path, layer);
  return good;
}

static bool read_state(const mx_string_map *texts, const char *path, int layer, lm_kv_cache *c) {
  int state[4] = {0}, count = c->kind == LM_ROTATING_CACHE    ? 4
                              : c->kind == LM_QUANTIZED_CACHE ? 3
                                                              : 0;
  for (int i = 0; i < count; i++)
    if (!read_number(texts, path, layer, i, &state[i])) return false;
  if (c->kind == LM_ROTATING_CACHE)
    c->keep = state[0], c->max_size = state[1], c->offset = state[2], c->index = state[3];
  else if (c->kind == LM_QUANTIZED_CACHE)
    c->offset = state[0], c->group_size = state[1], c->bits = state[2];
  else
    c->offset = mx_dim(c->keys[0], 2);
  return check_state(path, layer, c);
}

static bool read_kind(const mx_string_map *texts, const char *path, int layer, lm_kv_cache *c) {
  char name[64];
  snprintf(name, sizeof name, "2.%d", layer);
  const char *text = mx_string_map_get(texts, name);
  for (int k = 0; text && k <= LM_QUANTIZED_CACHE; k++)
    if (!strcmp(text, class_names[k])) {
      c->kind = (lm_cache_kind)k;
      return true;
    }
  mx_fail("%s: layer %d has a cache of class %s, which is not supported", path, layer,
          text ? text : "(none)");
  return false;
}

static bool read_arrays(const mx_array_map *arrays, const char *path, int layer, lm_kv_cache *c) {
  int parts = c->kind == LM_QUANTIZED_CACHE ? LM_PARTS : 1;
  for (int side = 0; side < 2; side++)
    for (int p = 0; p < parts; p++) {
      char name[64];
      if (parts > 1)
        snprintf(name, sizeof name, "%d.%d.%d", layer, side, p);
      else
        snprintf(name, sizeof name, "%d.%d", layer, side);
      mx a = mx_array_map_get(arrays, name);
      if (!a || mx_ndim(a) != 4) {
        mx_fail("%s: array \"%s\" is missing or has not 4 axes", path, name);
        return false;
      }
      (side ? c->values : c->keys)[p] = mx_retain(a);
    }
  return true;
}

static void take_metadata(const mx_string_map *texts, mx_string_map *metadata) {
  for (size_t i = 0; metadata && i < mx_string_map_size(texts); i++) {
    const char *name = mx_string_map_name(texts, i);
    if (!strncmp(name, "1.", 2)) mx_string_map_put(metadata, name + 2, mx_string_map_at(texts, i));
  }
}

static int count_layers(const mx_string_map *texts) {
  char name[64];
  for (int n = 0;; n++) {
    snprintf(name, sizeof name, "2.%d", n);
    if (!mx_string_map_get(texts, name)) return n;
  }
}

mlx_lm_prompt_cache *mlx_lm_load_prompt_cache(const char *path, mx_string_map *metadata) {
  mx_array_map *arrays = mx_array_map_new();
  mx_string_map *texts = mx_string_map_new();
  mlx_lm_prompt_cache *cache = NULL;
  bool good = mx_load_safetensors(path, arrays, texts) == 0;
  int layers = good ? count_layers(texts) : 0;
  if (good && !layers) mx_fail("%s: not a saved prompt cache", path);
  if (layers) cache = lm_prompt_cache_new(layers);
  good = layers > 0;
  for (int i = 0; i < layers && good; i++)
    good = read_kind(texts, path, i, &cache->layers[i]) &&
           read_arrays(arrays, path, i, &cache->layers[i]) &&
           read_state(texts, path, i, &cache->layers[i]);
  if (good) take_metadata(texts, metadata);
  mx_array_map_free(arrays);
  mx_string_map_free(texts);
  if (good) return cache;
  mlx_lm_prompt_cache_free(cache);
  return NULL;
}
