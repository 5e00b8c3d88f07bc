/* The public face of the template engine: parsing, rendering over JSON, and errors. */
#include "mlx_lm/chat_template.h"

#include "lm/jinja/ast.h"
#include "lm/jinja/context.h"
#include "lm/jinja/interp.h"
#include "lm/jinja/unicode.h"

#include <jansson.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Numbers and dates are formatted alike whatever the program's locale is. */
static locale_t plain_locale(void) {
  static locale_t locale; /* two threads may both make one; both are the same */
  locale_t made = __atomic_load_n(&locale, __ATOMIC_ACQUIRE);
  if (made) return made;
  made = newlocale(LC_ALL_MASK, "C", (locale_t)0);
  __atomic_store_n(&locale, made, __ATOMIC_RELEASE);
  return made;
}

/* An error is one line, however a template or its input words it. */
static void *fail_in_one_line(mx_str *message) {
  for (size_t i = 0; i < message->size; i++)
    if (message->data[i] == '\n' || message->data[i] == '\r') message->data[i] = ' ';
  mx_fail("%s", mx_str_c(message));
  mx_str_free(message);
  return NULL;
}

static void *fail_syntax(const jj_syntax_error *error) {
  mx_str message = {0};
  mx_str_printf(&message, "template line %d: %s", error->line, error->text);
  return fail_in_one_line(&message);
}

static void *fail_json(const json_error_t *error) {
  mx_str message = {0};
  mx_str_printf(&message, "the template's variables are not JSON: line %d column %d: %s",
                error->line, error->column, error->text);
  return fail_in_one_line(&message);
}

mlx_lm_template *mlx_lm_template_parse(const char *source, size_t length) {
  size_t where = 0;
  if (!jj_utf8_valid(source, length, &where))
    return mx_fail("the template is not UTF-8: byte %zu", where);
  locale_t before = uselocale(plain_locale());
  jj_template *t = mx_xcalloc(1, sizeof *t);
  jj_syntax_error error;
  bool good = jj_parse(t, source, length, &error) && jj_resolve(t, &error);
  uselocale(before);
  if (good) return t;
  mlx_lm_template_free(t);
  return fail_syntax(&error);
}

void mlx_lm_template_free(mlx_lm_template *t) {
  if (t) jj_arena_free(&t->arena);
  free(t);
}

/* -- Variables -- */

static jj_value from_json(jj_ctx *ctx, const json_t *json);

static jj_value list_from_json(jj_ctx *ctx, const json_t *json) {
  jj_list *list = jj_list_new(ctx, JJ_LIST, json_array_size(json));
  size_t mark = jj_mark(ctx);
  for (size_t i = 0; i < json_array_size(json); i++) {
    jj_list_push(ctx, list, from_json(ctx, json_array_get(json, i)));
    jj_drain(ctx, mark);
  }
  return jj_object_value(list);
}

static jj_dict *dict_from_json(jj_ctx *ctx, const json_t *json) {
  jj_dict *dict = jj_dict_new(ctx);
  size_t mark = jj_mark(ctx), size;
  const char *key;
  json_t *value;
  json_object_keylen_foreach((json_t *)(uintptr_t)json, key, size, value) {
    jj_dict_set(ctx, dict, jj_str(ctx, key, size), from_json(ctx, value));
    jj_drain(ctx, mark);
  }
  return dict;
}

static jj_value from_json(jj_ctx *ctx, const json_t *json) {
  switch (json_typeof(json)) {
  case JSON_OBJECT: return jj_object_value(dict_from_json(ctx, json));
  case JSON_ARRAY: return list_from_json(ctx, json);
  case JSON_STRING: return jj_str(ctx, json_string_value(json), json_string_length(json));
  case JSON_INTEGER: return jj_int(json_integer_value(json));
  case JSON_REAL: return jj_float(json_real_value(json));
  case JSON_NULL: return jj_none();
  default: return jj_bool(json_is_true(json));
  }
}

/* -- Rendering -- */

static char *render(const jj_template *t, const json_t *json) {
  jj_ctx ctx;
  jj_ctx_init(&ctx);
  jj_buf out = {.ctx = &ctx};
  ctx.source = t;
  ctx.out = &out;
  ctx.random = (uint64_t)time(NULL) ^ (uint64_t)(uintptr_t)&ctx;
  ctx.variables = dict_from_json(&ctx, json);
  ctx.exports = t->has_blocks ? jj_dict_new(&ctx) : NULL;
  jj_frame *frame = jj_frame_new(&ctx, t->scope, NULL);
  jj_frame_enter(&ctx, frame);
  bool good = jj_exec(&ctx, frame, &t->body) == JJ_NEXT && !ctx.failed;
  char *text = good ? mx_str_take(&out.text) : NULL;
  if (!good) fail_in_one_line(&ctx.message);
  jj_buf_free(&out);
  jj_ctx_free(&ctx);
  return text;
}

char *mlx_lm_template_render(const mlx_lm_template *t, const char *variables_json, size_t length) {
  json_error_t error;
  json_t *json = json_loadb(variables_json, length, JSON_ALLOW_NUL, &error);
  if (!json) return fail_json(&error);
  char *text = NULL;
  locale_t before = uselocale(plain_locale());
  if (json_is_object(json))
    text = render(t, json);
  else
    mx_fail("the template's variables must be a JSON object, not another kind of value");
  uselocale(before);
  json_decref(json);
  return text;
}
