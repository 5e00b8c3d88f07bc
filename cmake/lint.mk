# clang-format and clang-tidy over each file that git tracks, as .clang-format and .clang-tidy say. A
# file that passed has a stamp in $(BUILD) and is looked at again only after it, a header that it
# includes, or the rules have changed. `make lint` calls this; it changes nothing.
SHELL := /bin/bash
BUILD ?= build-lint

TIDY := $(shell git ls-files 'src/*.c' 'cli/*.c' 'examples/*.c' 'fuzz/*.c' 'models/*.c')
FORMAT := $(shell git ls-files '*.c' '*.h')
FLAGS = -std=gnu11 -D_GNU_SOURCE -DMX_VERSION='""' -Isrc -Iinclude -Icli \
        -Wall -Wextra -Wno-initializer-overrides
# A third of the paths that the analyser follows by default: every report so far lay among these.
ANALYZER = -Xclang -analyzer-config -Xclang max-nodes=75000

# Kernels are looked at as one set of instructions compiles them, and by the checks that take no
# paths: the analyser would follow those of every macro for every type.
ISA := $(if $(filter x86_64,$(shell uname -m)),avx2,baseline)
ISA_FLAGS_avx2 = -mavx2 -mfma -mf16c -mbmi2
KERNELS := $(filter-out src/kernels/dispatch/%,$(filter src/kernels/%,$(TIDY)))
$(KERNELS:%=$(BUILD)/%.tidy): CHECKS = --checks=-clang-analyzer-*
$(KERNELS:%=$(BUILD)/%.tidy): FLAGS += -DMX_ISA=$(ISA) -DMX_ISA_$(ISA)=1 $(ISA_FLAGS_$(ISA)) -fwrapv

.DELETE_ON_ERROR:
.PHONY: all
all: $(TIDY:%=$(BUILD)/%.tidy) $(FORMAT:%=$(BUILD)/%.format)

# Quiet leaves a count of what headers of the system would have said.
$(BUILD)/%.tidy: % .clang-tidy cmake/lint.mk
	@mkdir -p $(@D)
	@clang-tidy --quiet $(CHECKS) $< -- $(FLAGS) $(ANALYZER) 2> >(grep -v 'warnings\? generated' >&2)
	@clang -MM -MP -MT $@ -MF $(@:.tidy=.d) $(FLAGS) $<
	@touch $@

$(BUILD)/%.format: % .clang-format
	@mkdir -p $(@D)
	@clang-format --dry-run --Werror $<
	@touch $@

-include $(TIDY:%=$(BUILD)/%.d)
