/* The last stage of narrow arithmetic with intrinsics, included once for each instruction set.
 *
 * A block is two vectors of 16-bit lanes, which become one vector of bytes. Each instruction set
 * has a vocabulary of its own: how to load a block, the four operations of the formula in colour.h,
 * and how to interleave bytes; the algorithm below them is the same.
 *
 * Names: V16 is a vector of 16-bit lanes, V8 one of bytes, V128 a quarter or half of either; LANES
 * are the lanes of a V16. FLIP turns unsigned lanes into signed ones less 32768. low and high are a
 * block's first and second vector. pair is two coefficients in one 32-bit word, as one instruction
 * takes them; rest is the third.
 */
#ifndef COLOUR_VECTOR_H
#define COLOUR_VECTOR_H
#endif

#define INLINE static inline __attribute__((always_inline))

#if defined(COLOUR_X86)
#define SHUFFLED(a, places, fill) _mm_or_si128(_mm_shuffle_epi8(a, places), fill)
#define LOAD128(from) _mm_loadu_si128((const __m128i *)(from))
#define STORE128(to, a) _mm_storeu_si128((__m128i *)(to), a)
#define V128 __m128i
#endif

#if defined(COLOUR_AVX2)

#define V16 __m256i
#define V8 __m256i
#define LANES 16
#define MULTIPLY_HIGH(a, b) _mm256_mulhi_epu16(a, b)
#define MULTIPLY_LOW(a, b) _mm256_mullo_epi16(a, b)
#define AND(a, b) _mm256_and_si256(a, b)
#define SUBTRACT(a, b) _mm256_sub_epi16(a, b)
#define ADD_SATURATED(a, b) _mm256_adds_epi16(a, b)
#define MULTIPLY_ROUNDED(a, b) _mm256_mulhrs_epi16(a, b)
#define NARROW(low, high) _mm256_packus_epi16(low, high)
#define ALL16(value) _mm256_set1_epi16((int16_t)(value))
#define ALL8(value) _mm256_set1_epi8((char)(value))
#define LOAD(from) _mm256_loadu_si256((const __m256i *)(from))
#define STORE(to, a) _mm256_storeu_si256((__m256i *)(to), a)
#define FLIP(a) _mm256_xor_si256(a, _mm256_set1_epi16(INT16_MIN))

/* u * cu + v * cv + bias, shifted; pair holds cu and cv */
INLINE V16 LEVEL(weighted)(V16 u, V16 v, int pair, int bias, int shift) {
    const __m256i by = _mm256_set1_epi32(pair), plus = _mm256_set1_epi32(bias);
    const __m256i count = _mm256_set1_epi32(shift); /* a shift by one count for all is slower */
    const __m256i low = _mm256_madd_epi16(_mm256_unpacklo_epi16(u, v), by);
    const __m256i high = _mm256_madd_epi16(_mm256_unpackhi_epi16(u, v), by);
    return _mm256_packs_epi32(_mm256_srav_epi32(_mm256_add_epi32(low, plus), count),
                              _mm256_srav_epi32(_mm256_add_epi32(high, plus), count));
}
/* the same of three; rest holds the third coefficient */
INLINE V16 LEVEL(weighted_three)(V16 u, V16 v, V16 w, int pair, int rest, int bias, int shift) {
    const __m256i by = _mm256_set1_epi32(pair), and = _mm256_set1_epi32(rest);
    const __m256i plus = _mm256_set1_epi32(bias), count = _mm256_set1_epi32(shift);
    const __m256i low = _mm256_add_epi32(_mm256_madd_epi16(_mm256_unpacklo_epi16(u, v), by),
                                         _mm256_madd_epi16(_mm256_unpacklo_epi16(w, w), and));
    const __m256i high = _mm256_add_epi32(_mm256_madd_epi16(_mm256_unpackhi_epi16(u, v), by),
                                          _mm256_madd_epi16(_mm256_unpackhi_epi16(w, w), and));
    return _mm256_packs_epi32(_mm256_srav_epi32(_mm256_add_epi32(low, plus), count),
                              _mm256_srav_epi32(_mm256_add_epi32(high, plus), count));
}

/* NARROW works within halves of 128 bits, so a block's vectors hold pixels 0-7 and 16-23, 8-15 and
 * 24-31: then bytes come out in order. */
INLINE V16 LEVEL(halves)(const void *low, const void *high) {
    return _mm256_inserti128_si256(_mm256_castsi128_si256(_mm_loadu_si128((const __m128i *)low)),
                                   _mm_loadu_si128((const __m128i *)high), 1);
}
INLINE void LEVEL(block)(const void *from, V16 *low, V16 *high) {
    const uint16_t *p = (const uint16_t *)from;
    *low = LEVEL(halves)(p, p + 16);
    *high = LEVEL(halves)(p + 8, p + 24);
}
INLINE void LEVEL(block_doubled)(const void *from, V16 *low, V16 *high) {
    const V16 half = _mm256_loadu_si256((const __m256i *)from);
    *low = _mm256_unpacklo_epi16(half, half);
    *high = _mm256_unpackhi_epi16(half, half);
}
INLINE V16 LEVEL(every_second)(const uint8_t *from) {
    const __m256i low = _mm256_set1_epi32(0xFFFF);
    const V16 words = _mm256_packus_epi32(_mm256_and_si256(LOAD(from), low),
                                          _mm256_and_si256(LOAD(from + 32), low));
    return _mm256_permute4x64_epi64(words, 0xD8);
}
INLINE V16 LEVEL(lanes_of_bytes)(const uint8_t *from) {
    return _mm256_slli_epi16(_mm256_cvtepu8_epi16(_mm_loadu_si128((const __m128i *)from)), 8);
}
INLINE void LEVEL(block_of_bytes)(const uint8_t *from, V16 *low, V16 *high) {
    const V8 bytes = LOAD(from), zero = _mm256_setzero_si256();
    *low = _mm256_unpacklo_epi8(zero, bytes);
    *high = _mm256_unpackhi_epi8(zero, bytes);
}
INLINE void LEVEL(store1)(uint8_t *to, V8 a) { _mm256_storeu_si256((__m256i *)to, a); }

/* Bytes of each channel are shuffled to where any of the three output vectors wants them (position
 * 3i + channel, modulo 16), then the outputs are chosen from the three. */
INLINE void LEVEL(store3)(uint8_t *to, V8 a, V8 b, V8 c) {
    const V8 order_a = _mm256_broadcastsi128_si256(
        _mm_setr_epi8(0, 11, 6, 1, 12, 7, 2, 13, 8, 3, 14, 9, 4, 15, 10, 5));
    const V8 order_b = _mm256_broadcastsi128_si256(
        _mm_setr_epi8(5, 0, 11, 6, 1, 12, 7, 2, 13, 8, 3, 14, 9, 4, 15, 10));
    const V8 order_c = _mm256_broadcastsi128_si256(
        _mm_setr_epi8(10, 5, 0, 11, 6, 1, 12, 7, 2, 13, 8, 3, 14, 9, 4, 15));
    const V8 first = _mm256_broadcastsi128_si256(
        _mm_setr_epi8(-1, 0, 0, -1, 0, 0, -1, 0, 0, -1, 0, 0, -1, 0, 0, -1));
    const V8 second = _mm256_broadcastsi128_si256(
        _mm_setr_epi8(0, -1, 0, 0, -1, 0, 0, -1, 0, 0, -1, 0, 0, -1, 0, 0));
    a = _mm256_shuffle_epi8(a, order_a);
    b = _mm256_shuffle_epi8(b, order_b);
    c = _mm256_shuffle_epi8(c, order_c);
    const V8 x = _mm256_blendv_epi8(_mm256_blendv_epi8(c, b, second), a, first);
    const V8 y = _mm256_blendv_epi8(_mm256_blendv_epi8(a, c, second), b, first);
    const V8 z = _mm256_blendv_epi8(_mm256_blendv_epi8(b, a, second), c, first);
    __m256i *out = (__m256i *)to;
    _mm256_storeu_si256(out, _mm256_permute2x128_si256(x, y, 0x20));
    _mm256_storeu_si256(out + 1, _mm256_permute2x128_si256(z, x, 0x30));
    _mm256_storeu_si256(out + 2, _mm256_permute2x128_si256(y, z, 0x31));
}
INLINE void LEVEL(store4)(uint8_t *to, V8 a, V8 b, V8 c, V8 d) {
    const V8 ab_low = _mm256_unpacklo_epi8(a, b), ab_high = _mm256_unpackhi_epi8(a, b);
    const V8 cd_low = _mm256_unpacklo_epi8(c, d), cd_high = _mm256_unpackhi_epi8(c, d);
    const V8 w = _mm256_unpacklo_epi16(ab_low, cd_low), x = _mm256_unpackhi_epi16(ab_low, cd_low);
    const V8 y = _mm256_unpacklo_epi16(ab_high, cd_high), z = _mm256_unpackhi_epi16(ab_high, cd_high);
    __m256i *out = (__m256i *)to;
    _mm256_storeu_si256(out, _mm256_permute2x128_si256(w, x, 0x20));
    _mm256_storeu_si256(out + 1, _mm256_permute2x128_si256(y, z, 0x20));
    _mm256_storeu_si256(out + 2, _mm256_permute2x128_si256(w, x, 0x31));
    _mm256_storeu_si256(out + 3, _mm256_permute2x128_si256(y, z, 0x31));
}

#elif defined(COLOUR_AVX512)

#define V16 __m512i
#define V8 __m512i
#define LANES 32
#define MULTIPLY_HIGH(a, b) _mm512_mulhi_epu16(a, b)
#define MULTIPLY_LOW(a, b) _mm512_mullo_epi16(a, b)
#define AND(a, b) _mm512_and_si512(a, b)
#define SUBTRACT(a, b) _mm512_sub_epi16(a, b)
#define ADD_SATURATED(a, b) _mm512_adds_epi16(a, b)
#define MULTIPLY_ROUNDED(a, b) _mm512_mulhrs_epi16(a, b)
#define NARROW(low, high) _mm512_packus_epi16(low, high)
#define ALL16(value) _mm512_set1_epi16((int16_t)(value))
#define ALL8(value) _mm512_set1_epi8((char)(value))
#define LOAD(from) _mm512_loadu_si512(from)
#define STORE(to, a) _mm512_storeu_si512(to, a)
#define FLIP(a) _mm512_xor_si512(a, _mm512_set1_epi16(INT16_MIN))

INLINE V16 LEVEL(weighted)(V16 u, V16 v, int pair, int bias, int shift) {
    const __m512i by = _mm512_set1_epi32(pair), plus = _mm512_set1_epi32(bias);
    const __m512i count = _mm512_set1_epi32(shift); /* a shift by one count for all is slower */
    const __m512i low = _mm512_madd_epi16(_mm512_unpacklo_epi16(u, v), by);
    const __m512i high = _mm512_madd_epi16(_mm512_unpackhi_epi16(u, v), by);
    return _mm512_packs_epi32(_mm512_srav_epi32(_mm512_add_epi32(low, plus), count),
                              _mm512_srav_epi32(_mm512_add_epi32(high, plus), count));
}
INLINE V16 LEVEL(weighted_three)(V16 u, V16 v, V16 w, int pair, int rest, int bias, int shift) {
    const __m512i by = _mm512_set1_epi32(pair), and = _mm512_set1_epi32(rest);
    const __m512i plus = _mm512_set1_epi32(bias), count = _mm512_set1_epi32(shift);
    const __m512i low = _mm512_add_epi32(_mm512_madd_epi16(_mm512_unpacklo_epi16(u, v), by),
                                         _mm512_madd_epi16(_mm512_unpacklo_epi16(w, w), and));
    const __m512i high = _mm512_add_epi32(_mm512_madd_epi16(_mm512_unpackhi_epi16(u, v), by),
                                          _mm512_madd_epi16(_mm512_unpackhi_epi16(w, w), and));
    return _mm512_packs_epi32(_mm512_srav_epi32(_mm512_add_epi32(low, plus), count),
                              _mm512_srav_epi32(_mm512_add_epi32(high, plus), count));
}

/* NARROW works within quarters of 128 bits: bytes come out as 8 pixels of the low vector, 8 of the
 * high one, and so on. The stores know this order. */
INLINE void LEVEL(block)(const void *from, V16 *low, V16 *high) {
    *low = _mm512_loadu_si512(from);
    *high = _mm512_loadu_si512((const uint16_t *)from + 32);
}
INLINE void LEVEL(block_doubled)(const void *from, V16 *low, V16 *high) {
    const V16 half = _mm512_permutexvar_epi64(_mm512_setr_epi64(0, 4, 1, 5, 2, 6, 3, 7),
                                              _mm512_loadu_si512(from));
    *low = _mm512_unpacklo_epi16(half, half);
    *high = _mm512_unpackhi_epi16(half, half);
}
INLINE V16 LEVEL(every_second)(const uint8_t *from) {
    const __m512i low = _mm512_set1_epi32(0xFFFF);
    const V16 words = _mm512_packus_epi32(_mm512_and_si512(LOAD(from), low),
                                          _mm512_and_si512(LOAD(from + 64), low));
    return _mm512_permutexvar_epi64(_mm512_setr_epi64(0, 2, 4, 6, 1, 3, 5, 7), words);
}
INLINE V16 LEVEL(lanes_of_bytes)(const uint8_t *from) {
    return _mm512_slli_epi16(_mm512_cvtepu8_epi16(_mm256_loadu_si256((const __m256i *)from)), 8);
}
INLINE void LEVEL(block_of_bytes)(const uint8_t *from, V16 *low, V16 *high) {
    *low = LEVEL(lanes_of_bytes)(from);
    *high = LEVEL(lanes_of_bytes)(from + 32);
}
INLINE V8 LEVEL(ordered)(V8 a) {
    return _mm512_permutexvar_epi64(_mm512_setr_epi64(0, 2, 4, 6, 1, 3, 5, 7), a);
}
INLINE void LEVEL(store1)(uint8_t *to, V8 a) { _mm512_storeu_si512(to, LEVEL(ordered)(a)); }

/* Byte q of three interleaved channels is channel q % 3 of pixel q / 3, here in NARROW's order. */
#define PLACE(q) (((q) / 3 & 7) | ((q) / 3 & 24) << 1 | ((q) / 3 & 32) >> 2)
#define PLACE_AB(q) (PLACE(q) | ((q) % 3 == 1) << 6) /* in the first or the second of two vectors */
#define EIGHT(F, q) F(q), F(q + 1), F(q + 2), F(q + 3), F(q + 4), F(q + 5), F(q + 6), F(q + 7)
#define ALL_OF(F, q)                                                                               \
    EIGHT(F, q), EIGHT(F, q + 8), EIGHT(F, q + 16), EIGHT(F, q + 24), EIGHT(F, q + 32),            \
        EIGHT(F, q + 40), EIGHT(F, q + 48), EIGHT(F, q + 56)
static const uint8_t LEVEL(places_ab)[] = {ALL_OF(PLACE_AB, 0), ALL_OF(PLACE_AB, 64),
                                           ALL_OF(PLACE_AB, 128)};
static const uint8_t LEVEL(places_c)[] = {ALL_OF(PLACE, 0), ALL_OF(PLACE, 64), ALL_OF(PLACE, 128)};
#undef PLACE
#undef PLACE_AB
#undef EIGHT
#undef ALL_OF

INLINE void LEVEL(store3)(uint8_t *to, V8 a, V8 b, V8 c) {
    const uint64_t from_c[] = {0x4924924924924924, 0x2492492492492492, 0x9249249249249249};
    for (int o = 0; o < 3; o++) {
        const V8 ab = _mm512_loadu_si512(LEVEL(places_ab) + 64 * o);
        const V8 just_c = _mm512_loadu_si512(LEVEL(places_c) + 64 * o);
        const V8 both = _mm512_permutex2var_epi8(a, ab, b);
        _mm512_storeu_si512(to + 64 * o,
                            _mm512_mask_permutexvar_epi8(both, from_c[o], just_c, c));
    }
}
INLINE void LEVEL(store4)(uint8_t *to, V8 a, V8 b, V8 c, V8 d) {
    const V8 ab_low = _mm512_unpacklo_epi8(a, b), ab_high = _mm512_unpackhi_epi8(a, b);
    const V8 cd_low = _mm512_unpacklo_epi8(c, d), cd_high = _mm512_unpackhi_epi8(c, d);
    const V8 w = _mm512_unpacklo_epi16(ab_low, cd_low), x = _mm512_unpackhi_epi16(ab_low, cd_low);
    const V8 y = _mm512_unpacklo_epi16(ab_high, cd_high), z = _mm512_unpackhi_epi16(ab_high, cd_high);
    /* w and x hold pixels 8i to 8i + 7 of the low vector, y and z of the high one */
    const V8 even = _mm512_setr_epi64(0, 1, 8, 9, 2, 3, 10, 11);
    const V8 odd = _mm512_setr_epi64(4, 5, 12, 13, 6, 7, 14, 15);
    _mm512_storeu_si512(to, _mm512_permutex2var_epi64(w, even, x));
    _mm512_storeu_si512(to + 64, _mm512_permutex2var_epi64(w, odd, x));
    _mm512_storeu_si512(to + 128, _mm512_permutex2var_epi64(y, even, z));
    _mm512_storeu_si512(to + 192, _mm512_permutex2var_epi64(y, odd, z));
}

#else /* NEON */

#define SHUFFLED(a, places, fill) vorrq_u8(vqtbl1q_u8(a, places), fill)
#define LOAD128(from) vld1q_u8(from)
#define STORE128(to, a) vst1q_u8(to, a)
#define V128 uint8x16_t
#define V16 int16x8_t
#define V8 uint8x16_t
#define LANES 8
#define MULTIPLY_LOW(a, b) vmulq_s16(a, b)
#define AND(a, b) vandq_s16(a, b)
#define SUBTRACT(a, b) vsubq_s16(a, b)
#define ADD_SATURATED(a, b) vqaddq_s16(a, b)
#define MULTIPLY_ROUNDED(a, b) vqrdmulhq_s16(a, b)
#define NARROW(low, high) vqmovun_high_s16(vqmovun_s16(low), high)
#define ALL16(value) vdupq_n_s16((int16_t)(value))
#define ALL8(value) vdupq_n_u8((uint8_t)(value))
#define LOAD(from) vld1q_s16((const int16_t *)(from))
#define STORE(to, a) vst1q_s16(to, a)
#define FLIP(a) veorq_s16(a, vdupq_n_s16(INT16_MIN))

INLINE V16 LEVEL(weighted)(V16 u, V16 v, int pair, int bias, int shift) {
    const int16x4_t cu = vdup_n_s16((int16_t)pair), cv = vdup_n_s16((int16_t)(pair >> 16));
    const int32x4_t plus = vdupq_n_s32(bias), count = vdupq_n_s32(-shift);
    const int32x4_t low =
        vmlal_s16(vmlal_s16(plus, vget_low_s16(u), cu), vget_low_s16(v), cv);
    const int32x4_t high =
        vmlal_s16(vmlal_s16(plus, vget_high_s16(u), cu), vget_high_s16(v), cv);
    return vcombine_s16(vmovn_s32(vshlq_s32(low, count)), vmovn_s32(vshlq_s32(high, count)));
}
INLINE V16 LEVEL(weighted_three)(V16 u, V16 v, V16 w, int pair, int rest, int bias, int shift) {
    const int16x4_t cu = vdup_n_s16((int16_t)pair), cv = vdup_n_s16((int16_t)(pair >> 16));
    const int16x4_t cw = vdup_n_s16((int16_t)rest);
    const int32x4_t plus = vdupq_n_s32(bias), count = vdupq_n_s32(-shift);
    const int32x4_t low = vmlal_s16(
        vmlal_s16(vmlal_s16(plus, vget_low_s16(u), cu), vget_low_s16(v), cv), vget_low_s16(w), cw);
    const int32x4_t high =
        vmlal_s16(vmlal_s16(vmlal_s16(plus, vget_high_s16(u), cu), vget_high_s16(v), cv),
                  vget_high_s16(w), cw);
    return vcombine_s16(vmovn_s32(vshlq_s32(low, count)), vmovn_s32(vshlq_s32(high, count)));
}

INLINE V16 LEVEL(multiply_high)(V16 a, V16 b) {
    const uint16x8_t x = vreinterpretq_u16_s16(a), y = vreinterpretq_u16_s16(b);
    const uint32x4_t low = vmull_u16(vget_low_u16(x), vget_low_u16(y));
    const uint32x4_t high = vmull_high_u16(x, y);
    return vreinterpretq_s16_u16(
        vuzp2q_u16(vreinterpretq_u16_u32(low), vreinterpretq_u16_u32(high)));
}
#define MULTIPLY_HIGH(a, b) LEVEL(multiply_high)(a, b)
INLINE void LEVEL(block)(const void *from, V16 *low, V16 *high) {
    *low = vld1q_s16((const int16_t *)from);
    *high = vld1q_s16((const int16_t *)from + 8);
}
INLINE void LEVEL(block_doubled)(const void *from, V16 *low, V16 *high) {
    const V16 half = vld1q_s16((const int16_t *)from);
    *low = vzip1q_s16(half, half);
    *high = vzip2q_s16(half, half);
}
INLINE V16 LEVEL(every_second)(const uint8_t *from) {
    return vuzp1q_s16(LOAD(from), LOAD(from + 16));
}
INLINE V16 LEVEL(lanes_of_bytes)(const uint8_t *from) {
    const uint8x8_t bytes = vld1_u8(from);
    return vreinterpretq_s16_u8(vzip1q_u8(vdupq_n_u8(0), vcombine_u8(bytes, bytes)));
}
INLINE void LEVEL(block_of_bytes)(const uint8_t *from, V16 *low, V16 *high) {
    const uint8x16_t bytes = vld1q_u8(from), zero = vdupq_n_u8(0);
    *low = vreinterpretq_s16_u8(vzip1q_u8(zero, bytes));
    *high = vreinterpretq_s16_u8(vzip2q_u8(zero, bytes));
}
INLINE void LEVEL(store1)(uint8_t *to, V8 a) { vst1q_u8(to, a); }
INLINE void LEVEL(store3)(uint8_t *to, V8 a, V8 b, V8 c) {
    const uint8x16x3_t abc = {{a, b, c}};
    vst3q_u8(to, abc);
}
INLINE void LEVEL(store4)(uint8_t *to, V8 a, V8 b, V8 c, V8 d) {
    const uint8x16x4_t abcd = {{a, b, c, d}};
    vst4q_u8(to, abcd);
}

#endif

enum { LEVEL(BLOCK) = 2 * LANES };

/* LANES samples of a component, left-justified; dense ones, or every second of 16 bits, of which
 * what lies between is read too, to the last. */
INLINE V16 LEVEL(lanes_of)(const colour_component *c, const uint8_t *from) {
    if (c->size == 1) return LEVEL(lanes_of_bytes)(from);
    const V16 words = c->step == 4 ? LEVEL(every_second)(from) : LOAD(from);
    return AND(MULTIPLY_LOW(words, ALL16(colour_raising(c))), ALL16(colour_kept(c)));
}

/* A block of dense samples, left-justified. */
INLINE void LEVEL(block_of)(const colour_component *c, const uint8_t *from, V16 *low, V16 *high) {
    if (c->size == 1) {
        LEVEL(block_of_bytes)(from, low, high);
        return;
    }
    const V16 up = ALL16(colour_raising(c)), kept = ALL16(colour_kept(c));
    LEVEL(block)(from, low, high);
    *low = AND(MULTIPLY_LOW(*low, up), kept);
    *high = AND(MULTIPLY_LOW(*high, up), kept);
}

/* The chroma terms of n places for every channel, from dense samples if there are any, or lanes. */
INLINE void LEVEL(terms_of)(const colour_plan *p, const uint16_t *restrict u,
                            const uint16_t *restrict v, const uint8_t *dense_u,
                            const uint8_t *dense_v, ptrdiff_t n, int16_t (*out)[TILE + PAD],
                            int channels) {
    int pairs[3], bias[3], shift[3];
    const ptrdiff_t step = (ptrdiff_t)p->source[1].step, size = (ptrdiff_t)p->source[1].size;
    for (int c = 0; c < channels; c++) {
        pairs[c] = (int)((uint32_t)(uint16_t)p->narrow[c].cu | (uint32_t)p->narrow[c].cv << 16);
        bias[c] = (int)p->narrow[c].bias;
        shift[c] = (int)p->narrow[c].shift;
    }
    for (ptrdiff_t i = 0; i < n; i += LANES) {
        V16 x, y;
        if (!dense_u) {
            x = LOAD(u + i);
            y = LOAD(v + i);
        } else if (n - i >= LANES + (step > size)) {
            x = LEVEL(lanes_of)(&p->source[1], dense_u + i * step);
            y = LEVEL(lanes_of)(&p->source[2], dense_v + i * step);
        } else {
            uint8_t part[2][4 * LANES] = {{0}};
            const size_t rest = (size_t)((n - i - 1) * step + size);
            memcpy(part[0], dense_u + i * step, rest);
            memcpy(part[1], dense_v + i * step, rest);
            x = LEVEL(lanes_of)(&p->source[1], part[0]);
            y = LEVEL(lanes_of)(&p->source[2], part[1]);
        }
        x = FLIP(x);
        y = FLIP(y);
        for (int c = 0; c < channels; c++)
            STORE(out[c] + i, LEVEL(weighted)(x, y, pairs[c], bias[c], shift[c]));
    }
}

static void LEVEL(terms)(const colour_plan *p, const uint16_t *restrict u,
                         const uint16_t *restrict v, const uint8_t *dense_u,
                         const uint8_t *dense_v, ptrdiff_t n, int16_t (*out)[TILE + PAD]) {
    if (p->channels == 3)
        LEVEL(terms_of)(p, u, v, dense_u, dense_v, n, out, 3);
    else
        LEVEL(terms_of)(p, u, v, dense_u, dense_v, n, out, 1);
}

/* One channel of a block: y + c, scaled back to levels, rounded and clamped. */
INLINE V8 LEVEL(channel)(V16 low, V16 high, const int16_t *terms, int halved, ptrdiff_t x, V16 k) {
    V16 c_low, c_high;
    if (halved)
        LEVEL(block_doubled)(terms + x / 2, &c_low, &c_high);
    else
        LEVEL(block)(terms + x, &c_low, &c_high);
    return NARROW(MULTIPLY_ROUNDED(ADD_SATURATED(low, c_low), k),
                  MULTIPLY_ROUNDED(ADD_SATURATED(high, c_high), k));
}

/* Called with constants for halved, packed and shared, and so specialised for each. */
INLINE void LEVEL(blocks)(const colour_plan *p, uint16_t (*lanes)[TILE + PAD],
                          const uint8_t *dense, int16_t (*terms)[TILE + PAD], int halved,
                          int packed, int shared, ptrdiff_t n, uint8_t *const *out) {
    const V16 scale = ALL16(p->y_scale), zero = ALL16(p->y_zero), k = ALL16(p->k);
    const V16 alpha_scale = ALL16(p->alpha_scale), alpha_bias = ALL16(p->alpha_bias);
    const int channels = packed == 1 ? (int)p->channels : 3;
    const int outputs = channels + (int)p->alpha_out;
    const int alpha_in = (int)p->alpha_in;
    for (ptrdiff_t x = 0; x < n; x += LEVEL(BLOCK)) {
        uint8_t part[4 * LEVEL(BLOCK)]; /* the last block of a row, when it is not whole */
        const int whole = n - x >= LEVEL(BLOCK);
        V16 low, high;
        V8 bytes[4];
        for (int c = 0; c < channels; c++) {
            if (c == 0 || !shared) {
                if (shared && dense) {
                    const ptrdiff_t size = (ptrdiff_t)p->source[0].size;
                    const uint8_t *from = dense + x * size;
                    if (!whole) from = memcpy(part, from, (size_t)((n - x) * size));
                    LEVEL(block_of)(&p->source[0], from, &low, &high);
                } else {
                    LEVEL(block)(lanes[shared ? 0 : p->narrow[c].lane] + x, &low, &high);
                }
                low = SUBTRACT(MULTIPLY_HIGH(low, scale), zero);
                high = SUBTRACT(MULTIPLY_HIGH(high, scale), zero);
            }
            bytes[c] = LEVEL(channel)(low, high, terms[c], halved, x, k);
        }
        bytes[channels] = ALL8(255);
        if (alpha_in) {
            LEVEL(block)(lanes[3] + x, &low, &high);
            low = ADD_SATURATED(MULTIPLY_HIGH(low, alpha_scale), alpha_bias);
            high = ADD_SATURATED(MULTIPLY_HIGH(high, alpha_scale), alpha_bias);
            bytes[channels] = NARROW(MULTIPLY_ROUNDED(low, k), MULTIPLY_ROUNDED(high, k));
        }
        if (packed == 1) {
            for (int c = 0; c < outputs; c++) {
                LEVEL(store1)(whole ? out[c] + x : part, bytes[c]);
                if (!whole) memcpy(out[c] + x, part, (size_t)(n - x));
            }
            continue;
        }
        uint8_t *to = whole ? out[0] + x * packed : part;
        if (packed == 4)
            LEVEL(store4)(to, bytes[0], bytes[1], bytes[2], bytes[3]);
        else
            LEVEL(store3)(to, bytes[0], bytes[1], bytes[2]);
        if (!whole) memcpy(out[0] + x * packed, part, (size_t)(n - x) * (size_t)packed);
    }
}

/* 8-bit samples of n pixels, from lanes and chroma terms to the target. */
static void LEVEL(finish)(const colour_plan *p, uint16_t (*lanes)[TILE + PAD], const uint8_t *dense,
                          int16_t (*terms)[TILE + PAD], int halved, ptrdiff_t n,
                          uint8_t *const *out) {
    const int packed = (int)p->target[0].step;
    const int shared = p->narrow[0].lane == p->narrow[1].lane;
    if (!shared) { /* RGB, which has no subsampling */
        if (packed == 3)
            LEVEL(blocks)(p, lanes, dense, terms, 0, 3, 0, n, out);
        else if (packed == 4)
            LEVEL(blocks)(p, lanes, dense, terms, 0, 4, 0, n, out);
        else
            LEVEL(blocks)(p, lanes, dense, terms, 0, 1, 0, n, out);
    } else if (halved) {
        if (packed == 3)
            LEVEL(blocks)(p, lanes, dense, terms, 1, 3, 1, n, out);
        else if (packed == 4)
            LEVEL(blocks)(p, lanes, dense, terms, 1, 4, 1, n, out);
        else
            LEVEL(blocks)(p, lanes, dense, terms, 1, 1, 1, n, out);
    } else {
        if (packed == 3)
            LEVEL(blocks)(p, lanes, dense, terms, 0, 3, 1, n, out);
        else if (packed == 4)
            LEVEL(blocks)(p, lanes, dense, terms, 0, 4, 1, n, out);
        else
            LEVEL(blocks)(p, lanes, dense, terms, 0, 1, 1, n, out);
    }
}

/* One 8-bit channel of n places, from lanes of RGB. */
static void LEVEL(channel_back)(const colour_back *m, const uint16_t *r, const uint16_t *g,
                                const uint16_t *b, ptrdiff_t n, uint8_t *out) {
    const int pair = (int)((uint32_t)(uint16_t)m->coefficients[0] |
                           (uint32_t)m->coefficients[1] << 16);
    const int rest = (uint16_t)m->coefficients[2], bias = (int)m->bias, shift = (int)m->shift;
    const V16 middle = ALL16(128);
    for (ptrdiff_t x = 0; x < n; x += LEVEL(BLOCK)) {
        V16 low[3], high[3];
        LEVEL(block)(r + x, &low[0], &high[0]);
        LEVEL(block)(g + x, &low[1], &high[1]);
        LEVEL(block)(b + x, &low[2], &high[2]);
        for (int c = 0; c < 3; c++) {
            low[c] = FLIP(low[c]);
            high[c] = FLIP(high[c]);
        }
        const V16 first = LEVEL(weighted_three)(low[0], low[1], low[2], pair, rest, bias, shift);
        const V16 last = LEVEL(weighted_three)(high[0], high[1], high[2], pair, rest, bias, shift);
        const V8 bytes = NARROW(ADD_SATURATED(first, middle), ADD_SATURATED(last, middle));
        if (n - x >= LEVEL(BLOCK)) {
            LEVEL(store1)(out + x, bytes);
        } else {
            uint8_t part[LEVEL(BLOCK)];
            LEVEL(store1)(part, bytes);
            memcpy(out + x, part, (size_t)(n - x));
        }
    }
}

/* Bytes of pixels in another order: byte c of a target's pixel is byte order[c] of the source's, or
 * 255 where order is negative. Return how many pixels were done, the few last ones not. */
static ptrdiff_t LEVEL(reorder_most)(const uint8_t *from, ptrdiff_t step, uint8_t *to,
                                     ptrdiff_t packed, const ptrdiff_t *order, ptrdiff_t n) {
    const ptrdiff_t pixels = step == 3 && packed == 3 ? 5 : 4; /* in 16 bytes of either side */
    uint8_t places[16], fill[16];
    for (ptrdiff_t i = 0; i < 16; i++) {
        const ptrdiff_t place = order[i % packed];
        const int kept = i < pixels * packed && place >= 0;
        places[i] = kept ? (uint8_t)(i / packed * step + place) : 255;
        fill[i] = i < pixels * packed && place < 0 ? 255 : 0;
    }
    const V128 by = LOAD128(places), with = LOAD128(fill);
    ptrdiff_t i = 0;
    for (; (n - i) * step >= 16 && (n - i) * packed >= 16; i += pixels)
        STORE128(to + i * packed, SHUFFLED(LOAD128(from + i * step), by, with));
    return i;
}

#undef INLINE
#undef SHUFFLED
#undef LOAD128
#undef STORE128
#undef V128
#undef V16
#undef V8
#undef LANES
#undef MULTIPLY_HIGH
#undef MULTIPLY_LOW
#undef AND
#undef SUBTRACT
#undef ADD_SATURATED
#undef MULTIPLY_ROUNDED
#undef NARROW
#undef ALL16
#undef ALL8
#undef LOAD
#undef STORE
#undef FLIP
