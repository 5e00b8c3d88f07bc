/* JSON fields with checks. */
#include "lm/tokenizer/config.h"
#include "lm/tokenizer/regex.h"
#include "lm/tokenizer/utf8.h"

#include <stdarg.h>

int tok_fail(const tok_place *at, const char *format, ...) {
  mx_str text = {0};
  char message[512];
  va_list args;
  va_start(args, format);
  vsnprintf(message, sizeof message, format, args);
  va_end(args);
  mx_str_printf(&text, "[tokenizer] %s: ", at->file);
  if (at->section) mx_str_printf(&text, "%s: ", at->section);
  mx_fail("%s%s", mx_str_c(&text), message);
  mx_str_free(&text);
  return -1;
}

static const json_t *get(const json_t *object, const char *field) {
  const json_t *value = json_object_get(object, field);
  return json_is_null(value) ? NULL : value;
}

static int wrong(const tok_place *at, const char *field, const char *what) {
  return tok_fail(at, "\"%s\" should be %s", field, what);
}

int tok_get_bool(const tok_place *at, const json_t *object, const char *field, bool *value) {
  const json_t *found = get(object, field);
  if (!found) return 0;
  if (!json_is_boolean(found)) return wrong(at, field, "true or false");
  *value = json_is_true(found);
  return 0;
}

int tok_get_size(const tok_place *at, const json_t *object, const char *field, size_t *value) {
  const json_t *found = get(object, field);
  if (!found) return 0;
  if (!json_is_integer(found) || json_integer_value(found) < 0)
    return wrong(at, field, "an integer from 0 on");
  *value = (size_t)json_integer_value(found);
  return 0;
}

int tok_get_text(const tok_place *at, const json_t *object, const char *field, tok_need need,
                 const char **text, size_t *size) {
  const json_t *found = get(object, field);
  if (!found && need == TOK_OPTIONAL) return 0;
  if (!json_is_string(found)) return wrong(at, field, "a string");
  *text = json_string_value(found);
  *size = json_string_length(found);
  return 0;
}

int tok_get_char(const tok_place *at, const json_t *object, const char *field, uint32_t *value) {
  const char *text = NULL;
  size_t size = 0, step = 0;
  if (tok_get_text(at, object, field, TOK_REQUIRED, &text, &size)) return -1;
  if (size) *value = tok_utf8_at(text, &step);
  return size && step == size ? 0 : wrong(at, field, "one character");
}

int tok_get_array(const tok_place *at, const json_t *object, const char *field, tok_need need,
                  json_t **value) {
  const json_t *found = get(object, field);
  if (!found && need == TOK_OPTIONAL) return 0;
  if (!json_is_array(found)) return wrong(at, field, "an array");
  *value = (json_t *)found;
  return 0;
}

int tok_get_id(const tok_place *at, const json_t *value, const char *field, int32_t *id) {
  json_int_t number = json_integer_value(value);
  if (!json_is_integer(value) || number < 0 || number > INT32_MAX)
    return wrong(at, field, "a token id, 0 to 2147483647");
  *id = (int32_t)number;
  return 0;
}

int tok_get_pattern(const tok_place *at, const json_t *object, tok_regex **regex) {
  const json_t *pattern = json_object_get(object, "pattern");
  const json_t *text = json_object_get(pattern, "String");
  const json_t *expression = json_object_get(pattern, "Regex");
  if (json_is_string(text)) {
    *regex = tok_regex_literal(json_string_value(text), json_string_length(text));
    return *regex ? 0 : -1;
  }
  if (!json_is_string(expression))
    return wrong(at, "pattern", "{\"String\": ...} or {\"Regex\": ...}");
  mx_str where = {0};
  mx_str_printf(&where, "[tokenizer] %s: %s", at->file, at->section);
  *regex = tok_regex_new(json_string_value(expression), json_string_length(expression),
                         mx_str_c(&where));
  mx_str_free(&where);
  return *regex ? 0 : -1;
}
