/* Resampling of a frame while it is converted, a strip of rows at a time.
 *
 * A pass computes weighted sums of neighbours along the rows of a picture and lays the results down
 * transposed: rows become columns. The second pass is the same as the first and turns the picture
 * back. Both work on vectors of lanes that all have the same weights, and take four samples of a
 * lane at once, which lie in one word (a "group"):
 *
 *     convert      a strip of the source to planes of RGB, or grey
 *     transpose    to words of four samples: words[group of columns][channel, row]
 *     weigh        results[column][channel, row], each a byte: by sums over groups of columns
 *     transpose    words[group of rows][column, channel]
 *     weigh        rows of the target: by sums over groups of rows, when the last of them is there
 *
 * Where columns are to be weighed before rows, the source is "turned": strips are of columns, and in
 * all of the above "row" stands for column, but in planes; results go to the target's columns.
 *
 * Weights at both ends of a sum are 0 where it begins or ends amid a group. Samples are 8-bit, with
 * 8-bit results of the first pass; or 16-bit, for which groups are four elements, and the first
 * pass keeps 13 more bits.
 *
 *     8 bits     sum = 2**21 + sum of weight * sample, in units of 2**-22; result = clamp(sum >> 22)
 *     16 bits    in units of 2**-30, which makes 47 bits and needs 64
 *
 * Sums of 8-bit samples are taken modulo 2**32: parts of them may overflow, the whole does not. With
 * alpha, the other channels are multiplied by it before, and divided after.
 *
 * The Python twin, resample_py.py, is the specification; src/fastav/pixels/resample.py makes the
 * tables. All loops are plain C in resample_pass.h, compiled once for each instruction set; the
 * innermost of 8-bit samples are written with intrinsics too.
 */
#ifndef FASTAV_RESAMPLE_H
#define FASTAV_RESAMPLE_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* The fields mirror AXIS and PLAN in _resample_plan.py; every one is 8 bytes wide. */
typedef struct {
    int64_t count, first, last, groups;
    int64_t begin, number, weights, pairs, digits;
} resample_axis;

typedef struct {
    resample_axis first, second; /* of the passes */
    int64_t channels, size, alpha, turned;
} resample_plan;

/* Columns left to right of rows top to bottom of a frame, to planes of samples. */
typedef void resample_convert(const void *context, int64_t left, int64_t top, int64_t right,
                              int64_t bottom, uint8_t *planes, ptrdiff_t plane, ptrdiff_t pitch);

/* Rows of a strip, or columns; lanes that are weighed at once, to whose multiple words have room. */
enum { ROWS = 16, COLUMNS = 64, LANES = 16, BITS_8 = 22, BITS_16 = 30, BETWEEN_16 = 13 };

/* What lies where in the caller's memory, in bytes; `end` is how much is needed. */
typedef struct {
    ptrdiff_t strip;              /* rows or columns of a strip */
    ptrdiff_t pitch, plane;       /* bytes of a row, and of a channel's rows, in planes */
    ptrdiff_t strip_lanes, lanes; /* words of a group in the first and in the second pass */
    ptrdiff_t words, results, rows, row, end;
} resample_scratch;

static ptrdiff_t resample_rise(ptrdiff_t value, ptrdiff_t unit) {
    return (value + unit - 1) / unit * unit;
}

static resample_scratch resample_places(const resample_plan *p) {
    const ptrdiff_t word = p->size == 1 ? 4 : 16; /* bytes of a group */
    const ptrdiff_t length = resample_rise((ptrdiff_t)(p->first.last - p->first.first), 64);
    resample_scratch s;
    s.strip = p->turned ? COLUMNS : ROWS;
    s.pitch = (p->turned ? s.strip : length) * (ptrdiff_t)p->size;
    s.plane = s.strip * length * (ptrdiff_t)p->size;
    s.strip_lanes = s.strip * (ptrdiff_t)p->channels;
    s.lanes = resample_rise((ptrdiff_t)(p->first.count * p->channels), LANES);
    s.words = (ptrdiff_t)p->channels * s.plane; /* behind the planes */
    s.results = s.words + length / 4 * s.strip_lanes * word;
    s.rows = s.results + s.lanes * s.strip * word / 4;
    s.row = s.rows + ((ptrdiff_t)p->second.groups + s.strip / 4) * s.lanes * word;
    s.end = s.row + s.lanes * 4;
    return s;
}

#if defined(__GNUC__) && (defined(__x86_64__) || defined(__i386__))
#define RESAMPLE_X86 1
#include <immintrin.h>
#elif defined(__aarch64__) && defined(__ARM_NEON) && !defined(__AARCH64EB__)
#define RESAMPLE_NEON 1
#include <arm_neon.h>
#endif

#define RESAMPLE_JOIN(a, b) a##_##b
#define RESAMPLE_EXPAND(a, b) RESAMPLE_JOIN(a, b)
#define LEVEL(name) RESAMPLE_EXPAND(resample_##name, RESAMPLE_LEVEL)

#define RESAMPLE_LEVEL portable
#include "resample_pass.h"
#undef RESAMPLE_LEVEL

#ifdef RESAMPLE_X86
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2")
#endif
#define RESAMPLE_LEVEL avx2
#define RESAMPLE_AVX2 1
#include "resample_pass.h"
#undef RESAMPLE_AVX2
#undef RESAMPLE_LEVEL
#if defined(__clang__)
#pragma clang attribute pop
#pragma clang attribute push(__attribute__((target("avx2,avx512bw,avx512vl,avx512dq,avx512vnni"))), \
                             apply_to = function)
#else
#pragma GCC pop_options
#pragma GCC push_options
#pragma GCC target("avx2,avx512bw,avx512vl,avx512dq,avx512vnni,prefer-vector-width=512")
#endif
#define RESAMPLE_LEVEL avx512
#define RESAMPLE_AVX512 1
#include "resample_pass.h"
#undef RESAMPLE_AVX512
#undef RESAMPLE_LEVEL
#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif
#endif

#ifdef RESAMPLE_NEON
#define RESAMPLE_LEVEL neon
#include "resample_pass.h"
#undef RESAMPLE_LEVEL
#endif

#undef LEVEL

/* Levels that this machine can run, from the slowest: bit i stands for resample_names[i]. */
static const char *const resample_names[] = {"portable", "avx2", "avx512", "neon"};

static int resample_available(int level) {
    switch (level) {
    case 0:
        return 1;
#ifdef RESAMPLE_X86
    case 1:
        return __builtin_cpu_supports("avx2");
    case 2:
        return resample_available(1) && __builtin_cpu_supports("avx512bw") &&
               __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
               __builtin_cpu_supports("avx512vnni");
#endif
#ifdef RESAMPLE_NEON
    case 3:
        return 1;
#endif
    default:
        return 0;
    }
}

static void resample_frame(const resample_plan *plan, resample_convert *convert,
                           const void *context, uint8_t *target, ptrdiff_t pitch, uint8_t *scratch,
                           int level) {
    switch (level) {
#ifdef RESAMPLE_X86
    case 1:
        resample_frame_avx2(plan, convert, context, target, pitch, scratch);
        return;
    case 2:
        resample_frame_avx512(plan, convert, context, target, pitch, scratch);
        return;
#endif
#ifdef RESAMPLE_NEON
    case 3:
        resample_frame_neon(plan, convert, context, target, pitch, scratch);
        return;
#endif
    default:
        resample_frame_portable(plan, convert, context, target, pitch, scratch);
    }
}

#endif
