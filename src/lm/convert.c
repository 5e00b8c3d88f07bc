/* Conversion of checkpoints: weights through one transformation each, into shards beside the config
 * and the tokenizer's files, in a folder that appears when it is complete. */
#include "mlx_lm/convert.h"
#include "base/alloc.h"
#include "base/file.h"
#include "base/vec.h"
#include "lm/model.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SHARD_BYTES ((size_t)5 << 30)

typedef struct {
  mlx_lm_convert_args *args;
  lm_config *config;
  lm_weights *weights;
  mx_array_map *out;    /* the new checkpoint, lazy */
  json_t *quantization; /* of the new config; NULL: none */
  bool was_quantised, cast;
  mx_dtype dtype; /* of all floats, where cast */
  size_t bytes, parameters;
} conversion;

/* ---- What to do with a layer ---- */

/* mlx_lm's recipes: more bits for some layers' values and down projections (after llama.cpp's
 * Q4_K_M), and for the output. */
static const struct {
  const char *name;
  int low, high;
} recipes[] = {{"mixed_2_6", 2, 6}, {"mixed_3_4", 3, 4}, {"mixed_3_6", 3, 6}, {"mixed_4_6", 4, 6}};

static int recipe_bits(const conversion *c, const char *path, int recipe) {
  int layers = (int)json_integer_value(json_object_get(c->config->root, "num_hidden_layers"));
  const char *number = strstr(path, "layers.");
  int index = number ? atoi(number + 7) : 0;
  bool more = index < layers / 8 || index >= 7 * layers / 8 || (index - layers / 8) % 3 == 2;
  bool value = strstr(path, "v_proj") || strstr(path, "v_a_proj") || strstr(path, "v_b_proj");
  bool high = (more && (value || strstr(path, "down_proj"))) || strstr(path, "lm_head");
  return high ? recipes[recipe].high : recipes[recipe].low;
}

static int find_recipe(const char *name) {
  for (int i = 0; i < (int)(sizeof recipes / sizeof *recipes); i++)
    if (!strcmp(recipes[i].name, name)) return i;
  mx_fail("Invalid quant recipe %s", name);
  return -1;
}

static json_t *quantization_entry(int group_size, int bits, bool mode) {
  json_t *entry = json_pack("{s:i, s:i}", "group_size", group_size, "bits", bits);
  if (mode) json_object_set_new(entry, "mode", json_string("affine"));
  return entry;
}

/* ---- One weight ---- */

static mx cast_float(const conversion *c, mx a) {
  bool is_float = mx_is_subdtype(mx_dtype_of(a), MX_KIND_FLOATING);
  return c->cast && is_float ? mx_astype(a, c->dtype) : a;
}

static bool put(conversion *c, const char *path, const char *part, mx a) {
  mx_str name = {0};
  mx_str_puts(&name, path);
  if (*part) mx_str_printf(&name, ".%s", part);
  c->bytes += mx_nbytes(a);
  bool good = mx_array_map_put(c->out, name.data, a) == 0;
  mx_str_free(&name);
  return good;
}

static mx source(const conversion *c, const char *path, const char *part) {
  mx_str name = {0};
  mx_str_printf(&name, "%s.%s", path, part);
  mx a = mx_array_map_get(c->weights->arrays, name.data);
  mx_str_free(&name);
  return a;
}

/* A layer that is packed in the source: opened, or taken over as it is. */
static bool convert_packed(conversion *c, const char *path, const lm_matrix *m) {
  mx w = source(c, path, "weight"), scales = source(c, path, "scales"),
     biases = source(c, path, "biases");
  if (!w || !scales || !biases) return false;
  c->parameters += mx_size(w) * 32 / (size_t)m->bits;
  if (c->args->dequantize) {
    mx open = mx_dequantize(w, scales, biases, .group_size = m->group_size, .bits = m->bits);
    return put(c, path, "weight", cast_float(c, open));
  }
  return put(c, path, "weight", w) && put(c, path, "scales", cast_float(c, scales)) &&
         put(c, path, "biases", cast_float(c, biases));
}

static bool pack(conversion *c, const char *path, mx w) {
  int recipe = c->args->recipe ? find_recipe(c->args->recipe) : -1;
  int bits = recipe >= 0 ? recipe_bits(c, path, recipe) : c->args->bits;
  mx_quantized q = mx_quantize(w, .group_size = c->args->group_size, .bits = bits);
  if (recipe >= 0 || c->was_quantised)
    json_object_set_new(c->quantization, path,
                        quantization_entry(c->args->group_size, bits, recipe < 0));
  return put(c, path, "weight", q.weight) && put(c, path, "scales", q.scales) &&
         put(c, path, "biases", q.biases);
}

static bool ends_with(const char *text, const char *end) {
  size_t n = strlen(text), m = strlen(end);
  return n >= m && !strcmp(text + n - m, end);
}

static bool convert_weight(conversion *c, const char *name, mx a) {
  char *path = mx_xstrdup(name);
  lm_matrix m = {0};
  bool weight = ends_with(name, ".weight"), good;
  if (weight) path[strlen(path) - 7] = 0;
  if (weight) lm_weights_quantization(c->weights, path, &m);
  if (weight && m.bits) {
    good = convert_packed(c, path, &m);
  } else if (ends_with(name, ".scales") || ends_with(name, ".biases")) {
    good = true; /* they went with their weight */
  } else {
    c->parameters += mx_size(a);
    a = cast_float(c, a);
    bool fits = weight && mx_ndim(a) == 2 && mx_dim(a, 1) % c->args->group_size == 0;
    good = c->args->quantize && fits ? pack(c, path, a) : put(c, name, "", a);
  }
  free(path);
  return good;
}

/* ---- Writing ---- */

static bool save_json(json_t *root, const char *folder, const char *name) {
  mx_str path = {0};
  mx_str_printf(&path, "%s/%s", folder, name);
  char *text = json_dumps(root, JSON_INDENT(4) | JSON_SORT_KEYS);
  bool good = text && mx_file_save(path.data, text, strlen(text));
  free(text);
  mx_str_free(&path);
  return good;
}

typedef MX_VEC(mx_array_map *) shard_list;

static void cut_shards(const conversion *c, shard_list *shards) {
  size_t bytes = 0;
  for (size_t i = 0; i < mx_array_map_size(c->out); i++) {
    mx a = mx_array_map_at(c->out, i);
    if (!shards->size || bytes + mx_nbytes(a) > SHARD_BYTES) {
      mx_vec_push(shards, mx_array_map_new());
      bytes = 0;
    }
    mx_array_map_put(mx_vec_last(shards), mx_array_map_name(c->out, i), a);
    bytes += mx_nbytes(a);
  }
}

static void report(const conversion *c, int done, int total) {
  if (c->args->progress) c->args->progress(c->args->progress_context, done, total);
}

static bool compute(const conversion *c, const mx_array_map *shard, int *done, int total) {
  for (size_t k = 0; k < mx_array_map_size(shard); k++) {
    if (mx_eval(mx_array_map_at(shard, k))) return false;
    report(c, ++*done, total);
  }
  return true;
}

/* Each shard is dropped once written, so that only one is in memory. */
static bool write_shards(conversion *c, const char *folder, shard_list *shards, json_t *places) {
  mx_string_map *metadata = mx_string_map_new();
  mx_string_map_put(metadata, "format", "mlx");
  bool good = true;
  int done = 0, total = (int)mx_array_map_size(c->out);
  mx_array_map_free(c->out);
  c->out = NULL;
  report(c, 0, total);
  for (size_t i = 0; i < shards->size && good; i++) {
    if (!(good = compute(c, shards->data[i], &done, total))) break;
    char name[64] = "model.safetensors";
    if (shards->size > 1)
      snprintf(name, sizeof name, "model-%05zu-of-%05zu.safetensors", i + 1, shards->size);
    mx_str path = {0};
    mx_str_printf(&path, "%s/%s", folder, name);
    good = mx_save_safetensors(path.data, shards->data[i], metadata) == 0;
    mx_str_free(&path);
    for (size_t k = 0; k < mx_array_map_size(shards->data[i]); k++)
      json_object_set_new(places, mx_array_map_name(shards->data[i], k), json_string(name));
    mx_array_map_free(shards->data[i]);
    shards->data[i] = NULL;
  }
  report(c, total, total);
  for (size_t i = 0; i < shards->size; i++) mx_array_map_free(shards->data[i]);
  mx_string_map_free(metadata);
  return good;
}

static bool write_weights(conversion *c, const char *folder) {
  shard_list shards = {0};
  json_t *places = json_object();
  cut_shards(c, &shards);
  bool good = write_shards(c, folder, &shards, places);
  json_t *index = json_pack("{s:{s:I, s:I}, s:o}", "metadata", "total_size", (json_int_t)c->bytes,
                            "total_parameters", (json_int_t)c->parameters, "weight_map", places);
  good = good && save_json(index, folder, "model.safetensors.index.json");
  json_decref(index);
  mx_vec_free(&shards);
  return good;
}

static bool write_config(conversion *c, const char *folder) {
  json_t *root = json_deep_copy(c->config->root);
  json_object_del(root, "_name_or_path");
  json_object_del(root, "vision_config");
  json_object_del(root, "quantization");
  json_object_del(root, "quantization_config");
  if (c->quantization) {
    json_object_set(root, "quantization", c->quantization);
    json_object_set(root, "quantization_config", c->quantization);
  }
  if (c->cast && json_object_get(root, "torch_dtype"))
    json_object_set_new(root, "torch_dtype", json_string(mx_dtype_name(c->dtype)));
  bool good = save_json(root, folder, "config.json");
  json_decref(root);
  return good;
}

/* Everything beside weights and config that a checkpoint's folder holds for its tokenizer. */
static bool is_companion(const char *name) {
  static const char *const names[] = {
      "tokenizer",      "special_tokens_map.json", "added_tokens.json",
      "chat_template.", "generation_config.json",  "vocab.",
      "merges.txt"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    if (!strncmp(name, names[i], strlen(names[i]))) return true;
  return ends_with(name, ".py") || ends_with(name, ".tiktoken") || ends_with(name, ".jinja");
}

static bool copy_companions(const char *from, const char *to) {
  DIR *folder = opendir(from);
  bool good = folder != NULL;
  mx_str bytes = {0}, a = {0}, b = {0};
  for (struct dirent *entry; good && (entry = readdir(folder));) {
    struct stat about;
    if (!is_companion(entry->d_name)) continue;
    mx_str_clear(&a);
    mx_str_clear(&b);
    mx_str_printf(&a, "%s/%s", from, entry->d_name);
    mx_str_printf(&b, "%s/%s", to, entry->d_name);
    if (stat(a.data, &about) || !S_ISREG(about.st_mode)) continue;
    good = mx_file_read(a.data, &bytes) && mx_file_save(b.data, mx_str_c(&bytes), bytes.size);
  }
  if (folder) closedir(folder);
  mx_str_free(&bytes);
  mx_str_free(&a);
  mx_str_free(&b);
  return good;
}

static void remove_folder(const char *path) {
  DIR *folder = opendir(path);
  for (struct dirent *entry; folder && (entry = readdir(folder));) {
    mx_str name = {0};
    mx_str_printf(&name, "%s/%s", path, entry->d_name);
    unlink(name.data);
    mx_str_free(&name);
  }
  if (folder) closedir(folder);
  rmdir(path);
}

/* ---- The whole ---- */

static bool check(const char *target, mlx_lm_convert_args *args) {
  args->group_size = args->group_size ? args->group_size : 64;
  args->bits = args->bits ? args->bits : 4;
  if (args->quantize && args->dequantize)
    mx_fail("Choose either quantize or dequantize, not both.");
  else if (access(target, F_OK) == 0)
    mx_fail("Cannot save to the path %s as it already exists. Please delete the file/directory or "
            "specify a new path to save to.",
            target);
  else if (args->recipe && find_recipe(args->recipe) < 0)
    return false;
  else if (args->group_size != 32 && args->group_size != 64 && args->group_size != 128)
    mx_fail(
        "The requested group size %d is not supported. The supported group sizes are 32, 64, and "
        "128.",
        args->group_size);
  else if (args->bits < 2 || args->bits > 8 || args->bits == 7)
    mx_fail(
        "The requested number of bits %d is not supported. The supported bits are 2, 3, 4, 5, 6 "
        "and 8.",
        args->bits);
  else
    return true;
  return false;
}

static void choose_dtype(conversion *c) {
  static const mx_dtype dtypes[] = {MX_FLOAT16, MX_BFLOAT16, MX_FLOAT32};
  const char *name = c->args->dtype;
  if (!name) name = json_string_value(json_object_get(c->config->root, "torch_dtype"));
  for (int i = 0; name && i < 3; i++)
    if (!strcmp(name, mx_dtype_name(dtypes[i]))) {
      c->cast = true;
      c->dtype = dtypes[i];
    }
}

static void choose_quantization(conversion *c) {
  json_t *old = json_object_get(c->config->root, "quantization");
  c->was_quantised = json_is_object(old);
  if (c->args->dequantize) return;
  if (c->was_quantised)
    c->quantization = json_deep_copy(old);
  else if (c->args->quantize)
    c->quantization = quantization_entry(c->args->group_size, c->args->bits, true);
}

/* The family's loader says which weights the model has, and checks their shapes. */
static bool check_weights(conversion *c) {
  const lm_family *family = lm_family_of(c->config);
  if (!family) return false;
  void *state = mx_xcalloc(1, family->size);
  bool good = family->load(state, c->config, c->weights) && lm_weights_check_all_used(c->weights);
  family->release(state);
  free(state);
  return good;
}

static bool convert_into(conversion *c, const char *source_folder, const char *folder) {
  choose_dtype(c);
  choose_quantization(c);
  c->out = mx_array_map_new();
  for (size_t i = 0; i < mx_array_map_size(c->weights->arrays); i++)
    if (c->weights->uses[i] == LM_USED &&
        !convert_weight(c, mx_array_map_name(c->weights->arrays, i),
                        mx_array_map_at(c->weights->arrays, i)))
      return false;
  c->args->bits_per_weight = (double)c->bytes * 8 / (double)c->parameters;
  return write_weights(c, folder) && write_config(c, folder) &&
         copy_companions(source_folder, folder);
}

int mlx_lm_convert(const char *source_folder, const char *target, mlx_lm_convert_args *args) {
  if (!check(target, args)) return -1;
  conversion c = {.args = args, .config = lm_config_load(source_folder)};
  if (c.config) c.weights = lm_weights_load(source_folder, c.config);
  mx_str folder = {0};
  mx_str_printf(&folder, "%s.XXXXXX", target);
  bool good = c.weights && check_weights(&c);
  if (good && !mkdtemp(folder.data)) {
    mx_fail("%s: %s", target, strerror(errno));
    good = false;
  } else if (good) {
    mx_scope scope = mx_scope_begin();
    good = convert_into(&c, source_folder, folder.data);
    mx_scope_end(scope, NULL);
    if (good && (chmod(folder.data, 0755) || rename(folder.data, target))) {
      mx_fail("%s: %s", target, strerror(errno));
      good = false;
    }
    if (!good) remove_folder(folder.data);
  }
  mx_str_free(&folder);
  mx_array_map_free(c.out);
  json_decref(c.quantization);
  lm_weights_free(c.weights);
  lm_config_free(c.config);
  return good ? 0 : -1;
}
