/* Row loops of bits_c: words that several components share, to and from an element for each.
 *
 * A pixel's component c is (pixel >> shifts[c]) & masks[c]. Pixels of 8, 16 and 32 bits are words of
 * their own; smaller ones follow each other from the most significant bit of a byte on. Components of
 * 32-bit pixels are 16 bits wide, all others 8. */
#ifndef FASTAV_BITS_H
#define FASTAV_BITS_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef struct {
    int count;
    int shifts[4];
    uint32_t masks[4];
} bit_fields;

static inline uint8_t word8(const uint8_t *p, int swapped) {
    (void)swapped;
    return *p;
}
static inline uint16_t word16(const uint8_t *p, int swapped) {
    uint16_t v;
    memcpy(&v, p, sizeof v);
    return swapped ? (uint16_t)(v << 8 | v >> 8) : v;
}
static inline uint32_t word32(const uint8_t *p, int swapped) {
    uint32_t v;
    memcpy(&v, p, sizeof v);
    return swapped ? v << 24 | (v << 8 & 0xff0000u) | (v >> 8 & 0xff00u) | v >> 24 : v;
}

/* Loops for one width of word and of component; `count` and `swapped` are constants where called. */
#define FASTAV_WORD_LOOPS(WORD, ITEM)                                                              \
    static inline void expand_loop##WORD(uint8_t *restrict dst, const uint8_t *restrict src,       \
                                         ptrdiff_t width, int count, int swapped,                  \
                                         const bit_fields *f) {                                    \
        const int s0 = f->shifts[0], s1 = f->shifts[1], s2 = f->shifts[2], s3 = f->shifts[3];      \
        const uint32_t m0 = f->masks[0], m1 = f->masks[1], m2 = f->masks[2], m3 = f->masks[3];     \
        for (ptrdiff_t x = 0; x < width; x++) {                                                    \
            const uint32_t v = word##WORD(src + x * (WORD / 8), swapped);                          \
            uint##ITEM##_t to[4] = {(uint##ITEM##_t)(v >> s0 & m0), (uint##ITEM##_t)(v >> s1 & m1), \
                                    (uint##ITEM##_t)(v >> s2 & m2), (uint##ITEM##_t)(v >> s3 & m3)}; \
            memcpy(dst + x * count * (ITEM / 8), to, (size_t)count * (ITEM / 8));                  \
        }                                                                                          \
    }                                                                                              \
    static inline uint32_t collapse_loop##WORD(uint8_t *restrict dst, const uint8_t *restrict src, \
                                               ptrdiff_t width, int count, int swapped,            \
                                               const bit_fields *f) {                              \
        uint32_t excess = 0;                                                                       \
        for (ptrdiff_t x = 0; x < width; x++) {                                                    \
            uint32_t v = 0;                                                                        \
            for (int c = 0; c < count; c++) {                                                      \
                uint##ITEM##_t from;                                                               \
                memcpy(&from, src + (x * count + c) * (ITEM / 8), sizeof from);                    \
                excess |= from & ~f->masks[c];                                                     \
                v |= (from & f->masks[c]) << f->shifts[c];                                         \
            }                                                                                      \
            uint##WORD##_t word = (uint##WORD##_t)v;                                               \
            word = word##WORD((const uint8_t *)&word, swapped);                                    \
            memcpy(dst + x * (WORD / 8), &word, sizeof word);                                      \
        }                                                                                          \
        return excess;                                                                             \
    }

FASTAV_WORD_LOOPS(8, 8)
FASTAV_WORD_LOOPS(16, 8)
FASTAV_WORD_LOOPS(32, 16)

/* All word formats have three components. */
#define FASTAV_EACH_ROW_OF_WORDS(CALL, WORD)                                                       \
    (swapped ? CALL##WORD(to, from, width, 3, 1, fields) : CALL##WORD(to, from, width, 3, 0, fields))

static inline void expand_stream(uint8_t *restrict dst, const uint8_t *restrict src,
                                 int pixel_bits, ptrdiff_t width, const bit_fields *f) {
    const int per_byte = 8 / pixel_bits;
    for (ptrdiff_t x = 0; x < width; x++) {
        const uint32_t v = src[x / per_byte] >> (8 - pixel_bits * (1 + x % per_byte));
        for (int c = 0; c < f->count; c++)
            dst[x * f->count + c] = (uint8_t)(v >> f->shifts[c] & f->masks[c]);
    }
}

static inline uint32_t collapse_stream(uint8_t *restrict dst, const uint8_t *restrict src,
                                       int pixel_bits, ptrdiff_t width, const bit_fields *f) {
    const int per_byte = 8 / pixel_bits;
    uint32_t excess = 0;
    memset(dst, 0, (size_t)((width + per_byte - 1) / per_byte));
    for (ptrdiff_t x = 0; x < width; x++) {
        uint32_t v = 0;
        for (int c = 0; c < f->count; c++) {
            const uint32_t from = src[x * f->count + c];
            excess |= from & ~f->masks[c];
            v |= (from & f->masks[c]) << f->shifts[c];
        }
        dst[x / per_byte] |= (uint8_t)(v << (8 - pixel_bits * (1 + x % per_byte)));
    }
    return excess;
}

static void bits_expand(uint8_t *dst, ptrdiff_t dst_pitch, const uint8_t *src, ptrdiff_t src_pitch,
                        int pixel_bits, int swapped, const bit_fields *fields, ptrdiff_t width,
                        ptrdiff_t height) {
    for (ptrdiff_t y = 0; y < height; y++) {
        uint8_t *to = dst + y * dst_pitch;
        const uint8_t *from = src + y * src_pitch;
        if (pixel_bits == 32) FASTAV_EACH_ROW_OF_WORDS(expand_loop, 32);
        else if (pixel_bits == 16) FASTAV_EACH_ROW_OF_WORDS(expand_loop, 16);
        else if (pixel_bits == 8) expand_loop8(to, from, width, 3, 0, fields);
        else expand_stream(to, from, pixel_bits, width, fields);
    }
}

static uint32_t bits_collapse(uint8_t *dst, ptrdiff_t dst_pitch, const uint8_t *src,
                              ptrdiff_t src_pitch, int pixel_bits, int swapped,
                              const bit_fields *fields, ptrdiff_t width, ptrdiff_t height) {
    uint32_t excess = 0;
    for (ptrdiff_t y = 0; y < height; y++) {
        uint8_t *to = dst + y * dst_pitch;
        const uint8_t *from = src + y * src_pitch;
        if (pixel_bits == 32) excess |= FASTAV_EACH_ROW_OF_WORDS(collapse_loop, 32);
        else if (pixel_bits == 16) excess |= FASTAV_EACH_ROW_OF_WORDS(collapse_loop, 16);
        else if (pixel_bits == 8) excess |= collapse_loop8(to, from, width, 3, 0, fields);
        else excess |= collapse_stream(to, from, pixel_bits, width, fields);
    }
    return excess;
}

#endif
