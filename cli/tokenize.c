/* `mlx_lm tokenize`: JSON lines in, one JSON line out for each: text to ids, ids to text, messages
 * to the rendered chat template. Needs the tokenizer's files only. */
#include "commands.h"
#include "mlx_lm/chat.h"
#include "options.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
  const char *model;
} values;

static const cli_option options[] = {
    {"model", 0, CLI_TEXT, offsetof(values, model), "DIR", "folder with the tokenizer's files",
     NULL},
};

static const cli_command command = {
    "tokenize",
    "Reads JSON lines from standard input and answers each with one: a string with its ids, a list "
    "of\n"
    "ids with its text, an object with \"messages\" with the rendered chat template.",
    options, sizeof options / sizeof *options};

static json_t *ids_of(const mlx_lm_tokenizer *t, const json_t *text) {
  size_t count;
  int32_t *ids =
      mlx_lm_tokenizer_encode(t, json_string_value(text), json_string_length(text), true, &count);
  if (!ids) return NULL;
  json_t *list = json_array();
  for (size_t i = 0; i < count; i++) json_array_append_new(list, json_integer(ids[i]));
  free(ids);
  return list;
}

static json_t *text_of(const mlx_lm_tokenizer *t, const json_t *list) {
  size_t count = json_array_size(list), length;
  int32_t *ids = malloc((count + 1) * sizeof *ids);
  for (size_t i = 0; i < count; i++) {
    const json_t *id = json_array_get(list, i);
    json_int_t n = json_integer_value(id);
    if (!json_is_integer(id) || n < 0 || n > INT32_MAX) {
      free(ids);
      return mx_fail("element %zu of the list is not a token id", i);
    }
    ids[i] = (int32_t)n;
  }
  char *text = mlx_lm_tokenizer_decode(t, ids, count, false, &length);
  free(ids);
  json_t *value = text ? json_stringn(text, length) : NULL;
  free(text);
  return value;
}

static json_t *rendered(const mlx_lm_tokenizer *t, const char *line, size_t length) {
  char *text = mlx_lm_apply_chat_template(t, line, length);
  json_t *value = text ? json_string(text) : NULL;
  free(text);
  return value;
}

static bool answer(const mlx_lm_tokenizer *t, const char *line, size_t length) {
  json_error_t error;
  json_t *question = json_loadb(line, length, JSON_DECODE_ANY | JSON_ALLOW_NUL, &error),
         *reply = NULL;
  if (!question)
    mx_fail("not valid JSON: %s", error.text);
  else if (json_is_string(question))
    reply = ids_of(t, question);
  else if (json_is_array(question))
    reply = text_of(t, question);
  else if (json_is_object(question))
    reply = rendered(t, line, length);
  else
    mx_fail("a line must be a string, a list of ids, or an object with \"messages\"");
  char *text = reply ? json_dumps(reply, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
  if (text) puts(text);
  free(text);
  json_decref(question);
  json_decref(reply);
  return text != NULL;
}

int mlx_lm_cmd_tokenize(int argc, char **argv) {
  values v = {0};
  int status = cli_parse(&command, argc, argv, &v);
  if (status != CLI_GO) return status;
  if (!v.model) {
    fprintf(stderr, "mlx_lm tokenize: --model DIR is needed, a folder with tokenizer.json\n");
    return 2;
  }
  mlx_lm_tokenizer *t = mlx_lm_tokenizer_load(v.model);
  if (!t) return cli_fail(command.name);
  char *line = NULL;
  size_t room = 0;
  ssize_t length;
  bool good = true;
  while (good && (length = getline(&line, &room, stdin)) >= 0) {
    while (length && (line[length - 1] == '\n' || line[length - 1] == '\r')) length--;
    good = !length || answer(t, line, (size_t)length);
    fflush(stdout);
  }
  free(line);
  mlx_lm_tokenizer_free(t);
  return good ? 0 : cli_fail(command.name);
}
