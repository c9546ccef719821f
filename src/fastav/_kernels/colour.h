/* Colour conversion between Y'CbCr (or grey, or RGB) and RGB, a row at a time.
 *
 * A frame goes through the same stages whatever its format:
 *
 *     load      samples of any plane become 16-bit lanes, left-justified: a value of depth d is
 *               shifted up by 16 - d, so that everything after it knows one scale only
 *     chroma    lanes of subsampled chroma are repeated or interpolated (to RGB), or
 *               RGB is averaged (from RGB)
 *     matrix    "narrow", for 8-bit results: the integer arithmetic described below;
 *               "wide", for deeper ones: sums in doubles, all of them exact
 *     store     8-bit, 16-bit or float samples, interleaved or plane by plane
 *
 * The stages work on tiles of a row that stay in the first-level cache. They are plain C in
 * colour_rows.h, compiled once for each instruction set; only what compilers do not vectorise well
 * is written with intrinsics, in colour_vector.h.
 *
 * Narrow arithmetic to RGB. One level of the result is 32768 / k units, k between 256 and 285. With
 * Y, U, V unsigned lanes and u = U - 32768, v = V - 32768,
 *
 *     y = (Y * y_scale >> 16) - y_zero
 *     c = (u * cu + v * cv + bias) >> shift        once for each chroma sample
 *     result = clamp(((y + c) * k + 2**14) >> 15)
 *
 * y and c fit in 16 bits; their sum may not, but saturating it changes no result.
 *
 * Narrow arithmetic from RGB. With lanes less 32768 and coefficients of 16 bits,
 *
 *     result = clamp(((r * c0 + g * c1 + b * c2 + bias) >> shift) + 128)
 *
 * no partial sum of which needs more than 32 bits.
 *
 * Names: p is the plan, c a component's record; x and y a pixel, n how many of a row, i counts them;
 * y, u and v in arithmetic are lanes of Y, Cb and Cr; LEVEL(name) is a function's name for the
 * instruction set that is being compiled. What fields of records mean stands at PLAN in
 * _colour_plan.py.
 *
 * The Python twin, colour_py.py, is the specification; src/fastav/pixels/colour.py derives the constants.
 */
#ifndef FASTAV_COLOUR_H
#define FASTAV_COLOUR_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "byte_order.h"
#include "colour_plane.h"

/* The fields mirror PLAN in _colour_plan.py; every one is 8 bytes wide. */
typedef struct {
    int64_t plane, offset, step, size, right, left, swap;
} colour_component;

typedef struct {
    int64_t lane, cu, cv, bias, shift;
} colour_narrow;

typedef struct {
    double coefficients[3], bias, top, zero, scale;
} colour_wide;

typedef struct {
    int64_t coefficients[3], bias, shift;
} colour_back;

typedef struct {
    int64_t width, height;
    int64_t log2_w, log2_h;       /* chroma subsampling of the Y'CbCr side */
    int64_t between_w, between_h; /* chroma lies between luma samples rather than on them */
    int64_t linear;               /* interpolate chroma rather than repeat it */
    int64_t lanes, channels;      /* colour components of source and target: 1 or 3 */
    int64_t alpha_in, alpha_out;  /* component 3 is alpha */
    int64_t wide;
    colour_component source[4], target[4];
    int64_t k, y_scale, y_zero, alpha_scale, alpha_bias;
    colour_narrow narrow[3];
    colour_wide matrix[4];
    colour_back back[3];
} colour_plan;

/* The pixels that are converted, to the beginning of the target: left <= x < right, top <= y <
 * bottom. Left and top lie where a sample of chroma begins. */
typedef struct {
    int64_t left, top, right, bottom;
} colour_window;

/* VALUE >> right << left, in operations that 16-bit vectors have: a product, then a mask. */
static inline uint16_t colour_raising(const colour_component *c) {
    return (uint16_t)(1 << (c->left - c->right));
}
static inline uint16_t colour_kept(const colour_component *c) {
    return (uint16_t)(0xFFFF << c->left);
}

/* Pixels of a row at a time; those of them that wide arithmetic takes; the widest vector loop's. */
enum { TILE = 2048, PIECE = 256, PAD = 64 };

#if defined(__GNUC__) && (defined(__x86_64__) || defined(__i386__))
#define COLOUR_X86 1
#include <immintrin.h>
#elif defined(__aarch64__) && defined(__ARM_NEON) && !defined(__AARCH64EB__)
#define COLOUR_NEON 1
#include <arm_neon.h>
#endif

#define COLOUR_JOIN(a, b) a##_##b
#define COLOUR_EXPAND(a, b) COLOUR_JOIN(a, b)
#define LEVEL(name) COLOUR_EXPAND(name, COLOUR_LEVEL)

#define COLOUR_LEVEL portable
#include "colour_rows.h"
#undef COLOUR_LEVEL

#ifdef COLOUR_X86
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2,fma")
#endif
#define COLOUR_LEVEL avx2
#define COLOUR_AVX2 1
#include "colour_vector.h"
#include "colour_rows.h"
#undef COLOUR_AVX2
#undef COLOUR_LEVEL
#if defined(__clang__)
#pragma clang attribute pop
#pragma clang attribute push(__attribute__((target("avx2,fma,avx512bw,avx512vl,avx512dq,avx512vbmi"))), \
                             apply_to = function)
#else
#pragma GCC pop_options
#pragma GCC push_options
#pragma GCC target("avx2,fma,avx512bw,avx512vl,avx512dq,avx512vbmi,prefer-vector-width=512")
#endif
#define COLOUR_LEVEL avx512
#define COLOUR_AVX512 1
#include "colour_vector.h"
#include "colour_rows.h"
#undef COLOUR_AVX512
#undef COLOUR_LEVEL
#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif
#endif

#ifdef COLOUR_NEON
#define COLOUR_LEVEL neon
#include "colour_vector.h"
#include "colour_rows.h"
#undef COLOUR_LEVEL
#endif

/* Levels that this machine can run, from the slowest: bit i stands for colour_names[i]. */
static const char *const colour_names[] = {"portable", "avx2", "avx512", "neon"};

static int colour_available(int level) {
    switch (level) {
    case 0:
        return 1;
#ifdef COLOUR_X86
    case 1:
        return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    case 2:
        return colour_available(1) && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
               __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vbmi");
#endif
#ifdef COLOUR_NEON
    case 3:
        return 1;
#endif
    default:
        return 0;
    }
}

static void colour_to_rgb(const colour_plan *plan, const colour_window *window,
                          const colour_plane *source, const colour_plane *target, int level) {
    switch (level) {
#ifdef COLOUR_X86
    case 1:
        to_rgb_avx2(plan, window, source, target);
        return;
    case 2:
        to_rgb_avx512(plan, window, source, target);
        return;
#endif
#ifdef COLOUR_NEON
    case 3:
        to_rgb_neon(plan, window, source, target);
        return;
#endif
    default:
        to_rgb_portable(plan, window, source, target);
    }
}

static void colour_from_rgb(const colour_plan *plan, const colour_plane *source,
                            const colour_plane *target, int level) {
    switch (level) {
#ifdef COLOUR_X86
    case 1:
        from_rgb_avx2(plan, source, target);
        return;
    case 2:
        from_rgb_avx512(plan, source, target);
        return;
#endif
#ifdef COLOUR_NEON
    case 3:
        from_rgb_neon(plan, source, target);
        return;
#endif
    default:
        from_rgb_portable(plan, source, target);
    }
}

#undef LEVEL

#endif
