/* Reversing the bytes of an element. */
#ifndef FASTAV_BYTE_ORDER_H
#define FASTAV_BYTE_ORDER_H

#include <stdint.h>

static inline uint8_t swapped8(uint8_t v) { return v; }
static inline uint16_t swapped16(uint16_t v) { return (uint16_t)(v << 8 | v >> 8); }
static inline uint32_t swapped32(uint32_t v) {
    return v << 24 | (v << 8 & 0xff0000u) | (v >> 8 & 0xff00u) | v >> 24;
}

#endif
