/* The kernels of one instruction set, as a table. A set that compiles few sources of its own
 * (cmake/kernels.cmake) has a lender for the others. */
#include "kernels/kernels.h"

#define TEXT_(x) #x
#define TEXT(x) TEXT_(x)

extern const mx_kernels MX_KERNEL(kernels);
#ifdef MX_LENDER
#define K(type, name, parameters) type MX_KERNEL_NAME(name, MX_LENDER) parameters;
MX_KERNEL_LIST(K)
#undef K
#endif

/* clang-format off */
const mx_kernels MX_KERNEL(kernels) = {
    .isa = TEXT(MX_ISA),
#ifdef MX_LENDER
#define K(type, name, parameters) .name = MX_KERNEL_NAME(name, MX_LENDER),
    MX_KERNEL_LIST(K)
#undef K
#else
#define MX_OWN_KERNELS MX_KERNEL_LIST
#endif
#define K(type, name, parameters) .name = MX_KERNEL(name), /* instead of the lender's */
    MX_OWN_KERNELS(K)
#undef K
};
/* clang-format on */
