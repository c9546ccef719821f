/* Row loops of bits_c: words that several components share, to and from an element for each.
 *
 * A pixel's component c is (pixel >> shifts[c]) & masks[c]. Pixels of 8, 16 and 32 bits are words
 * of their own and have three components; smaller ones follow each other from the most significant
 * bit of a byte on. Components of 32-bit pixels are 16 bits wide, all others 8.
 *
 * Names: x and y are a pixel's column and row, c a component; v is a stored word; f the fields of a
 * pixel; excess the bits of values that do not fit, 0 if all is well. WORD and ITEM are bits.
 */
#ifndef FASTAV_BITS_H
#define FASTAV_BITS_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "byte_order.h"

#ifdef _MSC_VER
#define BITS_INLINE static __forceinline
#else
#define BITS_INLINE static inline __attribute__((always_inline))
#endif

typedef struct {
    int count;
    int shifts[4];
    uint32_t masks[4];
} bit_fields;

/* Loops for one width of word and of component; `swapped` is a constant where they are called. */
#define FASTAV_WORD_LOOPS(WORD, ITEM)                                                              \
    BITS_INLINE void expand_row##WORD(uint8_t *dst, const uint8_t *src, ptrdiff_t width,         \
                                        int swapped, const bit_fields *fields) {                   \
        const bit_fields f = *fields; /* which no store to dst can change */                       \
        for (ptrdiff_t x = 0; x < width; x++) {                                                    \
            uint##WORD##_t v;                                                                      \
            memcpy(&v, src + x * (WORD / 8), sizeof v);                                            \
            if (swapped) v = swapped##WORD(v);                                                   \
            for (int c = 0; c < 3; c++) {                                                          \
                const uint32_t bits = (uint32_t)v >> f.shifts[c] & f.masks[c];                     \
                const uint##ITEM##_t value = (uint##ITEM##_t)bits;                                 \
                memcpy(dst + (3 * x + c) * (ITEM / 8), &value, sizeof value);                      \
            }                                                                                      \
        }                                                                                          \
    }                                                                                              \
    BITS_INLINE uint32_t collapse_row##WORD(uint8_t *dst, const uint8_t *src, ptrdiff_t width,   \
                                              int swapped, const bit_fields *fields) {             \
        const bit_fields f = *fields;                                                              \
        uint32_t excess = 0;                                                                       \
        for (ptrdiff_t x = 0; x < width; x++) {                                                    \
            uint32_t pixel = 0;                                                                    \
            for (int c = 0; c < 3; c++) {                                                          \
                uint##ITEM##_t value;                                                              \
                memcpy(&value, src + (3 * x + c) * (ITEM / 8), sizeof value);                      \
                excess |= value & ~f.masks[c];                                                     \
                pixel |= (value & f.masks[c]) << f.shifts[c];                                      \
            }                                                                                      \
            uint##WORD##_t v = (uint##WORD##_t)pixel;                                              \
            if (swapped) v = swapped##WORD(v);                                                   \
            memcpy(dst + x * (WORD / 8), &v, sizeof v);                                            \
        }                                                                                          \
        return excess;                                                                             \
    }

FASTAV_WORD_LOOPS(8, 8)
FASTAV_WORD_LOOPS(16, 8)
FASTAV_WORD_LOOPS(32, 16)

/* `bits` and `count` are constants where these are called. */
BITS_INLINE void expand_byte(uint8_t *dst, uint32_t byte, int pixels, int bits, int count,
                               const bit_fields *f) {
    for (int x = 0; x < pixels; x++) {
        const uint32_t pixel = byte >> (8 - bits * (1 + x));
        for (int c = 0; c < count; c++)
            dst[x * count + c] = (uint8_t)(pixel >> f->shifts[c] & f->masks[c]);
    }
}

BITS_INLINE uint32_t collapse_byte(uint8_t *dst, const uint8_t *src, int pixels, int bits,
                                     int count, const bit_fields *f) {
    uint32_t excess = 0, byte = 0;
    for (int x = 0; x < pixels; x++)
        for (int c = 0; c < count; c++) {
            const uint32_t value = src[x * count + c];
            excess |= value & ~f->masks[c];
            byte |= (value & f->masks[c]) << f->shifts[c] << (8 - bits * (1 + x));
        }
    *dst = (uint8_t)byte;
    return excess;
}

BITS_INLINE void expand_stream(uint8_t *dst, const uint8_t *src, ptrdiff_t width, int bits,
                                 int count, const bit_fields *fields) {
    const bit_fields f = *fields;
    const int per_byte = 8 / bits, rest = (int)(width % per_byte);
    const ptrdiff_t whole = width / per_byte;
    for (ptrdiff_t i = 0; i < whole; i++)
        expand_byte(dst + i * per_byte * count, src[i], per_byte, bits, count, &f);
    if (rest) expand_byte(dst + whole * per_byte * count, src[whole], rest, bits, count, &f);
}

BITS_INLINE uint32_t collapse_stream(uint8_t *dst, const uint8_t *src, ptrdiff_t width, int bits,
                                       int count, const bit_fields *fields) {
    const bit_fields f = *fields;
    const int per_byte = 8 / bits, rest = (int)(width % per_byte);
    const ptrdiff_t whole = width / per_byte;
    uint32_t excess = 0;
    for (ptrdiff_t i = 0; i < whole; i++)
        excess |= collapse_byte(dst + i, src + i * per_byte * count, per_byte, bits, count, &f);
    if (rest)
        excess |= collapse_byte(dst + whole, src + whole * per_byte * count, rest, bits, count, &f);
    return excess;
}

static void bits_expand(uint8_t *dst, ptrdiff_t dst_pitch, const uint8_t *src, ptrdiff_t src_pitch,
                        int pixel_bits, int swapped, const bit_fields *fields, ptrdiff_t width,
                        ptrdiff_t height) {
    for (ptrdiff_t y = 0; y < height; y++, dst += dst_pitch, src += src_pitch) {
        if (pixel_bits == 1) expand_stream(dst, src, width, 1, 1, fields);
        else if (pixel_bits == 4) expand_stream(dst, src, width, 4, 3, fields);
        else if (pixel_bits == 8) expand_row8(dst, src, width, 0, fields);
        else if (pixel_bits == 16 && swapped) expand_row16(dst, src, width, 1, fields);
        else if (pixel_bits == 16) expand_row16(dst, src, width, 0, fields);
        else if (swapped) expand_row32(dst, src, width, 1, fields);
        else expand_row32(dst, src, width, 0, fields);
    }
}

static uint32_t bits_collapse(uint8_t *dst, ptrdiff_t dst_pitch, const uint8_t *src,
                              ptrdiff_t src_pitch, int pixel_bits, int swapped,
                              const bit_fields *fields, ptrdiff_t width, ptrdiff_t height) {
    uint32_t excess = 0;
    for (ptrdiff_t y = 0; y < height; y++, dst += dst_pitch, src += src_pitch) {
        if (pixel_bits == 1) excess |= collapse_stream(dst, src, width, 1, 1, fields);
        else if (pixel_bits == 4) excess |= collapse_stream(dst, src, width, 4, 3, fields);
        else if (pixel_bits == 8) excess |= collapse_row8(dst, src, width, 0, fields);
        else if (pixel_bits == 16 && swapped) excess |= collapse_row16(dst, src, width, 1, fields);
        else if (pixel_bits == 16) excess |= collapse_row16(dst, src, width, 0, fields);
        else if (swapped) excess |= collapse_row32(dst, src, width, 1, fields);
        else excess |= collapse_row32(dst, src, width, 0, fields);
    }
    return excess;
}

#endif
