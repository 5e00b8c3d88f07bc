/* The kernels of one instruction set, as a table. */
#include "kernels/kernels.h"

#define TEXT_(x) #x
#define TEXT(x) TEXT_(x)

extern const mx_kernels MX_KERNEL(kernels);

/* clang-format off */
const mx_kernels MX_KERNEL(kernels) = {
    .isa = TEXT(MX_ISA),
#define K(type, name, parameters) .name = MX_KERNEL(name),
    MX_KERNEL_LIST(K)
#undef K
};
/* clang-format on */
