/* Rotary position embeddings (Su et al., arXiv:2104.09864) and the scalings that checkpoints ask
 * for in "rope_scaling". */
#ifndef LM_ROPE_H
#define LM_ROPE_H

#include "lm/config.h"
#include "lm/kv_cache.h"
#include "mlx/mx.h"

typedef struct lm_rope {
  int dims; /* the leading features of a head that are rotated */
  bool traditional;
  float base, scale;
  mx freqs;      /* [dims / 2] wavelengths over 2 pi, or NULL: from the base */
  double mscale; /* what the rotated features are multiplied by first */
} lm_rope;

/* Fills *rope from the scaling object (NULL: none). False (config->failed) after mx_fail. */
bool lm_rope_init(lm_rope *rope, lm_config *config, int dims, double base, bool traditional,
                  const json_t *scaling, int max_position_embeddings);
void lm_rope_release(lm_rope *rope);

/* x [batch, heads, tokens, head_dim], its first token at position `at`. */
mx lm_rope_forward(const lm_rope *rope, mx x, lm_position at);

#endif
