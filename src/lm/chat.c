/* Applying chat templates: choosing the template, giving it the special tokens, leaving the last
 * message open. */
#include "mlx_lm/chat.h"
#include "base/alloc.h"
#include "mlx_lm/chat_template.h"

#include <ctype.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

const char *mlx_lm_default_chat_template(void) {
  return "{% for message in messages %}"
         "{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n' }}"
         "{% endfor %}"
         "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}";
}

static const char *choose_template(const mlx_lm_tokenizer *t, json_t *variables) {
  const char *name = json_string_value(json_object_get(variables, "chat_template"));
  if (name) {
    const char *named = mlx_lm_tokenizer_chat_template(t, name);
    if (!named) mx_fail("[chat_template] The tokenizer has no template named \"%s\".", name);
    json_object_del(variables, "chat_template");
    return named;
  }
  const char *chosen = NULL;
  if (json_array_size(json_object_get(variables, "tools")))
    chosen = mlx_lm_tokenizer_chat_template(t, "tool_use");
  if (!chosen) chosen = mlx_lm_tokenizer_chat_template(t, NULL);
  if (!chosen) mx_fail("[chat_template] The tokenizer has no chat template.");
  return chosen;
}

static void add_special_tokens(const mlx_lm_tokenizer *t, json_t *variables) {
  const char *name, *text;
  for (size_t i = 0; mlx_lm_tokenizer_special_token_at(t, i, &name, &text); i++)
    if (!json_object_get(variables, name)) json_object_set_new(variables, name, json_string(text));
}

static const char *skip_space(const char *text) {
  while (isspace((unsigned char)*text)) text++;
  return text;
}

static size_t length_without_trailing_space(const char *text) {
  size_t n = strlen(text);
  while (n && isspace((unsigned char)text[n - 1])) n--;
  return n;
}

static char *find_last(char *text, const char *part, size_t length) {
  char *found = NULL;
  for (char *p = text; (p = strstr(p, part)); p++)
    if (!length || !strncmp(p, part, length)) found = p;
  return found;
}

/* Cuts the rendered text behind the last message's content. */
static bool leave_open(char *rendered, const json_t *messages) {
  const json_t *last = json_array_get(messages, json_array_size(messages) - 1);
  const char *content = json_string_value(json_object_get(last, "content"));
  if (!content) {
    mx_fail("[chat_template] continue_final_message needs a last message with text as content.");
    return false;
  }
  const char *begin = skip_space(content);
  char *stripped = mx_xstrndup(begin, length_without_trailing_space(begin));
  char *found = find_last(rendered, stripped, strlen(stripped));
  if (!found) {
    mx_fail(
        "[chat_template] continue_final_message is set but the final message does not appear in "
        "the chat after applying the chat template.");
  } else {
    bool kept = !strncmp(found, begin, strlen(begin)); /* the template left trailing space alone */
    found[kept ? strlen(begin) : strlen(stripped)] = 0;
  }
  free(stripped);
  return found != NULL;
}

static json_t *parse_variables(const char *text, size_t length) {
  json_error_t error;
  json_t *variables = json_loadb(text, length, 0, &error);
  if (!variables) return mx_fail("[chat_template] not valid JSON: %s", error.text);
  if (!json_is_object(variables) || !json_is_array(json_object_get(variables, "messages"))) {
    mx_fail("[chat_template] not an object with a list \"messages\"");
    json_decref(variables);
    return NULL;
  }
  return variables;
}

/* The thread's error, told as the chat template's. */
static void *blame_template(void) {
  char *error = mx_xstrdup(mx_error() ? mx_error() : "");
  mx_error_clear();
  mx_fail("[chat_template] %s", error);
  free(error);
  return NULL;
}

static char *render(const mlx_lm_tokenizer *t, const char *source, json_t *variables) {
  mlx_lm_template *parsed = mlx_lm_template_parse(source, strlen(source));
  if (!parsed) return blame_template();
  bool open = json_is_true(json_object_get(variables, "continue_final_message"));
  json_object_del(variables, "continue_final_message");
  if (!json_object_get(variables, "add_generation_prompt"))
    json_object_set_new(variables, "add_generation_prompt", json_false());
  add_special_tokens(t, variables);
  char *text = json_dumps(variables, JSON_COMPACT);
  char *rendered = mlx_lm_template_render(parsed, text, strlen(text));
  free(text);
  mlx_lm_template_free(parsed);
  if (!rendered) return blame_template();
  if (open && !leave_open(rendered, json_object_get(variables, "messages"))) {
    free(rendered);
    return NULL;
  }
  return rendered;
}

char *mlx_lm_apply_template(const mlx_lm_tokenizer *t, const char *source, const char *json,
                            size_t length) {
  json_t *variables = parse_variables(json, length);
  if (!variables) return NULL;
  const char *chosen = source ? source : choose_template(t, variables);
  char *rendered = chosen ? render(t, chosen, variables) : NULL;
  json_decref(variables);
  return rendered;
}

char *mlx_lm_apply_chat_template(const mlx_lm_tokenizer *t, const char *json, size_t length) {
  return mlx_lm_apply_template(t, NULL, json, length);
}
