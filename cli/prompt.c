/* Prompts: read, checked, and put through the chat template. */
#include "prompt.h"
#include "base/alloc.h"
#include "base/str.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool cli_check_text(const char *name, const char *text) {
  json_t *string = text ? json_string(text) : NULL; /* which takes nothing but UTF-8 */
  if (text && !string) mx_fail("%s is not valid UTF-8", name);
  json_decref(string);
  return !text || string;
}

static void add_message(json_t *messages, const char *role, const char *content) {
  if (content)
    json_array_append_new(messages, json_pack("{s:s, s:s}", "role", role, "content", content));
}

/* The template's variables as JSON text; NULL after mx_fail. */
static char *variables_of(const cli_prompt *p) {
  if (!cli_check_text("the system prompt", p->system) ||
      !cli_check_text("the prompt", p->question) || !cli_check_text("the prefill", p->prefill))
    return NULL;
  json_error_t error;
  json_t *more = p->variables ? json_loads(p->variables, 0, &error) : json_object();
  if (!json_is_object(more)) {
    json_decref(more);
    return mx_fail("--chat-template-config is not a JSON object");
  }
  json_t *messages = json_array();
  add_message(messages, "system", p->system);
  add_message(messages, "user", p->question);
  add_message(messages, "assistant", p->prefill);
  json_t *all = json_pack("{s:o, s:b, s:b}", "messages", messages, "add_generation_prompt",
                          !p->prefill, "continue_final_message", p->prefill != NULL);
  json_object_update(all, more);
  char *text = json_dumps(all, JSON_COMPACT);
  json_decref(more);
  json_decref(all);
  return text;
}

char *cli_render(const mlx_lm_tokenizer *tokenizer, const char *source, const cli_prompt *prompt) {
  char *variables = variables_of(prompt);
  char *text =
      variables ? mlx_lm_apply_template(tokenizer, source, variables, strlen(variables)) : NULL;
  free(variables);
  return text;
}

/* Python's command line writes line breaks as \n, and so do its users here. */
static char *unescape(const char *text) {
  char *out = mx_xmalloc(strlen(text) + 1), *to = out;
  for (const char *p = text; *p; p++) {
    bool escape = p[0] == '\\' && (p[1] == 'n' || p[1] == 't');
    *to++ = escape ? (p[1] == 'n' ? '\n' : '\t') : *p;
    p += escape;
  }
  *to = 0;
  return out;
}

static char *read_all(FILE *in) {
  mx_str text = {0};
  char block[4096];
  size_t n;
  while ((n = fread(block, 1, sizeof block, in)) > 0) mx_str_append(&text, block, n);
  if (!ferror(in) && !(text.size && memchr(text.data, 0, text.size))) return mx_str_take(&text);
  mx_fail(ferror(in) ? "standard input cannot be read"
                     : "the prompt has a NUL byte, and is no text");
  mx_str_free(&text);
  return NULL;
}

char *cli_read_prompt(const char *argument) {
  char *text = strcmp(argument, "-") ? unescape(argument) : read_all(stdin);
  if (!text || cli_check_text("the prompt", text)) return text;
  free(text);
  return NULL;
}
