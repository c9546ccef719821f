/* The stages of colour.h, included once for each instruction set with COLOUR_LEVEL defined.
 *
 * Loops are written so that compilers vectorise them. Tiles have room for a vector beyond their
 * end; the frame's own memory is never touched outside of its samples.
 */

#if defined(__GNUC__)
typedef uint16_t LEVEL(unaligned16) __attribute__((aligned(1), may_alias));
typedef float LEVEL(unaligned_float) __attribute__((aligned(1), may_alias));
#else
typedef uint16_t LEVEL(unaligned16);
typedef float LEVEL(unaligned_float);
#endif

typedef uint16_t LEVEL(lane)[TILE + PAD];
typedef int16_t LEVEL(term)[TILE + PAD];
typedef union {
    uint16_t integers[TILE + PAD];
    float floats[TILE + PAD];
} LEVEL(samples);

static inline uint16_t LEVEL(swapped)(uint16_t value) {
    return (uint16_t)(value << 8 | value >> 8);
}

static inline uint8_t *LEVEL(row)(const colour_component *c, const colour_plane *planes,
                                  ptrdiff_t y) {
    const colour_plane *plane = planes + c->plane;
    return plane->data + y * plane->pitch + c->offset;
}

/* ---- load ---- */

#define LOAD8(STEP)                                                                                \
    for (ptrdiff_t i = 0; i < n; i++) out[i] = (uint16_t)(from[i * (STEP)] << 8)
#define LOAD16(STEP, VALUE)                                                                        \
    for (ptrdiff_t i = 0; i < n; i++) {                                                            \
        uint16_t value = *(const LEVEL(unaligned16) *)(from + i * (STEP));                         \
        out[i] = (uint16_t)((VALUE) * scale) & mask;                                               \
    }

/* Samples x to x + n of row y, left-justified in 16 bits. */
static void LEVEL(load)(uint16_t *restrict out, const colour_component *c,
                        const colour_plane *planes, ptrdiff_t y, ptrdiff_t x, ptrdiff_t n) {
    const ptrdiff_t step = c->step;
    /* VALUE >> right << left, in operations that 16-bit vectors have */
    const uint16_t scale = (uint16_t)(1 << (c->left - c->right));
    const uint16_t mask = (uint16_t)(0xFFFF << c->left);
    const uint8_t *restrict from = LEVEL(row)(c, planes, y) + x * step;
    if (c->size == 1) {
        switch (step) { /* constant steps are what vectorises */
        case 1: LOAD8(1); break;
        case 2: LOAD8(2); break;
        case 3: LOAD8(3); break;
        case 4: LOAD8(4); break;
        default: LOAD8(step);
        }
    } else if (c->swap) {
        switch (step) {
        case 2: LOAD16(2, LEVEL(swapped)(value)); break;
        default: LOAD16(step, LEVEL(swapped)(value));
        }
    } else {
        switch (step) {
        case 2: LOAD16(2, value); break;
        case 4: LOAD16(4, value); break;
        case 6: LOAD16(6, value); break;
        case 8: LOAD16(8, value); break;
        default: LOAD16(step, value);
        }
    }
}

#undef LOAD8
#undef LOAD16

/* Samples first to first + n, where first may be -1 and the end beyond width: edges repeat. */
static void LEVEL(load_between)(uint16_t *out, const colour_component *c,
                                const colour_plane *planes, ptrdiff_t y, ptrdiff_t first,
                                ptrdiff_t n, ptrdiff_t width) {
    ptrdiff_t begin = first < 0 ? 0 : first, end = first + n > width ? width : first + n;
    LEVEL(load)(out + (begin - first), c, planes, y, begin, end - begin);
    for (ptrdiff_t i = first; i < begin; i++) out[i - first] = out[begin - first];
    for (ptrdiff_t i = end; i < first + n; i++) out[i - first] = out[end - 1 - first];
}

/* ---- chroma ---- */

/* Repeat n lanes, so that there are twice as many. */
static void LEVEL(repeat)(uint16_t *lane, ptrdiff_t n) {
    uint16_t once[TILE];
    memcpy(once, lane, (size_t)n * sizeof *lane);
    for (ptrdiff_t i = 0; i < n; i++) lane[2 * i] = lane[2 * i + 1] = once[i];
}

/* Chroma of the pixels x to x + n of row y, interpolated at their places; one rounding. */
static void LEVEL(interpolate)(const colour_plan *p, const colour_component *c,
                               const colour_plane *planes, ptrdiff_t y, ptrdiff_t x, ptrdiff_t n,
                               uint16_t *restrict out) {
    LEVEL(lane) near, far;
    int32_t quarters[TILE + PAD];
    const ptrdiff_t width = (p->width + (1 << p->log2_w) - 1) >> p->log2_w;
    const ptrdiff_t height = (p->height + (1 << p->log2_h) - 1) >> p->log2_h;
    ptrdiff_t row = y >> p->log2_h, other = row;
    int32_t weight = 0; /* of the other row, in quarters */
    if (p->log2_h && p->between_h) {
        other = y & 1 ? row + 1 : row - 1;
        weight = 1;
    } else if (p->log2_h && y & 1) {
        other = row + 1;
        weight = 2;
    }
    if (other < 0 || other >= height) other = row;
    const ptrdiff_t first = p->log2_w ? (x >> 1) - 1 : x; /* x is even: tiles are */
    const ptrdiff_t count = p->log2_w ? ((n + 1) >> 1) + 2 : n;
    LEVEL(load_between)(near, c, planes, row, first, count, width);
    LEVEL(load_between)(far, c, planes, other, first, count, width);
    for (ptrdiff_t i = 0; i < count; i++)
        quarters[i] = (4 - weight) * near[i] + weight * far[i];
    if (!p->log2_w) {
        for (ptrdiff_t i = 0; i < n; i++) out[i] = (uint16_t)((4 * quarters[i] + 8) >> 4);
        return;
    }
    /* quarters[i + 1] is the sample that pixels 2i and 2i + 1 share */
    for (ptrdiff_t i = 0; i < count - 2; i++) {
        const int32_t before = quarters[i], here = quarters[i + 1], after = quarters[i + 2];
        out[2 * i] = (uint16_t)(((p->between_w ? before + 3 * here : 4 * here) + 8) >> 4);
        out[2 * i + 1] =
            (uint16_t)(((p->between_w ? 3 * here + after : 2 * here + 2 * after) + 8) >> 4);
    }
}

/* RGB component c averaged around the chroma samples x to x + n of chroma row y; one rounding. */
static void LEVEL(average)(const colour_plan *p, const colour_component *c,
                           const colour_plane *planes, ptrdiff_t y, ptrdiff_t x, ptrdiff_t n,
                           uint16_t *restrict out) {
    LEVEL(lane) lane;
    int32_t quarters[TILE + PAD];
    const int32_t on[] = {1, 2, 1}, between[] = {0, 2, 2}, whole[] = {0, 4, 0};
    const int32_t *rows = !p->log2_h ? whole : p->between_h ? between : on;
    const int32_t *columns = !p->log2_w ? whole : p->between_w ? between : on;
    const ptrdiff_t first = (x << p->log2_w) - 1, count = (n << p->log2_w) + 2;
    memset(quarters, 0, sizeof quarters);
    for (int r = 0; r < 3; r++) {
        ptrdiff_t from = (y << p->log2_h) + r - 1;
        if (!rows[r]) continue;
        from = from < 0 ? 0 : from >= p->height ? p->height - 1 : from;
        LEVEL(load_between)(lane, c, planes, from, first, count, p->width);
        for (ptrdiff_t i = 0; i < count; i++) quarters[i] += rows[r] * lane[i];
    }
    const int32_t a = columns[0], b = columns[1], d = columns[2];
    if (p->log2_w)
        for (ptrdiff_t i = 0; i < n; i++)
            out[i] = (uint16_t)((a * quarters[2 * i] + b * quarters[2 * i + 1] +
                                 d * quarters[2 * i + 2] + 8) >> 4);
    else
        for (ptrdiff_t i = 0; i < n; i++) out[i] = (uint16_t)((b * quarters[i + 1] + 8) >> 4);
}

/* ---- matrix, narrow ---- */

#ifndef COLOUR_VECTOR_H
/* The chroma terms of n places for every channel. */
static void LEVEL(terms)(const colour_plan *p, const uint16_t *restrict u,
                         const uint16_t *restrict v, ptrdiff_t n, LEVEL(term) * restrict out) {
    for (int c = 0; c < p->channels; c++) {
        const int16_t cu = (int16_t)p->narrow[c].cu, cv = (int16_t)p->narrow[c].cv;
        const int32_t bias = (int32_t)p->narrow[c].bias;
        const int shift = (int)p->narrow[c].shift;
        for (ptrdiff_t i = 0; i < n; i++) {
            const int16_t x = (int16_t)(u[i] ^ 0x8000), y = (int16_t)(v[i] ^ 0x8000);
            out[c][i] = (int16_t)((x * cu + y * cv + bias) >> shift);
        }
    }
}

static void LEVEL(channel)(const colour_plan *p, const uint16_t *restrict lane, uint16_t scale,
                           const int16_t *restrict terms, int16_t zero, int halved, ptrdiff_t n,
                           uint8_t *restrict out) {
    const int16_t k = (int16_t)p->k;
    for (ptrdiff_t i = 0; i < n; i++) {
        int32_t units = (int16_t)((lane[i] * (uint32_t)scale >> 16) - zero) + terms[i >> halved];
        units = units < INT16_MIN ? INT16_MIN : units > INT16_MAX ? INT16_MAX : units;
        const int32_t value = ((int16_t)units * k + (1 << 14)) >> 15;
        out[i] = (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
    }
}

/* 8-bit samples of n pixels, from lanes and chroma terms to the target. */
static void LEVEL(finish)(const colour_plan *p, LEVEL(lane) * lanes, LEVEL(term) * terms,
                          int halved, ptrdiff_t n, uint8_t *const *out) {
    static const LEVEL(term) none;
    uint8_t bytes[4][TILE + PAD];
    const int packed = (int)p->target[0].step;
    for (int c = 0; c < p->channels; c++)
        LEVEL(channel)(p, lanes[p->narrow[c].lane], (uint16_t)p->y_scale, terms[c],
                       (int16_t)p->y_zero, halved, n, packed == 1 ? out[c] : bytes[c]);
    if (p->alpha_out) {
        uint8_t *alpha = packed == 1 ? out[p->channels] : bytes[3];
        if (p->alpha_in)
            LEVEL(channel)(p, lanes[3], (uint16_t)p->alpha_scale, none,
                           (int16_t)-p->alpha_bias, 0, n, alpha);
        else
            memset(alpha, 255, (size_t)n);
    }
    uint8_t *restrict to = out[0];
    if (packed == 3)
        for (ptrdiff_t i = 0; i < n; i++, to += 3) {
            to[0] = bytes[0][i];
            to[1] = bytes[1][i];
            to[2] = bytes[2][i];
        }
    else if (packed == 4)
        for (ptrdiff_t i = 0; i < n; i++, to += 4) {
            to[0] = bytes[0][i];
            to[1] = bytes[1][i];
            to[2] = bytes[2][i];
            to[3] = bytes[3][i];
        }
}
#endif

/* ---- matrix, wide ---- */

static void LEVEL(wide)(const colour_wide *m, const uint16_t *restrict a,
                        const uint16_t *restrict b, const uint16_t *restrict c, int size,
                        ptrdiff_t n, LEVEL(samples) * restrict out) {
    const double ka = m->coefficients[0], kb = m->coefficients[1], kc = m->coefficients[2];
    const double bias = m->bias, unit = m->unit, top = m->top, zero = m->zero, scale = m->scale;
    if (size == 4)
        for (ptrdiff_t i = 0; i < n; i++) {
            double value = (a[i] * ka + b[i] * kb + c[i] * kc + bias) * unit;
            value = value > 0.0 ? value : 0.0;
            value = value < top ? value : top;
            out->floats[i] = (float)((value - zero) * scale);
        }
    else
        for (ptrdiff_t i = 0; i < n; i++) {
            double value = (a[i] * ka + b[i] * kb + c[i] * kc + bias) * unit;
            value = value > 0.0 ? value : 0.0;
            value = value < top ? value : top;
            out->integers[i] = (uint16_t)(int32_t)value;
        }
}

/* ---- store ---- */

#define INTERLEAVE(TYPE, SAMPLES)                                                                  \
    if (count == 2)                                                                                \
        for (ptrdiff_t i = 0; i < n; i++) {                                                        \
            ((TYPE *)to)[2 * i] = (TYPE)s[0].SAMPLES[i];                                           \
            ((TYPE *)to)[2 * i + 1] = (TYPE)s[1].SAMPLES[i];                                       \
        }                                                                                          \
    else if (count == 3)                                                                           \
        for (ptrdiff_t i = 0; i < n; i++) {                                                        \
            ((TYPE *)to)[3 * i] = (TYPE)s[0].SAMPLES[i];                                           \
            ((TYPE *)to)[3 * i + 1] = (TYPE)s[1].SAMPLES[i];                                       \
            ((TYPE *)to)[3 * i + 2] = (TYPE)s[2].SAMPLES[i];                                       \
        }                                                                                          \
    else if (count == 4)                                                                           \
        for (ptrdiff_t i = 0; i < n; i++) {                                                        \
            ((TYPE *)to)[4 * i] = (TYPE)s[0].SAMPLES[i];                                           \
            ((TYPE *)to)[4 * i + 1] = (TYPE)s[1].SAMPLES[i];                                       \
            ((TYPE *)to)[4 * i + 2] = (TYPE)s[2].SAMPLES[i];                                       \
            ((TYPE *)to)[4 * i + 3] = (TYPE)s[3].SAMPLES[i];                                       \
        }                                                                                          \
    else                                                                                           \
        for (ptrdiff_t i = 0; i < n; i++) ((TYPE *)to)[i] = (TYPE)s[0].SAMPLES[i]

/* Write n pixels of the components c[0] to c[count - 1], which are either all in one plane and
 * nothing else beside them, or each in a plane of its own. */
static void LEVEL(store)(const colour_component *c, const colour_plane *planes, int count,
                         ptrdiff_t y, ptrdiff_t x, ptrdiff_t n, LEVEL(samples) * restrict s) {
    if (c->step == c->size && count > 1) {
        for (int i = 0; i < count; i++)
            LEVEL(store)(c + i, planes, 1, y, x, n, s + i);
        return;
    }
    uint8_t *restrict to = LEVEL(row)(c, planes, y) + x * c->step;
    if (c->size == 2 && (c->left || c->swap))
        for (int k = 0; k < count; k++)
            for (ptrdiff_t i = 0; i < n; i++) {
                const uint16_t value = (uint16_t)(s[k].integers[i] << c->left);
                s[k].integers[i] = c->swap ? LEVEL(swapped)(value) : value;
            }
    if (c->size == 1) {
        INTERLEAVE(uint8_t, integers);
    } else if (c->size == 2) {
        INTERLEAVE(LEVEL(unaligned16), integers);
    } else {
        INTERLEAVE(LEVEL(unaligned_float), floats);
    }
}

#undef INTERLEAVE

/* ---- whole frames ---- */

static void LEVEL(to_rgb)(const colour_plan *p, const colour_plane *source,
                          const colour_plane *target) {
    LEVEL(lane) lanes[4] = {{0}}; /* lanes that the source lacks stay zero */
    LEVEL(term) terms[3];
    LEVEL(samples) samples[4];
    const int outputs = (int)(p->channels + p->alpha_out);
    const int halved = p->log2_w == 1 && !p->linear && !p->wide; /* repeated at the end */
    const ptrdiff_t group = p->linear ? 1 : (ptrdiff_t)1 << p->log2_h; /* rows sharing chroma */
    for (ptrdiff_t y = 0; y < p->height; y += group) {
        const ptrdiff_t bottom = y + group < p->height ? y + group : p->height;
        for (ptrdiff_t x = 0; x < p->width; x += TILE) {
            const ptrdiff_t n = p->width - x < TILE ? p->width - x : TILE;
            const ptrdiff_t shared = (n + (1 << p->log2_w) - 1) >> p->log2_w;
            for (int c = 1; c < p->lanes; c++) {
                if (p->linear && (p->log2_w || p->log2_h)) {
                    LEVEL(interpolate)(p, &p->source[c], source, y, x, n, lanes[c]);
                } else {
                    LEVEL(load)(lanes[c], &p->source[c], source, y >> p->log2_h, x >> p->log2_w,
                                shared);
                    for (int log2 = halved ? 0 : (int)p->log2_w; log2 > 0; log2--)
                        LEVEL(repeat)(lanes[c], (n + (1 << log2) - 1) >> log2);
                }
            }
            if (!p->wide)
                LEVEL(terms)(p, lanes[1], lanes[2], halved ? shared : n, terms);
            for (ptrdiff_t row = y; row < bottom; row++) {
                LEVEL(load)(lanes[0], &p->source[0], source, row, x, n);
                if (p->alpha_in) LEVEL(load)(lanes[3], &p->source[3], source, row, x, n);
                if (p->wide) {
                    for (int c = 0; c < p->channels; c++)
                        LEVEL(wide)(&p->matrix[c], lanes[0], lanes[1], lanes[2],
                                    (int)p->target[0].size, n, &samples[c]);
                    if (p->alpha_out)
                        LEVEL(wide)(&p->matrix[3], lanes[3], lanes[3], lanes[3],
                                    (int)p->target[0].size, n, &samples[p->channels]);
                    LEVEL(store)(p->target, target, outputs, row, x, n, samples);
                } else {
                    uint8_t *out[4];
                    for (int c = 0; c < outputs; c++)
                        out[c] = LEVEL(row)(&p->target[c], target, row) + x * p->target[c].step;
                    LEVEL(finish)(p, lanes, terms, halved, n, out);
                }
            }
        }
    }
}

static void LEVEL(from_rgb)(const colour_plan *p, const colour_plane *source,
                            const colour_plane *target) {
    LEVEL(lane) lanes[3] = {{0}};
    LEVEL(samples) samples[2];
    for (ptrdiff_t y = 0; y < p->height; y++)
        for (ptrdiff_t x = 0; x < p->width; x += TILE) {
            const ptrdiff_t n = p->width - x < TILE ? p->width - x : TILE;
            for (int c = 0; c < p->lanes; c++)
                LEVEL(load)(lanes[c], &p->source[c], source, y, x, n);
            LEVEL(wide)(&p->matrix[0], lanes[0], lanes[1], lanes[2], 2, n, &samples[0]);
            LEVEL(store)(&p->target[0], target, 1, y, x, n, samples);
        }
    if (p->channels == 1) return;
    const ptrdiff_t width = (p->width + (1 << p->log2_w) - 1) >> p->log2_w;
    const ptrdiff_t height = (p->height + (1 << p->log2_h) - 1) >> p->log2_h;
    const ptrdiff_t tile = TILE >> p->log2_w;
    for (ptrdiff_t y = 0; y < height; y++)
        for (ptrdiff_t x = 0; x < width; x += tile) {
            const ptrdiff_t n = width - x < tile ? width - x : tile;
            for (int c = 0; c < p->lanes; c++)
                LEVEL(average)(p, &p->source[c], source, y, x, n, lanes[c]);
            for (int c = 1; c < 3; c++)
                LEVEL(wide)(&p->matrix[c], lanes[0], lanes[1], lanes[2], 2, n, &samples[c - 1]);
            LEVEL(store)(&p->target[1], target, 2, y, x, n, samples);
        }
}
