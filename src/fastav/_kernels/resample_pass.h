/* The stages of resample.h, included once for each instruction set with RESAMPLE_LEVEL defined. */

#if defined(__GNUC__)
#define INLINE static inline __attribute__((always_inline))
#else
#define INLINE static __forceinline
#endif

/* ---- sums of 8-bit samples: LANES lanes ---- */

/* `start`, `add` and `finish` are what an instruction set has its own words for: sums of no samples,
 * of one group more, and as bytes. */

#if defined(RESAMPLE_AVX512)

/* Sums of products of bytes, for each digit of the weights. */
typedef struct {
    __m512i low, middle, high;
} LEVEL(sums);
typedef LEVEL(sums) LEVEL(factors);
#define TABLE digits
#define TABLE_BYTES 12

INLINE LEVEL(factors) LEVEL(load)(const uint8_t *table) {
    int32_t digits[3];
    memcpy(digits, table, sizeof digits);
    return (LEVEL(factors)){_mm512_set1_epi32(digits[0]), _mm512_set1_epi32(digits[1]),
                            _mm512_set1_epi32(digits[2])};
}
INLINE LEVEL(sums) LEVEL(start)(void) {
    return (LEVEL(sums)){_mm512_set1_epi32(1 << (BITS_8 - 1)), _mm512_setzero_si512(),
                         _mm512_setzero_si512()};
}
INLINE LEVEL(sums) LEVEL(add)(LEVEL(sums) s, const uint32_t *words, LEVEL(factors) by) {
    const __m512i four = _mm512_loadu_si512(words);
    return (LEVEL(sums)){_mm512_dpbusd_epi32(s.low, four, by.low),
                         _mm512_dpbusd_epi32(s.middle, four, by.middle),
                         _mm512_dpbusd_epi32(s.high, four, by.high)};
}
INLINE void LEVEL(finish)(LEVEL(sums) s, uint8_t *out) {
    const __m512i sum = _mm512_add_epi32(
        s.low, _mm512_add_epi32(_mm512_slli_epi32(s.middle, 8), _mm512_slli_epi32(s.high, 16)));
    const __m512i value = _mm512_max_epi32(_mm512_srai_epi32(sum, BITS_8), _mm512_setzero_si512());
    _mm_storeu_si128((__m128i *)out, _mm512_cvtusepi32_epi8(value));
}

#elif defined(RESAMPLE_AVX2)

/* Sums of products of words, for the low bits and the high bits of the weights. */
typedef struct {
    __m256i low[2], high[2];
} LEVEL(sums);
typedef struct {
    __m256i low_even, low_odd, high_even, high_odd;
} LEVEL(factors);
#define TABLE pairs
#define TABLE_BYTES 16

INLINE LEVEL(factors) LEVEL(load)(const uint8_t *table) {
    int32_t pairs[4];
    memcpy(pairs, table, sizeof pairs);
    return (LEVEL(factors)){_mm256_set1_epi32(pairs[0]), _mm256_set1_epi32(pairs[1]),
                            _mm256_set1_epi32(pairs[2]), _mm256_set1_epi32(pairs[3])};
}
INLINE LEVEL(sums) LEVEL(start)(void) {
    const __m256i half = _mm256_set1_epi32(1 << (BITS_8 - 1)), none = _mm256_setzero_si256();
    return (LEVEL(sums)){{half, half}, {none, none}};
}
INLINE LEVEL(sums) LEVEL(add)(LEVEL(sums) s, const uint32_t *words, LEVEL(factors) by) {
    const __m256i bytes = _mm256_set1_epi16(255);
    for (int i = 0; i < 2; i++) {
        const __m256i four = _mm256_loadu_si256((const __m256i *)(words + 8 * i));
        const __m256i even = _mm256_and_si256(four, bytes), odd = _mm256_srli_epi16(four, 8);
        const __m256i low = _mm256_add_epi32(_mm256_madd_epi16(even, by.low_even),
                                             _mm256_madd_epi16(odd, by.low_odd));
        const __m256i high = _mm256_add_epi32(_mm256_madd_epi16(even, by.high_even),
                                              _mm256_madd_epi16(odd, by.high_odd));
        s.low[i] = _mm256_add_epi32(s.low[i], low);
        s.high[i] = _mm256_add_epi32(s.high[i], high);
    }
    return s;
}
INLINE void LEVEL(finish)(LEVEL(sums) s, uint8_t *out) {
    __m256i value[2];
    for (int i = 0; i < 2; i++)
        value[i] = _mm256_srai_epi32(
            _mm256_add_epi32(s.low[i], _mm256_slli_epi32(s.high[i], 15)), BITS_8);
    /* narrowing works within halves of 128 bits */
    const __m256i words = _mm256_permute4x64_epi64(_mm256_packs_epi32(value[0], value[1]), 0xD8);
    _mm_storeu_si128((__m128i *)out, _mm_packus_epi16(_mm256_castsi256_si128(words),
                                                      _mm256_extracti128_si256(words, 1)));
}

#elif defined(RESAMPLE_NEON) && !defined(RESAMPLE_PLAIN)

typedef struct {
    int32x4_t part[4];
} LEVEL(sums);
typedef int32x4_t LEVEL(factors);
#define TABLE weights
#define TABLE_BYTES 16

INLINE LEVEL(factors) LEVEL(load)(const uint8_t *table) {
    return vreinterpretq_s32_u8(vld1q_u8(table));
}
INLINE LEVEL(sums) LEVEL(start)(void) {
    const int32x4_t half = vdupq_n_s32(1 << (BITS_8 - 1));
    return (LEVEL(sums)){{half, half, half, half}};
}
INLINE LEVEL(sums) LEVEL(add)(LEVEL(sums) s, const uint32_t *words, LEVEL(factors) by) {
    const uint32x4_t byte = vdupq_n_u32(255);
    for (int i = 0; i < 4; i++) {
        const uint32x4_t four = vld1q_u32(words + 4 * i);
        const int32x4_t a = vreinterpretq_s32_u32(vandq_u32(four, byte));
        const int32x4_t b = vreinterpretq_s32_u32(vandq_u32(vshrq_n_u32(four, 8), byte));
        const int32x4_t c = vreinterpretq_s32_u32(vandq_u32(vshrq_n_u32(four, 16), byte));
        const int32x4_t d = vreinterpretq_s32_u32(vshrq_n_u32(four, 24));
        int32x4_t sum = vmlaq_laneq_s32(s.part[i], a, by, 0);
        sum = vmlaq_laneq_s32(sum, b, by, 1);
        sum = vmlaq_laneq_s32(sum, c, by, 2);
        s.part[i] = vmlaq_laneq_s32(sum, d, by, 3);
    }
    return s;
}
INLINE void LEVEL(finish)(LEVEL(sums) s, uint8_t *out) {
    uint16x4_t value[4];
    for (int i = 0; i < 4; i++) value[i] = vqmovun_s32(vshrq_n_s32(s.part[i], BITS_8));
    vst1q_u8(out, vcombine_u8(vqmovn_u16(vcombine_u16(value[0], value[1])),
                              vqmovn_u16(vcombine_u16(value[2], value[3]))));
}

#else

typedef struct {
    uint32_t lane[LANES];
} LEVEL(sums);
typedef struct {
    int32_t weight[4];
} LEVEL(factors);
#define TABLE weights
#define TABLE_BYTES 16
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
#define BYTE(word, i) ((word) >> (24 - 8 * (i)) & 255)
#else
#define BYTE(word, i) ((word) >> 8 * (i) & 255)
#endif

INLINE LEVEL(factors) LEVEL(load)(const uint8_t *table) {
    LEVEL(factors) by;
    memcpy(&by, table, sizeof by);
    return by;
}
INLINE LEVEL(sums) LEVEL(start)(void) {
    LEVEL(sums) s;
    for (int i = 0; i < LANES; i++) s.lane[i] = 1u << (BITS_8 - 1);
    return s;
}
INLINE LEVEL(sums) LEVEL(add)(LEVEL(sums) s, const uint32_t *words, LEVEL(factors) by) {
    const uint32_t a = (uint32_t)by.weight[0], b = (uint32_t)by.weight[1];
    const uint32_t c = (uint32_t)by.weight[2], d = (uint32_t)by.weight[3];
    for (int i = 0; i < LANES; i++)
        s.lane[i] += BYTE(words[i], 0) * a + BYTE(words[i], 1) * b + BYTE(words[i], 2) * c +
                     BYTE(words[i], 3) * d;
    return s;
}
INLINE void LEVEL(finish)(LEVEL(sums) s, uint8_t *out) {
    for (int i = 0; i < LANES; i++) {
        const int32_t value = (int32_t)s.lane[i] >> BITS_8;
        out[i] = (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
    }
}
#undef BYTE

#endif

INLINE void LEVEL(sum)(const uint32_t *words, ptrdiff_t stride, const uint8_t *table,
                       ptrdiff_t number, const int vectors, uint8_t *out) {
    LEVEL(sums) s[4];
    for (int v = 0; v < vectors; v++) s[v] = LEVEL(start)();
    for (ptrdiff_t g = 0; g < number; g++) {
        const LEVEL(factors) by = LEVEL(load)(table + g * TABLE_BYTES);
        for (int v = 0; v < vectors; v++)
            s[v] = LEVEL(add)(s[v], words + g * stride + v * LANES, by);
    }
    for (int v = 0; v < vectors; v++) LEVEL(finish)(s[v], out + v * LANES);
}

/* One result of an axis for all lanes, from words whose first group is number `base`. */
static void LEVEL(weigh)(const resample_axis *axis, ptrdiff_t result, const uint32_t *words,
                         ptrdiff_t base, ptrdiff_t lanes, uint8_t *out) {
    const ptrdiff_t begin = ((const int32_t *)(intptr_t)axis->begin)[result] - base;
    const ptrdiff_t number = ((const int32_t *)(intptr_t)axis->number)[result];
    const uint8_t *table = (const uint8_t *)(intptr_t)axis->TABLE +
                           result * (ptrdiff_t)axis->groups * TABLE_BYTES;
    ptrdiff_t lane = 0;
    words += begin * lanes;
    for (; lane + 3 * LANES <= lanes; lane += 3 * LANES)
        LEVEL(sum)(words + lane, lanes, table, number, 3, out + lane);
    for (; lane < lanes; lane += LANES)
        LEVEL(sum)(words + lane, lanes, table, number, 1, out + lane);
}

#undef TABLE
#undef TABLE_BYTES

/* Rows of bytes to words of four of a row, transposed; rows are a multiple of 8, and there is room
 * for a multiple of 4 groups. */
static void LEVEL(turn)(const uint8_t *restrict from, ptrdiff_t pitch, ptrdiff_t rows,
                        ptrdiff_t groups, uint32_t *restrict to, ptrdiff_t lanes) {
#if defined(RESAMPLE_AVX2) || defined(RESAMPLE_AVX512)
#define ROW(i) ((const __m128i *)(from + (y + (i)) * pitch + 4 * g))
#define ROWS(i)                                                                                    \
    _mm256_inserti128_si256(_mm256_castsi128_si256(_mm_loadu_si128(ROW(i))),                       \
                            _mm_loadu_si128(ROW((i) + 4)), 1)
    for (ptrdiff_t g = 0; g < groups; g += 4)
        for (ptrdiff_t y = 0; y < rows; y += 8) {
            const __m256i a = ROWS(0), b = ROWS(1), c = ROWS(2), d = ROWS(3);
            const __m256i ab_low = _mm256_unpacklo_epi32(a, b), ab = _mm256_unpackhi_epi32(a, b);
            const __m256i cd_low = _mm256_unpacklo_epi32(c, d), cd = _mm256_unpackhi_epi32(c, d);
            uint32_t *out = to + g * lanes + y;
            _mm256_storeu_si256((__m256i *)out, _mm256_unpacklo_epi64(ab_low, cd_low));
            _mm256_storeu_si256((__m256i *)(out + lanes), _mm256_unpackhi_epi64(ab_low, cd_low));
            _mm256_storeu_si256((__m256i *)(out + 2 * lanes), _mm256_unpacklo_epi64(ab, cd));
            _mm256_storeu_si256((__m256i *)(out + 3 * lanes), _mm256_unpackhi_epi64(ab, cd));
        }
#undef ROW
#undef ROWS
#else
    for (ptrdiff_t g = 0; g < groups; g++)
        for (ptrdiff_t y = 0; y < rows; y++) memcpy(&to[g * lanes + y], from + y * pitch + 4 * g, 4);
#endif
}

/* Rows of bytes to words of four of a column. */
static void LEVEL(gather)(const uint8_t *restrict from, ptrdiff_t pitch, ptrdiff_t columns,
                          ptrdiff_t groups, uint32_t *restrict to, ptrdiff_t lanes) {
    for (ptrdiff_t g = 0; g < groups; g++) {
        const uint8_t *restrict a = from + 4 * g * pitch, *restrict b = a + pitch;
        const uint8_t *restrict c = b + pitch, *restrict d = c + pitch;
        uint8_t *restrict out = (uint8_t *)(to + g * lanes);
        for (ptrdiff_t x = 0; x < columns; x++) {
            out[4 * x] = a[x];
            out[4 * x + 1] = b[x];
            out[4 * x + 2] = c[x];
            out[4 * x + 3] = d[x];
        }
    }
}

/* ---- 16-bit samples, and 32-bit ones between the passes ---- */

/* Rows of samples to columns. */
static void LEVEL(turn16)(const uint16_t *restrict from, ptrdiff_t pitch, ptrdiff_t rows,
                          ptrdiff_t columns, int32_t *restrict to, ptrdiff_t lanes) {
    for (ptrdiff_t x = 0; x < columns; x++)
        for (ptrdiff_t y = 0; y < rows; y++) to[x * lanes + y] = from[y * pitch + x];
}

static void LEVEL(turn32)(const int32_t *restrict from, ptrdiff_t pitch, ptrdiff_t rows,
                          ptrdiff_t columns, int32_t *restrict to, ptrdiff_t lanes) {
    for (ptrdiff_t x = 0; x < columns; x++)
        for (ptrdiff_t y = 0; y < rows; y++) to[x * lanes + y] = from[y * pitch + x];
}

/* As `weigh`; sums lose `shift` bits. */
static void LEVEL(weigh_wide)(const resample_axis *axis, ptrdiff_t result, const int32_t *samples,
                              ptrdiff_t base, ptrdiff_t lanes, int shift, int32_t *restrict out) {
    const ptrdiff_t begin = ((const int32_t *)(intptr_t)axis->begin)[result] - base;
    const ptrdiff_t number = ((const int32_t *)(intptr_t)axis->number)[result];
    const int32_t *table = (const int32_t *)(intptr_t)axis->weights +
                           result * (ptrdiff_t)axis->groups * 4;
    samples += begin * 4 * lanes;
    for (ptrdiff_t lane = 0; lane < lanes; lane += LANES) {
        int64_t sums[LANES];
        for (int i = 0; i < LANES; i++) sums[i] = (int64_t)1 << (shift - 1);
        for (ptrdiff_t k = 0; k < 4 * number; k++) {
            const int32_t *restrict from = samples + k * lanes + lane;
            const int64_t weight = table[k];
            for (int i = 0; i < LANES; i++) sums[i] += from[i] * weight;
        }
        for (int i = 0; i < LANES; i++) out[lane + i] = (int32_t)(sums[i] >> shift);
    }
}

/* ---- alpha ---- */

/* Multiply n samples by their alpha, as fractions of 255, rounded. */
static void LEVEL(multiply)(uint8_t *restrict samples, const uint8_t *restrict alpha, ptrdiff_t n) {
    for (ptrdiff_t i = 0; i < n; i++) {
        const uint16_t product = (uint16_t)(samples[i] * alpha[i] + 128);
        samples[i] = (uint8_t)((product + (product >> 8)) >> 8);
    }
}

/* Divide n pixels by their alpha, rounding down. */
static void LEVEL(divide)(uint8_t *pixels, ptrdiff_t n) {
    for (; n > 0; n--, pixels += 4) {
        const int alpha = pixels[3];
        for (int c = 0; c < 3 && alpha; c++) {
            const int value = 255 * pixels[c] / alpha;
            pixels[c] = (uint8_t)(value > 255 ? 255 : value);
        }
    }
}

/* ---- frames ---- */

/* A strip, weighed along the first axis: rows of the second pass. */
static void LEVEL(strip)(const resample_plan *p, const resample_scratch *s, uint8_t *scratch,
                         uint8_t *rows) {
    const ptrdiff_t length = (ptrdiff_t)(p->first.last - p->first.first), groups = (length + 3) / 4;
    const ptrdiff_t lanes = s->strip_lanes, count = (ptrdiff_t)p->first.count;
    if (p->alpha)
        for (ptrdiff_t c = 0; c < 3; c++)
            LEVEL(multiply)(scratch + c * s->plane, scratch + 3 * s->plane, s->plane);
    if (p->size == 1) {
        uint32_t *words = (uint32_t *)(scratch + s->words);
        for (ptrdiff_t c = 0; c < p->channels; c++) {
            const uint8_t *plane = scratch + c * s->plane;
            if (p->turned)
                LEVEL(gather)(plane, s->pitch, s->strip, groups, words + c * s->strip, lanes);
            else
                LEVEL(turn)(plane, s->pitch, s->strip, groups, words + c * s->strip, lanes);
        }
        for (ptrdiff_t i = 0; i < count; i++)
            LEVEL(weigh)(&p->first, i, words, 0, lanes, scratch + s->results + i * lanes);
        LEVEL(turn)(scratch + s->results, s->strip, s->lanes, s->strip / 4, (uint32_t *)rows,
                    s->lanes);
    } else {
        int32_t *samples = (int32_t *)(scratch + s->words);
        int32_t *results = (int32_t *)(scratch + s->results);
        for (ptrdiff_t c = 0; c < p->channels; c++)
            LEVEL(turn16)((const uint16_t *)(scratch + c * s->plane), s->pitch / 2, s->strip,
                          4 * groups, samples + c * s->strip, lanes);
        for (ptrdiff_t i = 0; i < count; i++)
            LEVEL(weigh_wide)(&p->first, i, samples, 0, lanes, BITS_16 - BETWEEN_16,
                              results + i * lanes);
        LEVEL(turn32)(results, s->strip, s->lanes, s->strip, (int32_t *)rows, s->lanes);
    }
}

/* A row of the target, or a column. */
static void LEVEL(finish_row)(const resample_plan *p, const resample_scratch *s, ptrdiff_t number,
                              const uint8_t *rows, ptrdiff_t base, uint8_t *row, uint8_t *target,
                              ptrdiff_t pitch) {
    const ptrdiff_t count = (ptrdiff_t)p->first.count, channels = (ptrdiff_t)p->channels;
    if (p->size == 1) {
        LEVEL(weigh)(&p->second, number, (const uint32_t *)rows, base, s->lanes, row);
        if (p->alpha) LEVEL(divide)(row, count);
    } else {
        int32_t *values = (int32_t *)row;
        LEVEL(weigh_wide)(&p->second, number, (const int32_t *)rows, base, s->lanes,
                          BITS_16 + BETWEEN_16, values);
        for (ptrdiff_t i = 0; i < count * channels; i++) {
            const int32_t value = values[i];
            const uint16_t clamped = (uint16_t)(value < 0 ? 0 : value > 0xFFFF ? 0xFFFF : value);
            memcpy(row + 2 * i, &clamped, sizeof clamped);
        }
    }
    const ptrdiff_t pixel = channels * (ptrdiff_t)p->size;
    if (p->turned)
        for (ptrdiff_t y = 0; y < count; y++)
            memcpy(target + y * pitch + number * pixel, row + y * pixel, (size_t)pixel);
    else
        memcpy(target + number * pitch, row, (size_t)(count * pixel));
}

static void LEVEL(frame)(const resample_plan *p, resample_convert *convert, const void *context,
                         uint8_t *target, ptrdiff_t pitch, uint8_t *scratch) {
    const resample_scratch s = resample_places(p);
    const ptrdiff_t group = s.lanes * (p->size == 1 ? 4 : 16);
    const int32_t *begin = (const int32_t *)(intptr_t)p->second.begin;
    const int32_t *number = (const int32_t *)(intptr_t)p->second.number;
    const int64_t first = p->first.first, last = p->first.last, end = p->second.last;
    uint8_t *rows = scratch + s.rows;
    ptrdiff_t base = 0, kept = 0, next = 0; /* groups before `rows` and in them; the next result */
    for (int64_t from = p->second.first; next < p->second.count; from += s.strip) {
        const int64_t to = from + s.strip < end ? from + s.strip : end;
        if (p->turned)
            convert(context, from, first, to, last, scratch, s.plane, s.pitch);
        else
            convert(context, first, from, last, to, scratch, s.plane, s.pitch);
        LEVEL(strip)(p, &s, scratch, rows + kept * group);
        kept += s.strip / 4;
        for (; next < p->second.count && begin[next] + number[next] <= base + kept; next++)
            LEVEL(finish_row)(p, &s, next, rows, base, scratch + s.row, target, pitch);
        if (next == p->second.count) break;
        const ptrdiff_t past = begin[next] - base, done = past < kept ? past : kept;
        memmove(rows, rows + done * group, (size_t)((kept - done) * group));
        base += done;
        kept -= done;
    }
}

#undef INLINE
