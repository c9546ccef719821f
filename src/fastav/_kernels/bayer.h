/* Mosaics: demosaicing, correction and camera packings, in C.
 *
 * Everything is written once as plain loops that compilers vectorise; on x86-64 with GCC or
 * Clang it is compiled a second time for AVX2, with hand-written shuffles where compilers do
 * badly, and the choice is made at run time. -DFASTAV_NO_AVX2 leaves the portable code alone,
 * which is how it is tested on a machine that has AVX2. Results are the same bits either way.
 *
 * Names in the row functions: v is the row itself; n and s are the rows to its north and south, nn
 * and ss those beyond; ew and ns are sums or averages of the neighbours to east and west, and to
 * north and south; nd and sd of the two diagonal neighbours in the north and in the south. c, g and o
 * are results: the row's own colour (red or blue), green, and the other colour. As types of macros, T
 * is a sample's, L a line's, P a product's, W a sum's.
 */
#ifndef FASTAV_BAYER_H
#define FASTAV_BAYER_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(__x86_64__) && defined(__GNUC__) && !defined(FASTAV_NO_AVX2)
#include <immintrin.h>
#define BAYER_AVX2
#define TARGET_AVX2 __attribute__((target("avx2")))
#endif

#ifdef _MSC_VER
#define INLINE static __forceinline
#define RESTRICT __restrict
#else
#define INLINE static inline __attribute__((always_inline))
#define RESTRICT __restrict__
#endif

typedef struct {
    const char *src;
    ptrdiff_t src_pitch;
    char *dst;
    ptrdiff_t dst_pitch;
    ptrdiff_t width, height;
    int red_x, red_y; /* parity of the columns and rows that hold red */
    int32_t maximum;  /* results are clipped to it */
    int32_t black[4]; /* R, G1, G2, B */
    int32_t gain[3];  /* R, G, B in units of 2^-shift; all 1 if shift is 0 */
    int shift;
} bayer_job;

/* The index within 0..size-1 that lies at `i` when the picture is mirrored about its outermost
 * samples, which are not repeated: parity, and with it the colour, is kept. Of a single sample
 * there is no such index (correction asks, and does not use the answer). */
INLINE ptrdiff_t bayer_mirror(ptrdiff_t i, ptrdiff_t size) {
    if (size == 1)
        return 0;
    while (i < 0 || i >= size)
        i = i < 0 ? -i : 2 * (size - 1) - i;
    return i;
}

/* ---- Demosaicing ---------------------------------------------------------------------------
 *
 * A picture is done in strips whose lines take BAYER_LINE_BYTES, so that a ring of them stays in
 * the first-level cache. Rows pass through the ring: samples less black, with BAYER_MARGIN
 * mirrored ones at both ends, so that the row functions know no edges. They compute BAYER_CHUNK
 * columns of three planar lines, which are then interleaved into the destination; the processor
 * still stores one chunk while it computes the next.
 *
 * T is the type of samples and results, L that of a line. Masks are of L, all ones or 0.
 */
enum { BAYER_LINE_BYTES = 4096, BAYER_CHUNK = 512, BAYER_MARGIN = 2, BAYER_LINES = 5 };

#define BAYER_SELECT(L, mask, there, elsewhere)                                                    \
    ((L)(((there) & (mask)) | ((elsewhere) & (L)~(mask))))

/* line[x] = max(sample - black, 0) for columns first-margin .. first+count+margin. `even` is the
 * mask of even columns. */
#define BAYER_PREPARE(NAME, T, L)                                                                  \
    INLINE void NAME(const bayer_job *job, ptrdiff_t y, ptrdiff_t first, ptrdiff_t count,          \
                     const L *RESTRICT even, L *RESTRICT line) {                                   \
        y = bayer_mirror(y, job->height);                                                          \
        const T *RESTRICT row = (const T *)(job->src + y * job->src_pitch) + first;                \
        const int32_t *pair = job->black + ((y & 1) == job->red_y ? 0 : 2);                        \
        const L black[2] = {(L)pair[job->red_x], (L)pair[!job->red_x]};                            \
        if ((black[0] | black[1]) == 0) {                                                          \
            for (ptrdiff_t x = 0; x < count; x++)                                                  \
                line[x] = (L)row[x];                                                               \
        } else {                                                                                   \
            for (ptrdiff_t x = 0; x < count; x++) {                                                \
                L sample = (L)row[x], floor = BAYER_SELECT(L, even[x], black[0], black[1]);        \
                line[x] = (L)((sample > floor ? sample : floor) - floor);                          \
            }                                                                                      \
        }                                                                                          \
        for (int i = 0; i < 2 * BAYER_MARGIN; i++) {                                               \
            ptrdiff_t x = i < BAYER_MARGIN ? i - BAYER_MARGIN : count + i - BAYER_MARGIN;          \
            L sample = (L)row[bayer_mirror(first + x, job->width) - first], floor = black[x & 1];  \
            line[x] = (L)((sample > floor ? sample : floor) - floor);                              \
        }                                                                                          \
    }

BAYER_PREPARE(bayer_line_8_8, uint8_t, uint8_t)
BAYER_PREPARE(bayer_line_8_16, uint8_t, int16_t)
BAYER_PREPARE(bayer_line_16_16, uint16_t, uint16_t)
BAYER_PREPARE(bayer_line_16_32, uint16_t, int32_t)

/* A sum in units of 2^-bits, rounded half up and clipped. */
#define BAYER_ROUND(W)                                                                             \
    INLINE W bayer_round_##W(W sum, int bits, W top) {                                             \
        sum = (W)((W)(sum + (((W)1 << bits) >> 1)) >> bits);                                       \
        sum = sum > 0 ? sum : 0;                                                                   \
        return sum < top ? sum : top;                                                              \
    }
BAYER_ROUND(int16_t)
BAYER_ROUND(int32_t)
/* Sums of 16-bit samples times gains need 45 bits. Doubles hold them exactly, and unlike 64-bit
 * integers they have vector instructions for all that is done here. Truncation is as good as a
 * floor because what lies below 0 is clipped. */
INLINE int32_t bayer_round_double(double sum, int bits, int32_t top) {
    int32_t rounded = (int32_t)(sum * (1.0 / (double)((int64_t)1 << bits)) + 0.5);
    rounded = rounded > 0 ? rounded : 0;
    return rounded < top ? rounded : top;
}

/* (a + b + 1) >> 1, in the forms that compilers keep within lanes of that width. */
INLINE uint8_t bayer_average_uint8_t(uint8_t a, uint8_t b) { return (uint8_t)((a + b + 1) >> 1); }
INLINE uint16_t bayer_average_uint16_t(uint16_t a, uint16_t b) {
    return (uint16_t)((a | b) - ((a ^ b) >> 1));
}

/* The row functions. `line[0]` is the row itself, line[-1] the one above, line[1] the one below.
 * `own` is the mask of the columns where the row holds its colour (red or blue, gain[0]) and not
 * green (gain[1]). They write that colour, green, and the other colour (gain[2]). */
#define BAYER_ROW(NAME, T, L)                                                                      \
    INLINE void NAME(const L *const *line, const L *RESTRICT own, ptrdiff_t count,                 \
                     const int32_t *gain, int shift, int32_t maximum, T *RESTRICT colour,          \
                     T *RESTRICT green, T *RESTRICT other)

/* Bilinear without gains. The rounded average of four is that of two rounded averages, less one
 * where both levels rounded up. */
#define BAYER_BILINEAR(NAME, T)                                                                    \
    BAYER_ROW(NAME, T, T) {                                                                        \
        const T *RESTRICT n = line[-1], *RESTRICT v = line[0], *RESTRICT s = line[1];              \
        const T top = (T)maximum;                                                                  \
        (void)gain, (void)shift;                                                                   \
        for (ptrdiff_t x = 0; x < count; x++) {                                                    \
            T ew = bayer_average_##T(v[x - 1], v[x + 1]), ns = bayer_average_##T(n[x], s[x]);      \
            T nd = bayer_average_##T(n[x - 1], n[x + 1]);                                          \
            T sd = bayer_average_##T(s[x - 1], s[x + 1]);                                          \
            T cross = bayer_average_##T(ew, ns), diagonal = bayer_average_##T(nd, sd);             \
            cross -= ((v[x - 1] ^ v[x + 1]) | (n[x] ^ s[x])) & (ew ^ ns) & 1;                      \
            diagonal -= ((n[x - 1] ^ n[x + 1]) | (s[x - 1] ^ s[x + 1])) & (nd ^ sd) & 1;           \
            T c = BAYER_SELECT(T, own[x], v[x], ew);                                               \
            T g = BAYER_SELECT(T, own[x], cross, v[x]);                                            \
            T o = BAYER_SELECT(T, own[x], diagonal, ns);                                           \
            colour[x] = c < top ? c : top;                                                         \
            green[x] = g < top ? g : top;                                                          \
            other[x] = o < top ? o : top;                                                          \
        }                                                                                          \
    }

/* Bilinear in quarters, times gains; P holds the products. */
#define BAYER_BILINEAR_GAIN(NAME, T, L, P)                                                         \
    BAYER_ROW(NAME, T, L) {                                                                        \
        const L *RESTRICT n = line[-1], *RESTRICT v = line[0], *RESTRICT s = line[1];              \
        const P gain_c = (P)gain[0], gain_g = (P)gain[1], gain_o = (P)gain[2];                     \
        for (ptrdiff_t x = 0; x < count; x++) {                                                    \
            L here = (L)(4 * v[x]), ew = (L)(v[x - 1] + v[x + 1]), ns = (L)(n[x] + s[x]);          \
            L diagonal = (L)(n[x - 1] + n[x + 1] + s[x - 1] + s[x + 1]);                           \
            P c = (P)BAYER_SELECT(L, own[x], here, (L)(2 * ew)) * gain_c;                          \
            P g = (P)BAYER_SELECT(L, own[x], (L)(ew + ns), here) * gain_g;                         \
            P o = (P)BAYER_SELECT(L, own[x], diagonal, (L)(2 * ns)) * gain_o;                      \
            colour[x] = (T)bayer_round_##P(c, shift + 2, maximum);                                 \
            green[x] = (T)bayer_round_##P(g, shift + 2, maximum);                                  \
            other[x] = (T)bayer_round_##P(o, shift + 2, maximum);                                  \
        }                                                                                          \
    }

/* Malvar, He and Cutler's filters in sixteenths: what the row's colour, green and the other colour
 * add to each result, mixed by MIX in P. */
#define BAYER_MALVAR(NAME, T, L, P, MIX)                                                           \
    BAYER_ROW(NAME, T, L) {                                                                        \
        const L *RESTRICT nn = line[-2], *RESTRICT n = line[-1], *RESTRICT v = line[0];            \
        const L *RESTRICT s = line[1], *RESTRICT ss = line[2];                                     \
        const P gain_c = (P)gain[0], gain_g = (P)gain[1], gain_o = (P)gain[2];                     \
        (void)gain_c, (void)gain_g, (void)gain_o;                                                  \
        for (ptrdiff_t x = 0; x < count; x++) {                                                    \
            const L in = own[x], out = (L)~own[x], here = v[x];                                    \
            L ew = (L)(v[x - 1] + v[x + 1]), ns = (L)(n[x] + s[x]);                                \
            L diagonal = (L)(n[x - 1] + n[x + 1] + s[x - 1] + s[x + 1]);                           \
            L far_ew = (L)(v[x - 2] + v[x + 2]), far_ns = (L)(nn[x] + ss[x]);                      \
            L far = (L)(far_ew + far_ns), at_green = (L)(10 * here - 2 * (diagonal + far));        \
            P c = MIX(P, ((16 * here) & in) | ((8 * ew) & out), (at_green + 3 * far_ns) & out, 0); \
            P g = MIX(P, (8 * here - 2 * far) & in, ((4 * (ew + ns)) & in) | ((16 * here) & out),  \
                      0);                                                                          \
            P o = MIX(P, (12 * here - 3 * far) & in, (at_green + 3 * far_ew) & out,                \
                      ((4 * diagonal) & in) | ((8 * ns) & out));                                   \
            colour[x] = (T)bayer_round_##P(c, shift + 4, (P)maximum);                              \
            green[x] = (T)bayer_round_##P(g, shift + 4, (P)maximum);                               \
            other[x] = (T)bayer_round_##P(o, shift + 4, (P)maximum);                               \
        }                                                                                          \
    }
#define BAYER_SUM(P, c, g, o) (P)((c) + (g) + (o))
#define BAYER_WEIGH(P, c, g, o) ((P)(c) * gain_c + (P)(g) * gain_g + (P)(o) * gain_o)

BAYER_BILINEAR(bayer_bilinear_row_8, uint8_t)
BAYER_BILINEAR(bayer_bilinear_row_16, uint16_t)
BAYER_BILINEAR_GAIN(bayer_bilinear_row_gain_8, uint8_t, int16_t, int32_t)
BAYER_BILINEAR_GAIN(bayer_bilinear_row_gain_16, uint16_t, int32_t, double)
BAYER_MALVAR(bayer_malvar_row_8, uint8_t, int16_t, int16_t, BAYER_SUM)
BAYER_MALVAR(bayer_malvar_row_16, uint16_t, int32_t, int32_t, BAYER_SUM)
BAYER_MALVAR(bayer_malvar_row_gain_8, uint8_t, int16_t, int32_t, BAYER_WEIGH)
BAYER_MALVAR(bayer_malvar_row_gain_16, uint16_t, int32_t, double, BAYER_WEIGH)

/* Three planar lines to packed pixels. */
typedef void bayer_interleave(char *dst, const void *r, const void *g, const void *b,
                              ptrdiff_t count, int itemsize);

#define BAYER_PACK(T)                                                                              \
    for (ptrdiff_t x = 0; x < count; x++) {                                                        \
        ((T *)dst)[3 * x] = ((const T *)r)[x];                                                     \
        ((T *)dst)[3 * x + 1] = ((const T *)g)[x];                                                 \
        ((T *)dst)[3 * x + 2] = ((const T *)b)[x];                                                 \
    }

static void bayer_interleave_portable(char *RESTRICT dst, const void *RESTRICT r,
                                      const void *RESTRICT g, const void *RESTRICT b,
                                      ptrdiff_t count, int itemsize) {
    if (itemsize == 1) {
        BAYER_PACK(uint8_t)
    } else {
        BAYER_PACK(uint16_t)
    }
}

#ifdef BAYER_AVX2
/* Output vector i takes its bytes of channel c from input bytes table[itemsize - 1][i][c]. */
#define Z -128
static const int8_t bayer_pack_table[2][3][3][16] = {
    {{{0, Z, Z, 1, Z, Z, 2, Z, Z, 3, Z, Z, 4, Z, Z, 5},
      {Z, 0, Z, Z, 1, Z, Z, 2, Z, Z, 3, Z, Z, 4, Z, Z},
      {Z, Z, 0, Z, Z, 1, Z, Z, 2, Z, Z, 3, Z, Z, 4, Z}},
     {{Z, Z, 6, Z, Z, 7, Z, Z, 8, Z, Z, 9, Z, Z, 10, Z},
      {5, Z, Z, 6, Z, Z, 7, Z, Z, 8, Z, Z, 9, Z, Z, 10},
      {Z, 5, Z, Z, 6, Z, Z, 7, Z, Z, 8, Z, Z, 9, Z, Z}},
     {{Z, 11, Z, Z, 12, Z, Z, 13, Z, Z, 14, Z, Z, 15, Z, Z},
      {Z, Z, 11, Z, Z, 12, Z, Z, 13, Z, Z, 14, Z, Z, 15, Z},
      {10, Z, Z, 11, Z, Z, 12, Z, Z, 13, Z, Z, 14, Z, Z, 15}}},
    {{{0, 1, Z, Z, Z, Z, 2, 3, Z, Z, Z, Z, 4, 5, Z, Z},
      {Z, Z, 0, 1, Z, Z, Z, Z, 2, 3, Z, Z, Z, Z, 4, 5},
      {Z, Z, Z, Z, 0, 1, Z, Z, Z, Z, 2, 3, Z, Z, Z, Z}},
     {{Z, Z, 6, 7, Z, Z, Z, Z, 8, 9, Z, Z, Z, Z, 10, 11},
      {Z, Z, Z, Z, 6, 7, Z, Z, Z, Z, 8, 9, Z, Z, Z, Z},
      {4, 5, Z, Z, Z, Z, 6, 7, Z, Z, Z, Z, 8, 9, Z, Z}},
     {{Z, Z, Z, Z, 12, 13, Z, Z, Z, Z, 14, 15, Z, Z, Z, Z},
      {10, 11, Z, Z, Z, Z, 12, 13, Z, Z, Z, Z, 14, 15, Z, Z},
      {Z, Z, 10, 11, Z, Z, Z, Z, 12, 13, Z, Z, Z, Z, 14, 15}}},
};
#undef Z

TARGET_AVX2 static void bayer_interleave_avx2(char *RESTRICT dst, const void *RESTRICT r,
                                              const void *RESTRICT g, const void *RESTRICT b,
                                              ptrdiff_t count, int itemsize) {
    const ptrdiff_t vectors = count * itemsize / 32;
    __m256i table[3][3];
    for (int i = 0; i < 3; i++)
        for (int c = 0; c < 3; c++)
            table[i][c] = _mm256_broadcastsi128_si256(
                _mm_loadu_si128((const __m128i *)bayer_pack_table[itemsize - 1][i][c]));
    for (ptrdiff_t k = 0; k < vectors; k++) {
        __m256i in[3], out[3];
        in[0] = _mm256_loadu_si256((const __m256i *)r + k);
        in[1] = _mm256_loadu_si256((const __m256i *)g + k);
        in[2] = _mm256_loadu_si256((const __m256i *)b + k);
        for (int i = 0; i < 3; i++)
            out[i] = _mm256_or_si256(_mm256_or_si256(_mm256_shuffle_epi8(in[0], table[i][0]),
                                                     _mm256_shuffle_epi8(in[1], table[i][1])),
                                     _mm256_shuffle_epi8(in[2], table[i][2]));
        char *to = dst + k * 96;
        _mm256_storeu_si256((__m256i *)to, _mm256_permute2x128_si256(out[0], out[1], 0x20));
        _mm256_storeu_si256((__m256i *)(to + 32), _mm256_blend_epi32(out[2], out[0], 0xf0));
        _mm256_storeu_si256((__m256i *)(to + 64), _mm256_permute2x128_si256(out[1], out[2], 0x31));
    }
    bayer_interleave_portable(dst + vectors * 96, (const char *)r + vectors * 32,
                              (const char *)g + vectors * 32, (const char *)b + vectors * 32,
                              count - vectors * 32 / itemsize, itemsize);
}
#endif

#define BAYER_EVEN(L, even, count)                                                                 \
    for (ptrdiff_t x = 0; x < (count); x++)                                                        \
        (even)[x] = (L)(x & 1 ? 0 : -1);

#define BAYER_DEMOSAIC(NAME, PREPARE, ROW, T, L, REACH)                                            \
    INLINE void NAME(const bayer_job *job, bayer_interleave *interleave) {                         \
        enum { STRIP = BAYER_LINE_BYTES / sizeof(L) };                                             \
        L ring[BAYER_LINES][STRIP + 2 * BAYER_MARGIN], even[STRIP + 1];                            \
        T planar[3][BAYER_CHUNK];                                                                  \
        BAYER_EVEN(L, even, STRIP + 1)                                                             \
        for (ptrdiff_t first = 0; first < job->width; first += STRIP) {                            \
            ptrdiff_t left = job->width - first, count = left < STRIP ? left : STRIP;              \
            L *line[BAYER_LINES]; /* rows y-2 .. y+2, as far as REACH goes */                      \
            for (int i = 0; i < BAYER_LINES; i++) {                                                \
                line[i] = ring[i] + BAYER_MARGIN;                                                  \
                if (i > 2 - REACH && i <= 2 + REACH)                                               \
                    PREPARE(job, i - 3, first, count, even, line[i]);                              \
            }                                                                                      \
            for (ptrdiff_t y = 0; y < job->height; y++) {                                          \
                L *free = line[2 - REACH];                                                         \
                for (int i = 2 - REACH; i < 2 + REACH; i++)                                        \
                    line[i] = line[i + 1];                                                         \
                line[2 + REACH] = free;                                                            \
                PREPARE(job, y + REACH, first, count, even, free);                                 \
                int c = (y & 1) == job->red_y ? 0 : 2, parity = c ? !job->red_x : job->red_x;      \
                int32_t gain[3] = {job->gain[c], job->gain[1], job->gain[2 - c]};                  \
                char *to = job->dst + (y * job->dst_pitch + first * 3 * (ptrdiff_t)sizeof(T));     \
                for (ptrdiff_t x = 0; x < count; x += BAYER_CHUNK) {                               \
                    const L *at[BAYER_LINES];                                                      \
                    for (int i = 2 - REACH; i <= 2 + REACH; i++)                                   \
                        at[i] = line[i] + x;                                                       \
                    ptrdiff_t some = count - x < BAYER_CHUNK ? count - x : BAYER_CHUNK;            \
                    ROW(at + 2, even + parity, some, gain, job->shift, job->maximum, planar[c],    \
                        planar[1], planar[2 - c]);                                                 \
                    interleave(to + x * 3 * (ptrdiff_t)sizeof(T), planar[0], planar[1], planar[2], \
                               some, (int)sizeof(T));                                              \
                }                                                                                  \
            }                                                                                      \
        }                                                                                          \
    }

BAYER_DEMOSAIC(bayer_bilinear_8, bayer_line_8_8, bayer_bilinear_row_8, uint8_t, uint8_t, 1)
BAYER_DEMOSAIC(bayer_bilinear_16, bayer_line_16_16, bayer_bilinear_row_16, uint16_t, uint16_t, 1)
BAYER_DEMOSAIC(bayer_bilinear_gain_8, bayer_line_8_16, bayer_bilinear_row_gain_8, uint8_t, int16_t,
               1)
BAYER_DEMOSAIC(bayer_bilinear_gain_16, bayer_line_16_32, bayer_bilinear_row_gain_16, uint16_t,
               int32_t, 1)
BAYER_DEMOSAIC(bayer_malvar_8, bayer_line_8_16, bayer_malvar_row_8, uint8_t, int16_t, 2)
BAYER_DEMOSAIC(bayer_malvar_16, bayer_line_16_32, bayer_malvar_row_16, uint16_t, int32_t, 2)
BAYER_DEMOSAIC(bayer_malvar_gain_8, bayer_line_8_16, bayer_malvar_row_gain_8, uint8_t, int16_t, 2)
BAYER_DEMOSAIC(bayer_malvar_gain_16, bayer_line_16_32, bayer_malvar_row_gain_16, uint16_t, int32_t,
               2)

INLINE void bayer_demosaic_any(const bayer_job *job, int itemsize, int malvar,
                               bayer_interleave *interleave) {
    switch (itemsize << 2 | malvar << 1 | (job->shift != 0)) {
    case 4: bayer_bilinear_8(job, interleave); break;
    case 5: bayer_bilinear_gain_8(job, interleave); break;
    case 6: bayer_malvar_8(job, interleave); break;
    case 7: bayer_malvar_gain_8(job, interleave); break;
    case 8: bayer_bilinear_16(job, interleave); break;
    case 9: bayer_bilinear_gain_16(job, interleave); break;
    case 10: bayer_malvar_16(job, interleave); break;
    default: bayer_malvar_gain_16(job, interleave); break;
    }
}

/* ---- Correction of the mosaic alone -------------------------------------------------------- */

/* Source and destination may be the same picture: a strip is read before it is written, and what
 * the lines' margins hold is not used. */
#define BAYER_CORRECT(NAME, PREPARE, T, L, P)                                                      \
    INLINE void NAME(const bayer_job *job) {                                                       \
        enum { STRIP = BAYER_LINE_BYTES / sizeof(L) };                                             \
        L padded[STRIP + 2 * BAYER_MARGIN], even[STRIP], *line = padded + BAYER_MARGIN;            \
        const int shift = job->shift;                                                              \
        const int32_t top = job->maximum;                                                          \
        BAYER_EVEN(L, even, STRIP)                                                                 \
        for (ptrdiff_t y = 0; y < job->height; y++) {                                              \
            int c = (y & 1) == job->red_y ? 0 : 2;                                                 \
            const int32_t gain0 = job->gain[job->red_x ^ (c != 0) ? 1 : c];                        \
            const int32_t gain1 = job->gain[job->red_x ^ (c != 0) ? c : 1];                        \
            for (ptrdiff_t first = 0; first < job->width; first += STRIP) {                        \
                ptrdiff_t left = job->width - first, count = left < STRIP ? left : STRIP;          \
                T *RESTRICT to = (T *)(job->dst + y * job->dst_pitch) + first;                     \
                PREPARE(job, y, first, count, even, line);                                         \
                for (ptrdiff_t x = 0; x < count; x++) {                                            \
                    P gain = (P)BAYER_SELECT(int32_t, (int32_t)even[x], gain0, gain1);             \
                    to[x] = (T)bayer_round_##P((P)line[x] * gain, shift, top);                     \
                }                                                                                  \
            }                                                                                      \
        }                                                                                          \
    }
BAYER_CORRECT(bayer_correct_8, bayer_line_8_16, uint8_t, int16_t, int32_t)
BAYER_CORRECT(bayer_correct_16, bayer_line_16_32, uint16_t, int32_t, double)

INLINE void bayer_correct_any(const bayer_job *job, int itemsize) {
    if (itemsize == 1)
        bayer_correct_8(job);
    else
        bayer_correct_16(job);
}

/* ---- Camera packings -----------------------------------------------------------------------
 *
 * In every packing here eight samples fill `bits` bytes, and sample i of the eight is
 *     high byte << low_bits | low_bits bits of a little-endian 16-bit window, at some bit offset
 * (CSI-2 keeps the top eight bits in a byte of their own; PFNC's have no such byte). A packing is
 * therefore a table of byte positions and offsets.
 */
typedef struct {
    int8_t high[16], low[16]; /* bytes of each 16-bit lane, -128: zero */
    uint16_t scale[8];        /* moves the window's wanted bits to the top of 16 */
    int bits, low_bits;
} bayer_packing;

/* MIPI CSI-2: groups of 4 (RAW10, RAW14) or 2 (RAW12) samples: their high bytes, then the low bits
 * of all of them, lowest sample in the lowest bits. */
INLINE void bayer_packing_mipi(bayer_packing *packing, int bits) {
    const int low_bits = bits - 8, samples = bits == 12 ? 2 : 4;
    packing->bits = bits;
    packing->low_bits = low_bits;
    for (int i = 0; i < 8; i++) {
        int group = i / samples * samples * bits / 8, at = i % samples * low_bits;
        int end = group + samples * bits / 8, byte = group + samples + at / 8;
        packing->high[2 * i] = (int8_t)(group + i % samples);
        packing->high[2 * i + 1] = -128;
        packing->low[2 * i] = (int8_t)byte;
        packing->low[2 * i + 1] = (int8_t)(byte + 1 < end ? byte + 1 : -128);
        packing->scale[i] = (uint16_t)(1 << (16 - low_bits - at % 8));
    }
}

/* PFNC's "p": samples of 10 or 12 bits one after the other from the lowest bit on; the first one
 * begins at bit `offset` (even for 10 bits, 0 or 4 for 12) of the first byte. */
INLINE void bayer_packing_lsb(bayer_packing *packing, int bits, int offset) {
    packing->bits = bits;
    packing->low_bits = bits;
    for (int i = 0; i < 8; i++) {
        int at = offset + i * bits;
        packing->high[2 * i] = packing->high[2 * i + 1] = -128;
        packing->low[2 * i] = (int8_t)(at / 8);
        packing->low[2 * i + 1] = (int8_t)(at / 8 + 1);
        packing->scale[i] = (uint16_t)(1 << (16 - bits - at % 8));
    }
}

/* One row of `count` samples, from sample `first` (a multiple of 8) on. */
INLINE void bayer_unpack_row_portable(const uint8_t *RESTRICT src, uint16_t *RESTRICT dst,
                                      ptrdiff_t first, ptrdiff_t count,
                                      const bayer_packing *packing) {
    for (ptrdiff_t x = first; x < count; x++) {
        const uint8_t *group = src + (x >> 3) * packing->bits;
        const int8_t *high = packing->high + 2 * (x & 7), *low = packing->low + 2 * (x & 7);
        unsigned window = group[low[0]] | (low[1] < 0 ? 0u : (unsigned)group[low[1]] << 8);
        window = (window * packing->scale[x & 7] & 0xffff) >> (16 - packing->low_bits);
        dst[x] = (uint16_t)((high[0] < 0 ? 0u : (unsigned)group[high[0]] << packing->low_bits) |
                            window);
    }
}

#ifdef BAYER_AVX2
/* As far as 16-byte loads stay within the row's `size` bytes; returns the samples done. */
TARGET_AVX2 static ptrdiff_t bayer_unpack_row_avx2(const uint8_t *RESTRICT src, ptrdiff_t size,
                                                   uint16_t *RESTRICT dst, ptrdiff_t count,
                                                   const bayer_packing *packing) {
    const int bits = packing->bits;
    const __m256i high = _mm256_broadcastsi128_si256(_mm_loadu_si128((__m128i *)packing->high));
    const __m256i low = _mm256_broadcastsi128_si256(_mm_loadu_si128((__m128i *)packing->low));
    const __m256i scale = _mm256_broadcastsi128_si256(_mm_loadu_si128((__m128i *)packing->scale));
    const __m128i up = _mm_cvtsi32_si128(packing->low_bits);
    const __m128i down = _mm_cvtsi32_si128(16 - packing->low_bits);
    ptrdiff_t x = 0;
    for (; x + 16 <= count && x / 8 * bits + bits + 16 <= size; x += 16) {
        const uint8_t *at = src + x / 8 * bits;
        __m256i bytes = _mm256_inserti128_si256(
            _mm256_castsi128_si256(_mm_loadu_si128((const __m128i *)at)),
            _mm_loadu_si128((const __m128i *)(at + bits)), 1);
        __m256i window = _mm256_mullo_epi16(_mm256_shuffle_epi8(bytes, low), scale);
        __m256i top = _mm256_sll_epi16(_mm256_shuffle_epi8(bytes, high), up);
        _mm256_storeu_si256((__m256i *)(dst + x),
                            _mm256_or_si256(top, _mm256_srl_epi16(window, down)));
    }
    return x;
}
#endif

/* ---- Entry points: the same work for the instruction set at hand --------------------------- */

#ifdef BAYER_AVX2
TARGET_AVX2 static void bayer_demosaic_avx2(const bayer_job *job, int itemsize, int malvar) {
    bayer_demosaic_any(job, itemsize, malvar, bayer_interleave_avx2);
}
TARGET_AVX2 static void bayer_correct_avx2(const bayer_job *job, int itemsize) {
    bayer_correct_any(job, itemsize);
}
#endif

static void bayer_demosaic(const bayer_job *job, int itemsize, int malvar) {
#ifdef BAYER_AVX2
    if (__builtin_cpu_supports("avx2")) {
        bayer_demosaic_avx2(job, itemsize, malvar);
        return;
    }
#endif
    bayer_demosaic_any(job, itemsize, malvar, bayer_interleave_portable);
}

static void bayer_correct(const bayer_job *job, int itemsize) {
#ifdef BAYER_AVX2
    if (__builtin_cpu_supports("avx2")) {
        bayer_correct_avx2(job, itemsize);
        return;
    }
#endif
    bayer_correct_any(job, itemsize);
}

static void bayer_unpack_row(char *dst, const char *src, ptrdiff_t width,
                             const bayer_packing *packing) {
    ptrdiff_t done = 0;
#ifdef BAYER_AVX2
    if (__builtin_cpu_supports("avx2"))
        done = bayer_unpack_row_avx2((const uint8_t *)src, width * packing->bits / 8,
                                     (uint16_t *)dst, width, packing);
#endif
    bayer_unpack_row_portable((const uint8_t *)src, (uint16_t *)dst, done, width, packing);
}

static void bayer_unpack_mipi(char *dst, ptrdiff_t dst_pitch, const char *src, ptrdiff_t src_pitch,
                              ptrdiff_t width, ptrdiff_t height, int bits) {
    bayer_packing packing;
    bayer_packing_mipi(&packing, bits);
    for (ptrdiff_t y = 0; y < height; y++)
        bayer_unpack_row(dst + y * dst_pitch, src + y * src_pitch, width, &packing);
}

static void bayer_unpack_lsb(char *dst, ptrdiff_t dst_pitch, const char *src, ptrdiff_t bit_pitch,
                             ptrdiff_t width, ptrdiff_t height, int bits) {
    for (ptrdiff_t y = 0; y < height; y++) {
        bayer_packing packing;
        bayer_packing_lsb(&packing, bits, (int)(y * bit_pitch & 7));
        bayer_unpack_row(dst + y * dst_pitch, src + (y * bit_pitch >> 3), width, &packing);
    }
}

#endif
