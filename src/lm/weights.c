/* Loading checkpoints, and binding their weights to fields. */
#include "lm/weights.h"
#include "base/alloc.h"
#include "base/str.h"
#include "base/vec.h"

#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- Files ---- */

typedef MX_VEC(char *) name_list;

static void add_once(name_list *names, const char *name) {
  for (size_t i = 0; i < names->size; i++)
    if (!strcmp(names->data[i], name)) return;
  mx_vec_push(names, mx_xstrdup(name));
}

static bool files_of_index(const char *directory, const char *path, name_list *files) {
  json_error_t error;
  json_t *root = json_load_file(path, 0, &error), *map = json_object_get(root, "weight_map"), *file;
  const char *weight;
  bool good = json_is_object(map);
  if (!good) mx_fail("%s: %s", path, root ? "\"weight_map\" is not an object" : error.text);
  if (good) json_object_foreach(map, weight, file) {
      const char *name = json_string_value(file);
      if (!name || strchr(name, '/')) {
        mx_fail("%s: \"weight_map.%s\" is not a file name", path, weight);
        good = false;
        break;
      }
      mx_str full = {0};
      mx_str_printf(&full, "%s/%s", directory, name);
      add_once(files, full.data);
      mx_str_free(&full);
    }
  json_decref(root);
  return good;
}

static void files_of_folder(const char *directory, name_list *files) {
  mx_str pattern = {0};
  glob_t found = {0};
  for (const char *c = directory; *c; c++) { /* the folder's name is no pattern */
    if (strchr("*?[\\", *c)) mx_str_putc(&pattern, '\\');
    mx_str_putc(&pattern, *c);
  }
  mx_str_puts(&pattern, "/model*.safetensors");
  if (glob(pattern.data, 0, NULL, &found) == 0)
    for (size_t i = 0; i < found.gl_pathc; i++) add_once(files, found.gl_pathv[i]);
  globfree(&found);
  mx_str_free(&pattern);
}

static bool list_files(const char *directory, name_list *files) {
  mx_str index = {0};
  mx_str_printf(&index, "%s/model.safetensors.index.json", directory);
  bool good = true;
  if (access(index.data, F_OK) == 0)
    good = files_of_index(directory, index.data, files);
  else
    files_of_folder(directory, files);
  mx_str_free(&index);
  if (good && !files->size) {
    mx_fail("%s: no model*.safetensors found", directory);
    good = false;
  }
  return good;
}

static json_t *quantization_of(const lm_config *c) {
  json_t *q = json_object_get(c->root, "quantization");
  return json_is_object(q) ? q : NULL;
}

/* Where only the older "quantization_config" stands, its method says what the weights are; writes
 * the "quantization" that it amounts to. */
static bool settle_quantization(lm_config *c) {
  const json_t *old = json_object_get(c->root, "quantization_config");
  const char *method = json_string_value(json_object_get(old, "quant_method"));
  if (quantization_of(c) || !json_is_object(old)) return true;
  if (method && !strcmp(method, "compressed-tensors")) {
    json_object_set_new(
        c->root, "quantization",
        json_pack("{s:i, s:i, s:s}", "group_size", 32, "bits", 4, "mode", "affine"));
    return true;
  }
  if (!method && json_object_get(old, "group_size")) {
    json_object_set(c->root, "quantization", json_object_get(c->root, "quantization_config"));
    return true;
  }
  mx_fail(
      "%s: \"quantization_config.quant_method\" %s is not supported; mlx_lm's own \"quantization\" "
      "is, and compressed-tensors",
      c->path, method ? method : "(none)");
  return false;
}

lm_weights *lm_weights_load(const char *directory, lm_config *config) {
  name_list files = {0};
  lm_weights *w = mx_xcalloc(1, sizeof *w);
  *w = (lm_weights){.config = config, .source = directory, .arrays = mx_array_map_new()};
  bool good = settle_quantization(config) && list_files(directory, &files);
  for (size_t i = 0; i < files.size && good; i++)
    good = mx_load_safetensors(files.data[i], w->arrays, NULL) == 0;
  for (size_t i = 0; i < files.size; i++) free(files.data[i]);
  mx_vec_free(&files);
  w->uses = mx_xcalloc(mx_array_map_size(w->arrays), sizeof *w->uses);
  if (good) return w;
  lm_weights_free(w);
  return NULL;
}

void lm_bindings_free(lm_bindings *bindings) {
  for (size_t i = 0; i < bindings->size; i++) free(bindings->data[i].path);
  mx_vec_free(bindings);
}

void lm_weights_free(lm_weights *w) {
  if (!w) return;
  lm_bindings_free(&w->bindings);
  mx_array_map_free(w->arrays);
  free(w->uses);
  free(w);
}

/* ---- Taking weights ---- */

bool lm_weights_has(const lm_weights *w, const char *name) {
  return mx_array_map_get(w->arrays, name) != NULL;
}

void lm_weights_ignore(lm_weights *w, const char *part) {
  for (size_t i = 0; i < mx_array_map_size(w->arrays); i++)
    if (strstr(mx_array_map_name(w->arrays, i), part)) w->uses[i] = LM_IGNORED;
}

bool lm_weights_check_layers(lm_weights *w, int layers) {
  size_t count = mx_array_map_size(w->arrays);
  if ((size_t)layers <= count) return true;
  mx_fail("%s: \"num_hidden_layers\" is %d, but there are only %zu weights", w->config->path,
          layers, count);
  w->failed = true;
  return false;
}

bool lm_weights_check_all_used(lm_weights *w) {
  size_t extra = 0, first = 0;
  for (size_t i = mx_array_map_size(w->arrays); i-- > 0;)
    if (w->uses[i] == LM_UNUSED) {
      extra++;
      first = i;
    }
  if (!extra) return true;
  mx_fail("%s: %zu weights that the model does not have, first \"%s\"", w->source, extra,
          mx_array_map_name(w->arrays, first));
  w->failed = true;
  return false;
}

static void join(mx_str *name, const char *prefix, const char *middle, const char *last) {
  mx_str_clear(name);
  mx_str_puts(name, prefix);
  if (*prefix && *middle) mx_str_putc(name, '.');
  mx_str_puts(name, middle);
  if (*last) mx_str_printf(name, ".%s", last);
}

static void list_shape(mx_str *s, const int *shape, int ndim) {
  mx_str_putc(s, '[');
  for (int i = 0; i < ndim; i++) mx_str_printf(s, i ? ", %d" : "%d", shape[i]);
  mx_str_putc(s, ']');
}

static void wrong_shape(lm_weights *w, const char *name, mx a, const int *shape, int ndim) {
  mx_str has = {0}, wanted = {0};
  list_shape(&has, mx_shape(a), mx_ndim(a));
  list_shape(&wanted, shape, ndim);
  mx_fail("%s: weight \"%s\" has shape %s, expected %s", w->source, name, has.data, wanted.data);
  mx_str_free(&has);
  mx_str_free(&wanted);
  w->failed = true;
}

/* Whether it has the dtype that it needs: floats, or where packed uint32. */
static bool check_dtype(lm_weights *w, const char *name, mx a, bool packed) {
  mx_dtype dtype = mx_dtype_of(a);
  if (packed ? dtype == MX_UINT32 : mx_is_subdtype(dtype, MX_KIND_FLOATING)) return true;
  mx_fail("%s: weight \"%s\" is of dtype %s, expected %s", w->source, name, mx_dtype_name(dtype),
          packed ? "uint32 (packed)" : "floats");
  w->failed = true;
  return false;
}

/* A reference of the caller's own; NULL (and w->failed) where it is missing or has another shape or
 * dtype. */
static mx take(lm_weights *w, const char *name, const int *shape, int ndim, bool packed) {
  size_t i = mx_array_map_index(w->arrays, name);
  mx a = mx_array_map_at(w->arrays, i);
  if (!a) {
    mx_fail("%s: weight \"%s\" is missing", w->source, name);
    w->failed = true;
    return NULL;
  }
  w->uses[i] = LM_USED;
  if (mx_ndim(a) == ndim && !memcmp(mx_shape(a), shape, (size_t)ndim * sizeof *shape))
    return check_dtype(w, name, a, packed) ? mx_retain(a) : NULL;
  wrong_shape(w, name, a, shape, ndim);
  return NULL;
}

/* ---- Quantisation: the config's default, overridden by the layer's path ---- */

static int quantization_number(lm_weights *w, const json_t *q, const char *key, int otherwise) {
  const json_t *value = json_object_get(q, key);
  if (!value) return otherwise;
  int number = (int)json_integer_value(value);
  if (json_is_integer(value) && number > 0) return number;
  mx_fail("%s: \"quantization.%s\" is not a positive integer", w->config->path, key);
  w->failed = true;
  return otherwise;
}

void lm_weights_quantization(lm_weights *w, const char *path, lm_matrix *m) {
  const json_t *all = quantization_of(w->config), *own = json_object_get(all, path);
  if (!all || json_is_false(own)) return;
  mx_str scales = {0};
  mx_str_printf(&scales, "%s.scales", path);
  bool quantised = own || lm_weights_has(w, scales.data);
  mx_str_free(&scales);
  if (!quantised) return;
  m->group_size = quantization_number(w, all, "group_size", 64);
  m->bits = quantization_number(w, all, "bits", 4);
  const json_t *mode = json_object_get(all, "mode");
  if (json_is_object(own)) {
    m->group_size = quantization_number(w, own, "group_size", m->group_size);
    m->bits = quantization_number(w, own, "bits", m->bits);
    mode = json_object_get(own, "mode");
  }
  m->mode = json_is_string(mode) ? json_string_value(mode) : "affine";
}

/* What quantized_matmul can compute. */
static bool check_quantization(lm_weights *w, const char *path, const lm_matrix *m, int in) {
  int bits = m->bits, group = m->group_size;
  if (strcmp(m->mode, "affine"))
    mx_fail("%s: \"quantization.mode\" of \"%s\" is %s; only affine is supported", w->config->path,
            path, m->mode);
  else if (bits < 2 || bits > 8 || bits == 7)
    mx_fail("%s: \"quantization.bits\" of \"%s\" is %d; 2, 3, 4, 5, 6 and 8 are supported",
            w->config->path, path, bits);
  else if (group != 32 && group != 64 && group != 128)
    mx_fail("%s: \"quantization.group_size\" of \"%s\" is %d; 32, 64 and 128 are supported",
            w->config->path, path, group);
  else if (in % group)
    mx_fail("%s: \"%s\" has %d inputs, which groups of %d cannot divide", w->config->path, path, in,
            group);
  else
    return true;
  w->failed = true;
  return false;
}

static bool take_matrix(lm_weights *w, const char *prefix, const lm_field *f, int out, int in,
                        lm_matrix *m) {
  mx_str name = {0};
  join(&name, prefix, f->name, "");
  lm_weights_quantization(w, name.data, m);
  if (!m->bits) {
    join(&name, prefix, f->name, "weight");
    m->weight = take(w, name.data, (int[]){out, in}, 2, false);
  } else if (check_quantization(w, name.data, m, in)) {
    int packed = (int)((int64_t)in * m->bits / 32), groups = in / m->group_size;
    join(&name, prefix, f->name, "weight");
    m->weight = take(w, name.data, (int[]){out, packed}, 2, true);
    join(&name, prefix, f->name, "scales");
    m->scales = take(w, name.data, (int[]){out, groups}, 2, false);
    join(&name, prefix, f->name, "biases");
    m->biases = take(w, name.data, (int[]){out, groups}, 2, false);
  }
  mx_str_free(&name);
  return !w->failed;
}

static mx take_vector(lm_weights *w, const char *prefix, const lm_field *f, const char *last,
                      int n) {
  mx_str name = {0};
  join(&name, prefix, f->name, last);
  mx a = take(w, name.data, &n, 1, false);
  mx_str_free(&name);
  return a;
}

static void note_binding(lm_weights *w, const char *prefix, const lm_field *f, const int *sizes,
                         void *place) {
  mx_str path = {0};
  join(&path, prefix, f->name, "");
  mx_vec_push(&w->bindings,
              (lm_binding){f->kind, mx_str_take(&path), place, sizes[f->out], sizes[f->in]});
}

bool lm_bind(lm_weights *w, const char *prefix, const lm_field *fields, int count, const int *sizes,
             void *object) {
  for (int i = 0; i < count && !w->failed; i++) {
    const lm_field *f = &fields[i];
    void *place = (char *)object + f->offset;
    note_binding(w, prefix, f, sizes, place);
    switch (f->kind) {
    case LM_LINEAR:
      take_matrix(w, prefix, f, sizes[f->out], sizes[f->in], &((lm_linear *)place)->matrix);
      if (f->bias >= 0 && sizes[f->bias])
        ((lm_linear *)place)->bias = take_vector(w, prefix, f, "bias", sizes[f->out]);
      break;
    case LM_EMBEDDING:
      take_matrix(w, prefix, f, sizes[f->out], sizes[f->in], &((lm_embedding *)place)->matrix);
      break;
    case LM_VECTOR: *(mx *)place = take_vector(w, prefix, f, "weight", sizes[f->out]); break;
    }
  }
  return !w->failed;
}

void lm_unbind(const lm_field *fields, int count, void *object) {
  for (int i = 0; i < count; i++) {
    void *place = (char *)object + fields[i].offset;
    switch (fields[i].kind) {
    case LM_LINEAR:
      lm_matrix_release(&((lm_linear *)place)->matrix);
      mx_release(((lm_linear *)place)->bias);
      break;
    case LM_EMBEDDING: lm_matrix_release(&((lm_embedding *)place)->matrix); break;
    case LM_VECTOR: mx_release(*(mx *)place); break;
    }
  }
}
