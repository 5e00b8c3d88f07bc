/* Signatures and arguments of functions in files. */
#include "transforms/mlxfn.h"

#include <stdlib.h>
#include <string.h>

void tr_signature_free(tr_signature *s) {
  for (size_t i = 0; i < s->keywords.size; i++) free(s->keywords.data[i]);
  mx_vec_free(&s->keywords);
  mx_vec_free(&s->inputs);
}

static bool same_kind(mx a, mx b, bool shapeless) {
  return a->dtype == b->dtype && a->ndim == b->ndim &&
         (shapeless || mx_same_shape(mx_shape_of(a), mx_shape_of(b), a->ndim));
}

static bool is_among(const char *name, const char *const *names, int count) {
  for (int i = 0; i < count; i++)
    if (!strcmp(name, names[i])) return true;
  return false;
}

bool tr_signature_fits(const tr_signature *s, const mx *inputs, int count,
                       const char *const *keywords, int keyword_count, bool shapeless) {
  if ((int)s->inputs.size != count) return false;
  for (size_t i = 0; i < s->keywords.size; i++)
    if (!is_among(s->keywords.data[i], keywords, keyword_count)) return false;
  for (int i = 0; i < count; i++)
    if (!same_kind(s->inputs.data[i], inputs[i], shapeless)) return false;
  return true;
}

/* ---- Arguments ---- */

static int by_name(const void *a, const void *b) {
  return strcmp(*(const char *const *)a, *(const char *const *)b);
}

bool tr_arguments_make(tr_arguments *a, const mx *args, int count, const mx_array_map *keywords) {
  size_t named = keywords ? mx_array_map_size(keywords) : 0, all = (size_t)count + named;
  *a = (tr_arguments){mx_xmalloc((all + 1) * sizeof(mx)), (int)all,
                      mx_xmalloc((named + 1) * sizeof(char *)), (int)named};
  for (size_t i = 0; i < named; i++) a->keywords[i] = mx_array_map_name(keywords, i);
  qsort(a->keywords, named, sizeof *a->keywords, by_name);
  for (int i = 0; i < count; i++) a->inputs[i] = args[i];
  for (size_t i = 0; i < named; i++)
    a->inputs[(size_t)count + i] = mx_array_map_get(keywords, a->keywords[i]);
  if (tr_all_given("function", "Input", a->inputs, a->count)) return true;
  tr_arguments_free(a);
  return false;
}

void tr_arguments_free(tr_arguments *a) {
  free(a->inputs);
  free(a->keywords);
  *a = (tr_arguments){0};
}

void tr_arguments_print(mx_str *out, const mx *inputs, int count, const char *const *keywords,
                        int keyword_count) {
  int positional = count - keyword_count;
  mx_str_printf(out, "%d positional input%s", positional, positional == 1 ? "" : "s");
  for (int i = 0; i < count; i++) {
    mx_str_puts(out, i == 0 ? " " : i == positional ? " and " : ", ");
    if (i >= positional) mx_str_printf(out, "\"%s\" ", keywords[i - positional]);
    mx_str_printf(out, "%s %s", mx_shape_text_of(inputs[i]), mx_dtype_name(inputs[i]->dtype));
  }
}

void tr_state_spec(mx_state *s, mx_spec *spec, int shape[MX_MAX_NDIM]) {
  if (s->mode == MX_STATE_WRITE && spec->ndim)
    memcpy(shape, spec->shape, (size_t)spec->ndim * sizeof *shape);
  mx_state_ints(s, shape, &spec->ndim, MX_MAX_NDIM);
  mx_state_dtype(s, &spec->dtype);
  spec->shape = shape;
}
