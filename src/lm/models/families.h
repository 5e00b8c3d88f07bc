/* The list of model families. A new one adds its table's name here, and a file beside. */
#ifndef LM_MODELS_FAMILIES_H
#define LM_MODELS_FAMILIES_H

#include "lm/model.h"

extern const lm_family lm_llama;

extern const lm_family *const lm_families[]; /* NULL behind the last */

#endif
