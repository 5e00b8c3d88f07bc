/* Llama (Touvron et al., arXiv:2302.13971) and what shares its architecture: Llama 2, 3, 3.1, 3.2,
 * Mistral. */
#include "base/alloc.h"
#include "lm/models/families.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
  lm_linear q, k, v, o;
  lm_linear gate, up, down;
  mx input_norm, post_norm;
  bool sliding;
} llama_layer;

/* Sizes that the weights' shapes are made of. */
enum { HIDDEN, QUERIES, KEYS, INTERMEDIATE, VOCABULARY, ATTENTION_BIAS, MLP_BIAS, SIZES };

typedef struct {
  int sizes[SIZES];
  int layer_count, heads, kv_heads, sliding_window;
  float norm_eps, scale;
  bool tied;
  lm_rope rope;
  lm_embedding embed;
  lm_linear head; /* unless tied */
  mx norm;
  llama_layer *layers;
} llama;

static const lm_field layer_fields[] = {
    {LM_LINEAR, "self_attn.q_proj", offsetof(llama_layer, q), QUERIES, HIDDEN, ATTENTION_BIAS},
    {LM_LINEAR, "self_attn.k_proj", offsetof(llama_layer, k), KEYS, HIDDEN, ATTENTION_BIAS},
    {LM_LINEAR, "self_attn.v_proj", offsetof(llama_layer, v), KEYS, HIDDEN, ATTENTION_BIAS},
    {LM_LINEAR, "self_attn.o_proj", offsetof(llama_layer, o), HIDDEN, QUERIES, ATTENTION_BIAS},
    {LM_LINEAR, "mlp.gate_proj", offsetof(llama_layer, gate), INTERMEDIATE, HIDDEN, MLP_BIAS},
    {LM_LINEAR, "mlp.up_proj", offsetof(llama_layer, up), INTERMEDIATE, HIDDEN, MLP_BIAS},
    {LM_LINEAR, "mlp.down_proj", offsetof(llama_layer, down), HIDDEN, INTERMEDIATE, MLP_BIAS},
    {LM_VECTOR, "input_layernorm", offsetof(llama_layer, input_norm), HIDDEN, 0, -1},
    {LM_VECTOR, "post_attention_layernorm", offsetof(llama_layer, post_norm), HIDDEN, 0, -1},
};

static const lm_field model_fields[] = {
    {LM_EMBEDDING, "embed_tokens", offsetof(llama, embed), VOCABULARY, HIDDEN, -1},
    {LM_VECTOR, "norm", offsetof(llama, norm), HIDDEN, 0, -1},
};

static const lm_field head_fields[] = {
    {LM_LINEAR, "lm_head", offsetof(llama, head), VOCABULARY, HIDDEN, -1},
};

#define COUNT(fields) (int)(sizeof(fields) / sizeof *(fields))

/* ---- Loading ---- */

static bool read_sizes(llama *m, lm_config *c) {
  int hidden = lm_config_int_required(c, "hidden_size");
  m->layer_count = lm_config_int_required(c, "num_hidden_layers");
  m->heads = lm_config_int_required(c, "num_attention_heads");
  m->kv_heads = lm_config_int(c, "num_key_value_heads", m->heads);
  int head_dim = lm_config_int(c, "head_dim", 0);
  if (c->failed) return false;
  if (!head_dim) head_dim = hidden / m->heads;
  bool fits = head_dim > 0 && (int64_t)m->heads * head_dim <= INT_MAX;
  if (m->kv_heads < 1 || m->heads % m->kv_heads || !fits) {
    mx_fail("%s: %d heads of %d features cannot share %d key-value heads", c->path, m->heads,
            head_dim, m->kv_heads);
    c->failed = true;
    return false;
  }
  m->scale = (float)pow(head_dim, -0.5);
  m->sizes[HIDDEN] = hidden;
  m->sizes[QUERIES] = m->heads * head_dim;
  m->sizes[KEYS] = m->kv_heads * head_dim;
  m->sizes[INTERMEDIATE] = lm_config_int_required(c, "intermediate_size");
  m->sizes[VOCABULARY] = lm_config_int_required(c, "vocab_size");
  m->sizes[ATTENTION_BIAS] = lm_config_bool(c, "attention_bias", false);
  m->sizes[MLP_BIAS] = lm_config_bool(c, "mlp_bias", false);
  return lm_rope_init(&m->rope, c, head_dim, lm_config_float(c, "rope_theta", 10000),
                      lm_config_bool(c, "rope_traditional", false),
                      lm_config_object(c, "rope_scaling"),
                      lm_config_int(c, "max_position_embeddings", 0));
}

/* Which layers slide: "layer_types" has a name for each. */
static bool read_layer_types(llama *m, lm_config *c) {
  const json_t *types = lm_config_list(c, "layer_types");
  m->sliding_window = lm_config_int(c, "sliding_window", 0);
  if (!types || c->failed) return !c->failed;
  if ((int)json_array_size(types) != m->layer_count) {
    mx_fail("%s: \"layer_types\" names %zu layers of %d", c->path, json_array_size(types),
            m->layer_count);
    return false;
  }
  for (int i = 0; i < m->layer_count; i++) {
    const char *type = json_string_value(json_array_get(types, (size_t)i));
    m->layers[i].sliding = type && !strcmp(type, "sliding_attention");
    if (m->layers[i].sliding && m->sliding_window < 1) {
      mx_fail("%s: \"sliding_window\" is needed by the sliding layers", c->path);
      return false;
    }
  }
  return true;
}

static bool load(void *model, lm_config *c, lm_weights *w) {
  llama *m = model;
  m->norm_eps = (float)lm_config_float(c, "rms_norm_eps", 1e-5);
  m->tied = lm_config_bool(c, "tie_word_embeddings", true);
  if (!read_sizes(m, c) || c->failed || !lm_weights_check_layers(w, m->layer_count)) return false;
  m->layers = mx_xcalloc((size_t)m->layer_count, sizeof *m->layers);
  if (!read_layer_types(m, c)) return false;
  lm_weights_ignore(w, "self_attn.rotary_emb.inv_freq");
  if (m->tied) lm_weights_ignore(w, "lm_head.weight");
  lm_bind(w, "model", model_fields, COUNT(model_fields), m->sizes, m);
  if (!m->tied) lm_bind(w, "", head_fields, COUNT(head_fields), m->sizes, m);
  for (int i = 0; i < m->layer_count && !w->failed; i++) {
    char prefix[40];
    snprintf(prefix, sizeof prefix, "model.layers.%d", i);
    lm_bind(w, prefix, layer_fields, COUNT(layer_fields), m->sizes, &m->layers[i]);
  }
  return !w->failed;
}

static void release(void *model) {
  llama *m = model;
  lm_unbind(model_fields, COUNT(model_fields), m);
  lm_unbind(head_fields, COUNT(head_fields), m);
  for (int i = 0; m->layers && i < m->layer_count; i++)
    lm_unbind(layer_fields, COUNT(layer_fields), &m->layers[i]);
  lm_rope_release(&m->rope);
  free(m->layers);
}

/* ---- Forward ---- */

static mx attend(const llama *m, const llama_layer *l, mx x, lm_mask mask, lm_kv_cache *cache) {
  mx queries = lm_split_heads(lm_linear_forward(&l->q, x), m->heads);
  mx keys = lm_split_heads(lm_linear_forward(&l->k, x), m->kv_heads);
  mx values = lm_split_heads(lm_linear_forward(&l->v, x), m->kv_heads);
  lm_position at = lm_kv_cache_position(cache);
  queries = lm_rope_forward(&m->rope, queries, at);
  keys = lm_rope_forward(&m->rope, keys, at);
  mx out = lm_attention(queries, keys, values, cache, m->scale, mask);
  return lm_linear_forward(&l->o, lm_join_heads(out));
}

static mx feed_forward(const llama_layer *l, mx x) {
  return lm_linear_forward(&l->down,
                           lm_swiglu(lm_linear_forward(&l->gate, x), lm_linear_forward(&l->up, x)));
}

static mx block(const llama *m, const llama_layer *l, mx x, lm_mask mask, lm_kv_cache *cache) {
  mx_scope scope = mx_scope_begin();
  mx h = mx_add(x, attend(m, l, mx_fast_rms_norm(x, l->input_norm, m->norm_eps), mask, cache));
  mx y = mx_add(h, feed_forward(l, mx_fast_rms_norm(h, l->post_norm, m->norm_eps)));
  return mx_scope_end(scope, y);
}

/* The mask of the first layer of a kind serves all of that kind. */
static lm_mask mask_for(const llama *m, bool sliding, const lm_kv_cache *cache, int tokens) {
  for (int i = 0; i < m->layer_count; i++)
    if (m->layers[i].sliding == sliding)
      return lm_make_mask(cache ? &cache[i] : NULL, tokens, sliding ? m->sliding_window : 0);
  return (lm_mask){false, NULL};
}

static mx forward(const void *model, mx tokens, lm_kv_cache *cache) {
  const llama *m = model;
  mx h = lm_embedding_forward(&m->embed, tokens);
  lm_mask full = mask_for(m, false, cache, mx_dim(tokens, 1));
  lm_mask sliding = mask_for(m, true, cache, mx_dim(tokens, 1));
  for (int i = 0; i < m->layer_count; i++)
    h = block(m, &m->layers[i], h, m->layers[i].sliding ? sliding : full, cache ? &cache[i] : NULL);
  h = mx_fast_rms_norm(h, m->norm, m->norm_eps);
  return m->tied ? lm_embedding_as_linear(&m->embed, h) : lm_linear_forward(&m->head, h);
}

static void make_cache(const void *model, lm_kv_cache *cache) {
  const llama *m = model;
  for (int i = 0; i < m->layer_count; i++)
    if (m->layers[i].sliding)
      cache[i] = (lm_kv_cache){.kind = LM_ROTATING_CACHE, .max_size = m->sliding_window};
}

static int layers(const void *model) { return ((const llama *)model)->layer_count; }
static int vocab_size(const void *model) { return ((const llama *)model)->sizes[VOCABULARY]; }

static const char *const model_types[] = {"llama", "mistral", "iquestcoder", NULL};

const lm_family lm_llama = {.model_types = model_types,
                            .blocks = "model.layers",
                            .size = sizeof(llama),
                            .load = load,
                            .release = release,
                            .forward = forward,
                            .make_cache = make_cache,
                            .layers = layers,
                            .vocab_size = vocab_size};
