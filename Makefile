# The two commands (`make run`, `make test`) and the chores, over CMake.
# Everything is built in $(BUILD); nothing is written outside it except by `make install`.
SHELL := /bin/bash
BUILD ?= build
TYPE  ?= Release
JOBS  ?= $(shell nproc)
SUDO  := $(shell [ "$$(id -u)" = 0 ] || command -v sudo)
PACKAGES := $(shell grep -v '^\#' packages.txt)
MODEL ?= models/tiny
PROMPT ?= Tell me a story about a brave little fox.

.PHONY: run test build deps asan tsan lint format aarch64 aarch64-kernels fuzz bench install clean

run: build
	$(BUILD)/mlx_lm generate --model $(MODEL) --prompt "$(PROMPT)" --max-tokens 320

test: build
	ctest --test-dir $(BUILD) --output-on-failure -j $(JOBS)

build: deps
	cmake -S . -B $(BUILD) -G Ninja -DCMAKE_BUILD_TYPE=$(TYPE) >/dev/null
	cmake --build $(BUILD) -j $(JOBS)

# Installs only what is missing, so that a second run needs neither network nor root.
deps:
	@missing=$$(for p in $(PACKAGES); do \
	   dpkg-query -W -f='$${Status}' $$p 2>/dev/null | grep -q 'install ok installed' || echo $$p; done); \
	 [ -z "$$missing" ] || { $(SUDO) apt-get update -qq && \
	   DEBIAN_FRONTEND=noninteractive $(SUDO) apt-get install -y -qq --no-install-recommends $$missing; }

asan:
	$(MAKE) test BUILD=build-asan TYPE=Asan

tsan:
	$(MAKE) test BUILD=build-tsan TYPE=Tsan

# Tools that the suite does without.
LINT_PACKAGES = clang clang-format clang-tidy
FUZZ_PACKAGES = clang libclang-rt-14-dev

# clang-format and clang-tidy, as .clang-format and .clang-tidy say, over what has changed since it
# last passed; changes nothing.
lint:
	@$(MAKE) --no-print-directory deps PACKAGES="$(PACKAGES) $(LINT_PACKAGES)"
	@$(MAKE) --no-print-directory -k -j $(JOBS) -f cmake/lint.mk BUILD=build-lint

format:
	clang-format -i $$(git ls-files '*.c' '*.h')

# The tree for arm64, cross-compiled, and what lies on NEON tested under qemu.
AARCH64_PACKAGES = gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user
AARCH64_TESTS ?= ^(base|kernels|drivers|array|ops|io)_
aarch64:
	@$(MAKE) --no-print-directory deps PACKAGES="$(PACKAGES) $(AARCH64_PACKAGES)"
	mkdir -p build-aarch64 && cmake/aarch64-sysroot.sh build-aarch64/sysroot
	cmake -S . -B build-aarch64 -G Ninja -DCMAKE_TOOLCHAIN_FILE=cmake/aarch64.cmake >/dev/null
	cmake --build build-aarch64 -j $(JOBS)
	ctest --test-dir build-aarch64 --output-on-failure -j $(JOBS) --timeout 3600 -R '$(AARCH64_TESTS)'

# NEON's kernels alone, compiled: what continuous integration asks for.
aarch64-kernels:
	@$(MAKE) --no-print-directory deps PACKAGES="$(PACKAGES) gcc-aarch64-linux-gnu libc6-dev-arm64-cross"
	cmake -S . -B build-aarch64-kernels -G Ninja -DCMAKE_TOOLCHAIN_FILE=cmake/aarch64.cmake \
	   -DMLX_KERNELS_ONLY=ON -DCMAKE_C_FLAGS=-Werror >/dev/null
	cmake --build build-aarch64-kernels -j $(JOBS)

# Every fuzz target for FUZZ_SECONDS each, from valid inputs on.
FUZZ_SECONDS ?= 600
FUZZ_TARGETS = $(basename $(notdir $(wildcard fuzz/fuzz_*.c)))
fuzz:
	@$(MAKE) --no-print-directory deps PACKAGES="$(PACKAGES) $(FUZZ_PACKAGES)"
	cmake -S . -B build-fuzz -G Ninja -DCMAKE_C_COMPILER=clang -DCMAKE_BUILD_TYPE=Fuzz -DMLX_FUZZ=ON \
	   -DMX_ISAS=baseline >/dev/null
	cmake --build build-fuzz -j $(JOBS) --target $(FUZZ_TARGETS)
	fuzz/seeds.sh build-fuzz/seeds
	cd build-fuzz && for target in $(FUZZ_TARGETS); do \
	   mkdir -p corpus/$$target; \
	   ./$$target -max_total_time=$(FUZZ_SECONDS) -rss_limit_mb=4096 -print_final_stats=1 \
	      corpus/$$target seeds/$$target || exit 1; done

# Ratios to NumPy and the others that BENCH_PYTHON has, and to the machine's limits: README's table, or
# all cases of FAMILIES (bench/README.md).
bench: build
	cmake --build $(BUILD) --target bench -j $(JOBS)
	python3 bench/run.py --build $(BUILD) $(FAMILIES)

PREFIX ?= /usr/local
install: build
	cmake --install $(BUILD) --prefix $(PREFIX)

clean:
	rm -rf build build-asan build-tsan build-fuzz build-lint build-aarch64 build-aarch64-kernels
