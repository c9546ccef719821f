/* Row loops of planes_c. Addresses may be misaligned: elements are loaded and stored bytewise, which
 * compilers turn into plain (vector) moves where the machine allows it.
 *
 * Names: dst and src are rows, or whole planes with their pitch; i counts elements of BITS bits, n is
 * how many there are; a, b, c, d are the rows of channels 0 to 3; v is an element; y a row's number.
 */
#ifndef FASTAV_PLANES_H
#define FASTAV_PLANES_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "byte_order.h"

#define FASTAV_ELEMENT_LOOPS(BITS)                                                                 \
    static inline uint##BITS##_t load##BITS(const uint8_t *p, ptrdiff_t i) {                       \
        uint##BITS##_t v;                                                                          \
        memcpy(&v, p + i * (BITS / 8), sizeof v);                                                  \
        return v;                                                                                  \
    }                                                                                              \
    static inline void store##BITS(uint8_t *p, ptrdiff_t i, uint##BITS##_t v) {                    \
        memcpy(p + i * (BITS / 8), &v, sizeof v);                                                  \
    }                                                                                              \
    static inline void swap_row##BITS(uint8_t *restrict dst, const uint8_t *restrict src,          \
                                      ptrdiff_t n) {                                               \
        for (ptrdiff_t i = 0; i < n; i++) store##BITS(dst, i, swapped##BITS(load##BITS(src, i)));  \
    }                                                                                              \
    static inline void join_row##BITS(uint8_t *restrict dst, const uint8_t *restrict const *src,   \
                                      int channels, ptrdiff_t n) {                                 \
        const uint8_t *restrict a = src[0], *restrict b = src[1];                                  \
        if (channels == 2) {                                                                       \
            for (ptrdiff_t i = 0; i < n; i++) {                                                    \
                store##BITS(dst, 2 * i, load##BITS(a, i));                                         \
                store##BITS(dst, 2 * i + 1, load##BITS(b, i));                                     \
            }                                                                                      \
        } else if (channels == 3) {                                                                \
            const uint8_t *restrict c = src[2];                                                    \
            for (ptrdiff_t i = 0; i < n; i++) {                                                    \
                store##BITS(dst, 3 * i, load##BITS(a, i));                                         \
                store##BITS(dst, 3 * i + 1, load##BITS(b, i));                                     \
                store##BITS(dst, 3 * i + 2, load##BITS(c, i));                                     \
            }                                                                                      \
        } else {                                                                                   \
            const uint8_t *restrict c = src[2], *restrict d = src[3];                              \
            for (ptrdiff_t i = 0; i < n; i++) {                                                    \
                store##BITS(dst, 4 * i, load##BITS(a, i));                                         \
                store##BITS(dst, 4 * i + 1, load##BITS(b, i));                                     \
                store##BITS(dst, 4 * i + 2, load##BITS(c, i));                                     \
                store##BITS(dst, 4 * i + 3, load##BITS(d, i));                                     \
            }                                                                                      \
        }                                                                                          \
    }                                                                                              \
    static inline void split_row##BITS(uint8_t *restrict const *dst, const uint8_t *restrict src,  \
                                       int channels, ptrdiff_t n) {                                \
        uint8_t *restrict a = dst[0], *restrict b = dst[1];                                        \
        if (channels == 2) {                                                                       \
            for (ptrdiff_t i = 0; i < n; i++) {                                                    \
                store##BITS(a, i, load##BITS(src, 2 * i));                                         \
                store##BITS(b, i, load##BITS(src, 2 * i + 1));                                     \
            }                                                                                      \
        } else if (channels == 3) {                                                                \
            uint8_t *restrict c = dst[2];                                                          \
            for (ptrdiff_t i = 0; i < n; i++) {                                                    \
                store##BITS(a, i, load##BITS(src, 3 * i));                                         \
                store##BITS(b, i, load##BITS(src, 3 * i + 1));                                     \
                store##BITS(c, i, load##BITS(src, 3 * i + 2));                                     \
            }                                                                                      \
        } else {                                                                                   \
            uint8_t *restrict c = dst[2], *restrict d = dst[3];                                    \
            for (ptrdiff_t i = 0; i < n; i++) {                                                    \
                store##BITS(a, i, load##BITS(src, 4 * i));                                         \
                store##BITS(b, i, load##BITS(src, 4 * i + 1));                                     \
                store##BITS(c, i, load##BITS(src, 4 * i + 2));                                     \
                store##BITS(d, i, load##BITS(src, 4 * i + 3));                                     \
            }                                                                                      \
        }                                                                                          \
    }

FASTAV_ELEMENT_LOOPS(8)
FASTAV_ELEMENT_LOOPS(16)
FASTAV_ELEMENT_LOOPS(32)

static void planes_copy(uint8_t *dst, ptrdiff_t dst_pitch, const uint8_t *src, ptrdiff_t src_pitch,
                        ptrdiff_t row_bytes, ptrdiff_t height) {
    if (dst_pitch == src_pitch && (dst_pitch == row_bytes || dst_pitch == -row_bytes)) {
        ptrdiff_t lowest = dst_pitch < 0 ? dst_pitch * (height - 1) : 0;
        memcpy(dst + lowest, src + lowest, (size_t)(row_bytes * height));
        return;
    }
    for (ptrdiff_t y = 0; y < height; y++)
        memcpy(dst + y * dst_pitch, src + y * src_pitch, (size_t)row_bytes);
}

static void planes_swap(uint8_t *dst, ptrdiff_t dst_pitch, const uint8_t *src, ptrdiff_t src_pitch,
                        int itemsize, ptrdiff_t width, ptrdiff_t height) {
    for (ptrdiff_t y = 0; y < height; y++) {
        uint8_t *to = dst + y * dst_pitch;
        const uint8_t *from = src + y * src_pitch;
        if (itemsize == 2) swap_row16(to, from, width);
        else swap_row32(to, from, width);
    }
}

static inline void shift_row(uint8_t *restrict dst, const uint8_t *restrict src, ptrdiff_t n,
                             int bits) {
    for (ptrdiff_t i = 0; i < n; i++) store16(dst, i, (uint16_t)(load16(src, i) >> bits));
}

static inline void swap_shift_row(uint8_t *restrict dst, const uint8_t *restrict src, ptrdiff_t n,
                                  int bits) {
    for (ptrdiff_t i = 0; i < n; i++)
        store16(dst, i, (uint16_t)(swapped16(load16(src, i)) >> bits));
}

static void planes_shift(uint8_t *dst, ptrdiff_t dst_pitch, const uint8_t *src, ptrdiff_t src_pitch,
                         int bits, int swapped, ptrdiff_t width, ptrdiff_t height) {
    for (ptrdiff_t y = 0; y < height; y++)
        (swapped ? swap_shift_row : shift_row)(dst + y * dst_pitch, src + y * src_pitch, width, bits);
}

static void planes_interleave(uint8_t *dst, ptrdiff_t dst_pitch, const uint8_t **src,
                              const ptrdiff_t *pitches, int channels, int itemsize, ptrdiff_t width,
                              ptrdiff_t height) {
    for (ptrdiff_t y = 0; y < height; y++) {
        const uint8_t *from[4] = {0};
        for (int c = 0; c < channels; c++) from[c] = src[c] + y * pitches[c];
        uint8_t *to = dst + y * dst_pitch;
        if (itemsize == 1) join_row8(to, from, channels, width);
        else if (itemsize == 2) join_row16(to, from, channels, width);
        else join_row32(to, from, channels, width);
    }
}

static void planes_deinterleave(uint8_t **dst, const ptrdiff_t *pitches, const uint8_t *src,
                                ptrdiff_t src_pitch, int channels, int itemsize, ptrdiff_t width,
                                ptrdiff_t height) {
    for (ptrdiff_t y = 0; y < height; y++) {
        uint8_t *to[4] = {0};
        for (int c = 0; c < channels; c++) to[c] = dst[c] + y * pitches[c];
        const uint8_t *from = src + y * src_pitch;
        if (itemsize == 1) split_row8(to, from, channels, width);
        else if (itemsize == 2) split_row16(to, from, channels, width);
        else split_row32(to, from, channels, width);
    }
}

#endif
