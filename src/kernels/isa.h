/* Names of the instruction set that the current kernel source is being compiled for. MX_ISA comes
 * from the build; MX_KERNEL(add) is mx_add_avx2 in the AVX2 copy. */
#ifndef KERNELS_ISA_H
#define KERNELS_ISA_H

#define MX_KERNEL_PASTE(name, isa) mx_##name##_##isa
#define MX_KERNEL_NAME(name, isa) MX_KERNEL_PASTE(name, isa)
#define MX_KERNEL(name) MX_KERNEL_NAME(name, MX_ISA)

/* A kernel's prototype from its row in a family's list. Each family's header declares its own, so
 * that a kernel source depends on its family alone. */
#define MX_DECLARE_KERNEL(type, name, parameters) type MX_KERNEL(name) parameters;

#endif
