/* The list of model families. */
#include "lm/models/families.h"

const lm_family *const lm_families[] = {&lm_llama, NULL};
