/* `mlx_lm generate`: a prompt, through the chat template, to text as it comes. */
#include "commands.h"
#include "mlx_lm/generate.h"
#include "options.h"
#include "prompt.h"
#include "session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct {
  const char *model, *adapter_path, *system_prompt, *prompt, *prefill, *template_config;
  const char *prompt_cache_file, *draft_model;
  cli_texts extra_eos;
  int max_tokens, max_kv_size;
  int kv_bits, kv_group_size, quantized_kv_start, num_draft_tokens;
  mlx_lm_sampler sampler;
  bool ignore_template, default_template, verbose, trust_remote_code;
  cli_seed seed;
} values;

#define AT(field) offsetof(values, field)

static const cli_option options[] = {
    CLI_SHARED_OPTIONS(values),
    {"prompt", 'p', CLI_TEXT, AT(prompt), "TEXT", "message to the model; - reads standard input",
     NULL},
    {"prefill-response", 0, CLI_TEXT, AT(prefill), "TEXT", "how the answer begins", NULL},
    {"min-p", 0, CLI_FLOAT, AT(sampler.min_p), "P",
     "least probability, as a part of the likeliest token's", NULL},
    {"top-k", 0, CLI_INT, AT(sampler.top_k), "K", "sample from the K likeliest tokens", NULL},
    {"min-tokens-to-keep", 0, CLI_INT, AT(sampler.min_tokens_to_keep), "N",
     "tokens that --min-p must leave (default 1)", NULL},
    {"extra-eos-token", 0, CLI_TEXTS, AT(extra_eos), "TOKEN...",
     "further tokens that end the answer", NULL},
    {"ignore-chat-template", 0, CLI_FLAG, AT(ignore_template), NULL,
     "give the prompt to the model as it is", NULL},
    {"use-default-chat-template", 0, CLI_FLAG, AT(default_template), NULL,
     "use ChatML where the tokenizer has no template", NULL},
    {"chat-template-config", 0, CLI_TEXT, AT(template_config), "JSON",
     "further variables for the chat template", NULL},
    {"verbose", 0, CLI_SWITCH, AT(verbose), "BOOL",
     "statistics around the text; False prints the text alone", NULL},
    {"prompt-cache-file", 0, CLI_TEXT, AT(prompt_cache_file), "FILE",
     "saved cache of a prompt that this one continues", NULL},
    {"kv-bits", 0, CLI_COUNT, AT(kv_bits), "N", "quantise the cache to this many bits", NULL},
    {"kv-group-size", 0, CLI_INT, AT(kv_group_size), "N",
     "group size of the quantised cache (default 64)", NULL},
    {"quantized-kv-start", 0, CLI_COUNT, AT(quantized_kv_start), "N",
     "tokens before the cache is quantised (default 5000)", NULL},
    {"draft-model", 0, CLI_TEXT, AT(draft_model), "DIR",
     "smaller model of the same tokenizer, for speculative decoding", NULL},
    {"num-draft-tokens", 0, CLI_COUNT, AT(num_draft_tokens), "N",
     "tokens that the draft model guesses at a time (default 3)", NULL},
};

static const cli_command command = {"generate", "Generates text with a language model.", options,
                                    sizeof options / sizeof *options};

/* With a saved cache, the text before the question is in there already: drops it from the rendered
 * text. */
static bool drop_cached_prefix(const cli_session *s, const char *source, cli_prompt p, char *text) {
  static const char mark[] = "<query>";
  p.question = mark;
  char *marked = cli_render(s->tokenizer, source, &p), *at = marked ? strstr(marked, mark) : NULL;
  size_t skip = at ? (size_t)(at - marked) : 0;
  if (marked && !at)
    mx_fail("the chat template does not show the question, so no cache can precede it");
  free(marked);
  if (!at) return false;
  if (skip > strlen(text)) skip = strlen(text);
  memmove(text, text + skip, strlen(text + skip) + 1);
  return true;
}

static int32_t *encode(const values *v, const cli_session *s, const char *question, size_t *count) {
  const char *source = mlx_lm_tokenizer_chat_template(s->tokenizer, NULL);
  if (!source && v->default_template) source = mlx_lm_default_chat_template();
  if (v->ignore_template || !source)
    return mlx_lm_tokenizer_encode(s->tokenizer, question, strlen(question), true, count);
  cli_prompt p = {v->system_prompt, question, v->prefill, v->template_config};
  char *text = cli_render(s->tokenizer, source, &p);
  bool good = text && (!v->prompt_cache_file || drop_cached_prefix(s, source, p, text));
  int32_t *ids =
      good ? mlx_lm_tokenizer_encode(s->tokenizer, text, strlen(text), false, count) : NULL;
  free(text);
  return ids;
}

static int print_statistics(const mlx_lm_response *r, bool any) {
  puts("\n==========");
  if (!any) puts("No text generated for this prompt");
  if (!any) return 0;
  printf("Prompt: %d tokens, %.3f tokens-per-sec\n", r->prompt_tokens, r->prompt_tps);
  printf("Generation: %d tokens, %.3f tokens-per-sec\n", r->generation_tokens, r->generation_tps);
  printf("Peak memory: %.3f GB\n", r->peak_memory);
  return 0;
}

static int stream(const values *v, cli_session *s, const int32_t *ids, size_t count,
                  const mlx_lm_generate_args *args) {
  mlx_lm_generation *g = mlx_lm_stream_generate(s->model, s->tokenizer, ids, (int)count, args);
  if (!g) return cli_fail(command.name);
  mlx_lm_response r = {0};
  bool any = false;
  if (v->verbose) puts("==========");
  while (!r.finish_reason && mlx_lm_generation_next(g, &r)) {
    any |= r.text[0] != 0;
    fputs(r.text, stdout);
    fflush(stdout);
  }
  int status = r.finish_reason || !args->max_tokens ? 0 : cli_fail(command.name);
  if (!status && v->verbose)
    print_statistics(&r, any);
  else
    putchar('\n');
  mlx_lm_generation_free(g);
  return status;
}

/* The cache must suit the options. */
static bool check_cache(const values *v, const mlx_lm_prompt_cache *cache) {
  int bits = mlx_lm_prompt_cache_kv_bits(cache);
  int group = mlx_lm_prompt_cache_kv_group_size(cache);
  if (bits && v->kv_group_size != group)
    mx_fail("--kv-group-size %d does not match the cache of --prompt-cache-file, which has %d",
            v->kv_group_size, group);
  else if (bits && v->kv_bits && v->kv_bits != bits)
    mx_fail("--kv-bits %d does not match the cache of --prompt-cache-file, which has %d",
            v->kv_bits, bits);
  else
    return true;
  return false;
}

static int run(const values *v, cli_session *s, mlx_lm_prompt_cache *cache) {
  size_t count = 0;
  if (cache && !check_cache(v, cache)) return cli_fail(command.name);
  for (int i = 0; i < v->extra_eos.size; i++)
    if (mlx_lm_tokenizer_add_eos_token(s->tokenizer, v->extra_eos.data[i]))
      return cli_fail(command.name);
  char *prompt = cli_read_prompt(v->prompt);
  int32_t *ids = prompt ? encode(v, s, prompt, &count) : NULL;
  free(prompt);
  if (!ids) return cli_fail(command.name);
  mlx_lm_generate_args args = MLX_LM_GENERATE_DEFAULTS;
  args.max_tokens = v->max_tokens;
  args.sampler = v->sampler;
  int32_t *kept = cli_xtc_tokens(s->tokenizer, &args.sampler);
  args.prompt_cache = cache;
  args.max_kv_size = v->max_kv_size;
  args.kv_bits = v->kv_bits;
  args.kv_group_size = v->kv_group_size;
  args.quantized_kv_start = v->quantized_kv_start;
  args.draft_model = s->draft;
  args.num_draft_tokens = v->num_draft_tokens;
  args.progress_context = (void *)"prompt tokens";
  if (isatty(STDERR_FILENO)) args.progress = cli_show_progress;
  int status = stream(v, s, ids, count, &args);
  free(kept);
  free(ids);
  return status;
}

/* The saved cache, and the model that it was made with where --model is not given. False after
 * mx_fail. */
static bool open_cache(values *v, mlx_lm_prompt_cache **cache, mx_string_map *metadata) {
  *cache = mlx_lm_load_prompt_cache(v->prompt_cache_file, metadata);
  const char *made_with = *cache ? mx_string_map_get(metadata, "model") : NULL;
  if (!*cache) return false;
  if (v->model && made_with && strcmp(v->model, made_with))
    mx_fail("Providing a different model (%s) than that used to create the prompt cache (%s) is an "
            "error.",
            v->model, made_with);
  else {
    if (!v->model) v->model = made_with;
    return true;
  }
  return false;
}

int mlx_lm_cmd_generate(int argc, char **argv) {
  values v = {.prompt = "hello",
              .max_tokens = 100,
              .sampler = {.min_tokens_to_keep = 1, .top_p = 1},
              .verbose = true,
              .num_draft_tokens = 3,
              .kv_group_size = 64,
              .quantized_kv_start = 5000};
  int status = cli_parse(&command, argc, argv, &v);
  if (status != CLI_GO) return status;
  if (v.seed.given) mx_random_seed(v.seed.value);
  cli_session s = {0};
  mlx_lm_prompt_cache *cache = NULL;
  mx_string_map *metadata = mx_string_map_new();
  if (v.prompt_cache_file && v.draft_model) {
    fprintf(stderr, "mlx_lm generate: --draft-model: a prompt cache file holds no cache for it\n");
    status = 2;
  } else if (v.prompt_cache_file && !open_cache(&v, &cache, metadata))
    status = cli_fail(command.name);
  else
    status = cli_open(&s, command.name, v.model, v.adapter_path);
  if (!status && v.draft_model) status = cli_open_draft(&s, command.name, v.draft_model);
  if (!status) status = run(&v, &s, cache);
  cli_close(&s);
  mlx_lm_prompt_cache_free(cache);
  mx_string_map_free(metadata);
  return status;
}
