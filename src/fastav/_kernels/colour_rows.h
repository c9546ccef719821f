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
typedef double LEVEL(exact)[PIECE];
typedef union {
    uint16_t integers[PIECE];
    float floats[PIECE];
} LEVEL(samples);

static inline uint8_t *LEVEL(row)(const colour_component *c, const colour_plane *planes,
                                  ptrdiff_t y) {
    const colour_plane *plane = planes + c->plane;
    return plane->data + y * plane->pitch + c->offset;
}

/* Samples side by side, in this machine's order. */
static inline int LEVEL(is_dense)(const colour_component *c) {
    return c->size == c->step && c->size <= 2 && !c->swap;
}

/* Or words with one of something else between them. */
static inline int LEVEL(is_near)(const colour_component *c) {
    return LEVEL(is_dense)(c) || (c->size == 2 && c->step == 4 && !c->swap);
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
    const uint16_t scale = colour_raising(c), mask = colour_kept(c);
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
        case 2: LOAD16(2, swapped16(value)); break;
        default: LOAD16(step, swapped16(value));
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

/* Samples of three rows, weighted 1:2:1; the same row given twice or thrice weighs accordingly. */
static void LEVEL(load_quarters)(const colour_component *c, const colour_plane *planes,
                                 const ptrdiff_t rows[3], ptrdiff_t first, ptrdiff_t n,
                                 ptrdiff_t width, int32_t *restrict out) {
    LEVEL(lane) lanes[3];
    const uint16_t *from[3];
    for (int r = 0; r < 3; r++) {
        int same = 0;
        while (rows[same] != rows[r]) same++;
        from[r] = lanes[same];
        if (same == r) LEVEL(load_between)(lanes[r], c, planes, rows[r], first, n, width);
    }
    for (ptrdiff_t i = 0; i < n; i++) out[i] = from[0][i] + 2 * from[1][i] + from[2][i];
}

static inline ptrdiff_t LEVEL(within)(ptrdiff_t row, ptrdiff_t height) {
    return row < 0 ? 0 : row < height ? row : height - 1;
}

/* Chroma of the pixels x to x + n of row y, interpolated at their places; one rounding. */
static void LEVEL(interpolate)(const colour_plan *p, const colour_component *c,
                               const colour_plane *planes, ptrdiff_t y, ptrdiff_t x, ptrdiff_t n,
                               uint16_t *restrict out) {
    int32_t quarters[TILE + PAD];
    const ptrdiff_t width = (p->width + (1 << p->log2_w) - 1) >> p->log2_w;
    const ptrdiff_t height = (p->height + (1 << p->log2_h) - 1) >> p->log2_h;
    const ptrdiff_t near = y >> p->log2_h;
    ptrdiff_t rows[3] = {near, near, near};
    if (p->log2_h && p->between_h)
        rows[2] = LEVEL(within)(y & 1 ? near + 1 : near - 1, height);
    else if (p->log2_h && y & 1)
        rows[0] = rows[2] = LEVEL(within)(near + 1, height);
    if (!p->log2_w) {
        LEVEL(load_quarters)(c, planes, rows, x, n, width, quarters);
        for (ptrdiff_t i = 0; i < n; i++) out[i] = (uint16_t)((4 * quarters[i] + 8) >> 4);
        return;
    }
    const ptrdiff_t count = (n + 1) >> 1; /* samples, each shared by pixels 2i and 2i + 1 */
    LEVEL(load_quarters)(c, planes, rows, (x >> 1) - 1, count + 2, width, quarters);
    const int32_t *before = quarters, *here = quarters + 1, *after = quarters + 2;
    if (p->between_w)
        for (ptrdiff_t i = 0; i < count; i++) {
            out[2 * i] = (uint16_t)((before[i] + 3 * here[i] + 8) >> 4);
            out[2 * i + 1] = (uint16_t)((3 * here[i] + after[i] + 8) >> 4);
        }
    else
        for (ptrdiff_t i = 0; i < count; i++) {
            out[2 * i] = (uint16_t)((4 * here[i] + 8) >> 4);
            out[2 * i + 1] = (uint16_t)((2 * here[i] + 2 * after[i] + 8) >> 4);
        }
}

#define AVERAGE(TYPE, SAMPLE, RESULT)                                                              \
    do {                                                                                           \
        TYPE sums[TILE + PAD];                                                                     \
        for (ptrdiff_t i = 0; i < 2 * n + 1; i++)                                                  \
            sums[i] = (TYPE)(SAMPLE(above[i]) + 2 * SAMPLE(at[i]) + SAMPLE(below[i]));             \
        const TYPE *before = p->between_w ? sums + 2 : sums;                                       \
        for (ptrdiff_t i = 0; i < n; i++) {                                                        \
            const TYPE sum = (TYPE)(before[2 * i] + 2 * sums[2 * i + 1] + sums[2 * i + 2]);        \
            out[i] = (uint16_t)(RESULT);                                                           \
        }                                                                                          \
    } while (0)
#define WHOLE(lane) (lane)
#define SIXTEENTH(lane) ((lane) >> 4)

/* Lanes averaged around n chroma samples, rounded once; those of the rows above, at and below begin
 * one place before the first sample's. */
static void LEVEL(average)(const colour_plan *p, const uint16_t *above, const uint16_t *at,
                           const uint16_t *below, ptrdiff_t n, uint16_t *restrict out) {
    if (!p->log2_h)
        above = below = at;
    else if (p->between_h)
        above = below;
    if (p->source[0].left >= 4) /* sixteenths of such lanes are exact, and sums fit in 16 bits */
        AVERAGE(uint16_t, SIXTEENTH, sum);
    else
        AVERAGE(int32_t, WHOLE, (sum + 8) >> 4);
}

#undef AVERAGE
#undef WHOLE
#undef SIXTEENTH

/* ---- matrix, narrow ---- */

#ifndef COLOUR_VECTOR_H
/* The chroma terms of n places for every channel. */
static void LEVEL(terms)(const colour_plan *p, const uint16_t *restrict u,
                         const uint16_t *restrict v, const uint8_t *dense_u,
                         const uint8_t *dense_v, ptrdiff_t n, LEVEL(term) * restrict out) {
    (void)dense_u; /* vectors only */
    (void)dense_v;
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

static void LEVEL(channel)(const uint16_t *restrict lane, uint16_t scale, int16_t zero,
                           const int16_t *restrict terms, int16_t k, ptrdiff_t n,
                           uint8_t *restrict out) {
    for (ptrdiff_t i = 0; i < n; i++) {
        const int16_t y = (int16_t)((lane[i] * (uint32_t)scale >> 16) - zero);
        const int32_t value = (y * k + terms[i] * k + (1 << 14)) >> 15;
        out[i] = (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
    }
}

/* 8-bit samples of n pixels, from lanes and chroma terms to the target. */
static void LEVEL(finish)(const colour_plan *p, LEVEL(lane) * lanes, const uint8_t *dense,
                          LEVEL(term) * terms, int halved, ptrdiff_t n, uint8_t *const *out) {
    (void)dense; /* vectors only */
    static const LEVEL(term) none;
    LEVEL(term) doubled;
    uint8_t bytes[4][TILE + PAD];
    const int packed = (int)p->target[0].step;
    const int16_t k = (int16_t)p->k;
    for (int c = 0; c < p->channels; c++) {
        if (halved)
            for (ptrdiff_t i = 0; i < (n + 1) / 2; i++)
                doubled[2 * i] = doubled[2 * i + 1] = terms[c][i];
        LEVEL(channel)(lanes[p->narrow[c].lane], (uint16_t)p->y_scale, (int16_t)p->y_zero,
                       halved ? doubled : terms[c], k, n, packed == 1 ? out[c] : bytes[c]);
    }
    if (p->alpha_out) {
        uint8_t *alpha = packed == 1 ? out[p->channels] : bytes[3];
        if (p->alpha_in)
            LEVEL(channel)(lanes[3], (uint16_t)p->alpha_scale, (int16_t)-p->alpha_bias, none, k, n,
                           alpha);
        else
            memset(alpha, 255, (size_t)n);
    }
    for (int c = 0; c < (packed == 1 ? 0 : packed); c++)
        for (ptrdiff_t i = 0; i < n; i++) out[0][packed * i + c] = bytes[c][i];
}
#endif

/* ---- matrix, narrow, from RGB ---- */

#ifndef COLOUR_VECTOR_H
/* One 8-bit channel of n places. */
static void LEVEL(channel_back)(const colour_back *m, const uint16_t *restrict r,
                                const uint16_t *restrict g, const uint16_t *restrict b, ptrdiff_t n,
                                uint8_t *restrict out) {
    const int16_t c0 = (int16_t)m->coefficients[0], c1 = (int16_t)m->coefficients[1];
    const int16_t c2 = (int16_t)m->coefficients[2];
    const int32_t bias = (int32_t)m->bias;
    const int shift = (int)m->shift;
    for (ptrdiff_t i = 0; i < n; i++) {
        const int16_t x = (int16_t)(r[i] ^ 0x8000), y = (int16_t)(g[i] ^ 0x8000);
        const int16_t z = (int16_t)(b[i] ^ 0x8000);
        const int32_t value = ((x * c0 + y * c1 + z * c2 + bias) >> shift) + 128;
        out[i] = (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
    }
}
#endif

/* Channels first to first + count of n places, each in a plane of its own, or Cb and Cr in turns. */
static void LEVEL(finish_back)(const colour_plan *p, const uint16_t *const lanes[3], int first,
                               int count, const colour_plane *target, ptrdiff_t y, ptrdiff_t x,
                               ptrdiff_t n) {
    uint8_t bytes[2][TILE + PAD];
    uint8_t *out = NULL;
    for (int c = first + count - 1; c >= first; c--) {
        const colour_component *to = &p->target[c];
        out = LEVEL(row)(to, target, y) + x * to->step;
        LEVEL(channel_back)(&p->back[c], lanes[0], lanes[1], lanes[2], n,
                            to->step == 1 ? out : bytes[c - first]);
    }
    for (ptrdiff_t i = 0; p->target[first].step == 2 && i < n; i++) {
        out[2 * i] = bytes[0][i];
        out[2 * i + 1] = bytes[1][i];
    }
}

/* ---- matrix, wide ---- */

/* A row of the matrix is computed in two steps, since chroma may serve several pixels and rows.
 * Coefficients and bias are multiples of one power of two, and no sum needs more than 53 bits: all
 * sums are exact, whatever their order, and whether or not a compiler fuses the operations. */

/* What the second and the third component and the bias add at n pixels. */
static void LEVEL(share)(const colour_wide *m, const double *restrict b, const double *restrict c,
                         int halved, ptrdiff_t n, double *restrict out) {
    const double kb = m->coefficients[1], kc = m->coefficients[2], bias = m->bias;
    if (halved)
        for (ptrdiff_t i = 0; i < (n + 1) / 2; i++)
            out[2 * i] = out[2 * i + 1] = b[i] * kb + c[i] * kc + bias;
    else
        for (ptrdiff_t i = 0; i < n; i++) out[i] = b[i] * kb + c[i] * kc + bias;
}

/* With the first component, the result. */
static void LEVEL(wide)(const colour_wide *m, const double *restrict a,
                        const double *restrict share, int size, ptrdiff_t n,
                        LEVEL(samples) * restrict out) {
    const double ka = m->coefficients[0];
    const double top = m->top, zero = m->zero, scale = m->scale;
    if (size == 4)
        for (ptrdiff_t i = 0; i < n; i++) {
            double value = a[i] * ka + share[i];
            value = value > 0.0 ? value : 0.0;
            value = value < top ? value : top;
            out->floats[i] = (float)((value - zero) * scale);
        }
    else
        for (ptrdiff_t i = 0; i < n; i++) {
            double value = a[i] * ka + share[i];
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
                s[k].integers[i] = c->swap ? swapped16(value) : value;
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

/* Rows first to first + count of the matrix, over a piece of a row, go to the components of the
 * same numbers; alpha is the row after those and has a lane and a matrix of its own. */

static inline const colour_wide *LEVEL(matrix)(const colour_plan *p, int first, int count, int c) {
    return &p->matrix[c < count ? first + c : 3];
}

/* Shares of n pixels, from lanes 1 and 2, which begin at `start` (of the pixels). */
static void LEVEL(shares)(const colour_plan *p, LEVEL(lane) * lanes, int first, int count,
                          int alpha, int halved, ptrdiff_t start, ptrdiff_t n,
                          LEVEL(exact) * out) {
    LEVEL(exact) b, c;
    const ptrdiff_t from = start >> halved, some = (n + halved) >> halved;
    if (p->lanes == 1) { /* just the biases */
        for (int i = 0; i < count + alpha; i++)
            for (ptrdiff_t x = 0; x < n; x++)
                out[i][x] = LEVEL(matrix)(p, first, count, i)->bias;
        return;
    }
    for (ptrdiff_t i = 0; i < some; i++) {
        b[i] = lanes[1][from + i];
        c[i] = lanes[2][from + i];
    }
    for (int i = 0; i < count + alpha; i++)
        LEVEL(share)(LEVEL(matrix)(p, first, count, i), b, c, halved, n, out[i]);
}

/* Samples of n pixels, from the lanes of the first component and of alpha and from shares. */
static void LEVEL(outputs)(const colour_plan *p, const uint16_t *luma, const uint16_t *alphas,
                           LEVEL(exact) * shares, int first, int count, int alpha,
                           const colour_plane *target, ptrdiff_t y, ptrdiff_t x, ptrdiff_t n) {
    LEVEL(exact) a;
    LEVEL(samples) samples[4];
    for (int c = 0; c < count + alpha; c++) {
        const uint16_t *lane = c < count ? luma : alphas;
        if (c == 0 || c == count)
            for (ptrdiff_t i = 0; i < n; i++) a[i] = lane[i];
        LEVEL(wide)(LEVEL(matrix)(p, first, count, c), a, shares[c], (int)p->target[0].size, n,
                    &samples[c]);
    }
    LEVEL(store)(&p->target[first], target, count + alpha, y, x, n, samples);
}

/* ---- packed RGB of 8 bits to packed RGB of 8 bits ---- */

#ifndef COLOUR_VECTOR_H
static ptrdiff_t LEVEL(reorder_most)(const uint8_t *from, ptrdiff_t step, uint8_t *to,
                                     ptrdiff_t packed, const ptrdiff_t *order, ptrdiff_t n) {
    (void)from, (void)step, (void)to, (void)packed, (void)order, (void)n; /* vectors only */
    return 0;
}
#endif

/* Where in a pixel of the source each byte of the target's is, -1 for alpha that the source lacks;
 * return if that is all there is to a conversion. */
static int LEVEL(is_reordering)(const colour_plan *p, ptrdiff_t order[4]) {
    const int packed = (int)p->target[0].step;
    const ptrdiff_t step = (ptrdiff_t)p->source[0].step;
    if (p->wide || p->channels != 3 || p->narrow[0].lane == p->narrow[1].lane || packed < 3 ||
        step < 3 || step > 4)
        return 0;
    for (int c = 0; c < packed; c++) {
        const colour_component *from = &p->source[c < 3 ? p->narrow[c].lane : 3];
        order[c] = c < 3 || p->alpha_in ? from->offset + from->right / 8 : -1;
        if (order[c] >= 0 && (from->left != 8 || from->step != step)) return 0;
    }
    return 1;
}

static void LEVEL(reorder)(const colour_plan *p, const ptrdiff_t order[4],
                           const colour_window *window, const colour_plane *source,
                           const colour_plane *target) {
    const ptrdiff_t step = (ptrdiff_t)p->source[0].step, packed = (ptrdiff_t)p->target[0].step;
    const ptrdiff_t width = window->right - window->left;
    const colour_plane *plane = &source[p->source[0].plane];
    for (ptrdiff_t y = window->top; y < window->bottom; y++) {
        const uint8_t *from = plane->data + y * plane->pitch + window->left * step;
        uint8_t *to = target[0].data + (y - window->top) * target[0].pitch;
        ptrdiff_t x = LEVEL(reorder_most)(from, step, to, packed, order, width);
        for (; x < width; x++)
            for (ptrdiff_t c = 0; c < packed; c++)
                to[x * packed + c] = order[c] < 0 ? 255 : from[x * step + order[c]];
    }
}

/* ---- frames ---- */

static void LEVEL(to_rgb)(const colour_plan *p, const colour_window *window,
                          const colour_plane *source, const colour_plane *target) {
    LEVEL(lane) lanes[4] = {{0}}; /* lanes that the source lacks stay zero */
    LEVEL(term) terms[3];
    ptrdiff_t order[4];
    if (LEVEL(is_reordering)(p, order)) {
        LEVEL(reorder)(p, order, window, source, target);
        return;
    }
    const int outputs = (int)(p->channels + p->alpha_out);
    LEVEL(exact) shares[4];
    const int halved = p->log2_w == 1 && !p->linear; /* repeated at the end */
    const int coloured = p->narrow[0].cv || p->narrow[1].cv || p->narrow[2].cv;
    const ptrdiff_t group = p->linear ? 1 : (ptrdiff_t)1 << p->log2_h; /* rows sharing chroma */
#ifdef COLOUR_VECTOR_H
    /* dense samples are loaded where they are used, not by way of lanes */
    const int luma_dense = !p->wide && p->narrow[0].lane == p->narrow[p->channels - 1].lane &&
                           LEVEL(is_dense)(&p->source[0]);
    const int chroma_dense = !p->wide && coloured && (halved || (!p->log2_w && !p->linear)) &&
                             LEVEL(is_near)(&p->source[1]) && LEVEL(is_near)(&p->source[2]);
#else
    const int luma_dense = 0, chroma_dense = 0;
#endif
    const ptrdiff_t left = window->left, top = window->top;
    for (ptrdiff_t y = top; y < window->bottom; y += group) {
        const ptrdiff_t bottom = y + group < window->bottom ? y + group : window->bottom;
        for (ptrdiff_t x = left; x < window->right; x += TILE) {
            const ptrdiff_t n = window->right - x < TILE ? window->right - x : TILE;
            const uint8_t *dense[3] = {NULL, NULL, NULL};
            const ptrdiff_t shared = (n + (1 << p->log2_w) - 1) >> p->log2_w;
            for (int c = 1; c < p->lanes; c++) {
                if (chroma_dense) {
                    dense[c] = LEVEL(row)(&p->source[c], source, y >> p->log2_h) +
                               (x >> p->log2_w) * p->source[c].step;
                } else if (p->linear && (p->log2_w || p->log2_h)) {
                    LEVEL(interpolate)(p, &p->source[c], source, y, x, n, lanes[c]);
                } else {
                    LEVEL(load)(lanes[c], &p->source[c], source, y >> p->log2_h, x >> p->log2_w,
                                shared);
                    for (int log2 = halved ? 0 : (int)p->log2_w; log2 > 0; log2--)
                        LEVEL(repeat)(lanes[c], (n + (1 << log2) - 1) >> log2);
                }
            }
            if (!p->wide && (coloured || (x == left && y == top))) /* else they are all the same */
                LEVEL(terms)(p, lanes[1], lanes[2], dense[1], dense[2], halved ? shared : n, terms);
            for (ptrdiff_t i = 0; p->wide && i < n; i += PIECE) {
                const ptrdiff_t some = n - i < PIECE ? n - i : PIECE;
                LEVEL(shares)(p, lanes, 0, (int)p->channels, (int)p->alpha_out, halved, i, some,
                              shares);
                for (ptrdiff_t row = y; row < bottom; row++) {
                    LEVEL(load)(lanes[0], &p->source[0], source, row, x + i, some);
                    if (p->alpha_in) LEVEL(load)(lanes[3], &p->source[3], source, row, x + i, some);
                    LEVEL(outputs)(p, lanes[0], lanes[3], shares, 0, (int)p->channels,
                                   (int)p->alpha_out, target, row - top, x - left + i, some);
                }
            }
            for (ptrdiff_t row = y; !p->wide && row < bottom; row++) {
                if (luma_dense)
                    dense[0] = LEVEL(row)(&p->source[0], source, row) + x * p->source[0].step;
                else
                    LEVEL(load)(lanes[0], &p->source[0], source, row, x, n);
                if (p->alpha_in) LEVEL(load)(lanes[3], &p->source[3], source, row, x, n);
                uint8_t *out[4];
                for (int c = 0; c < outputs; c++)
                    out[c] = LEVEL(row)(&p->target[c], target, row - top) +
                             (x - left) * p->target[c].step;
                LEVEL(finish)(p, lanes, dense[0], terms, halved, n, out);
            }
        }
    }
}

/* Channels first to first + count of n places, of lanes from `start` on. */
static void LEVEL(matrix_back)(const colour_plan *p, LEVEL(lane) * lanes, ptrdiff_t start,
                               int first, int count, const colour_plane *target, ptrdiff_t y,
                               ptrdiff_t x, ptrdiff_t n) {
    LEVEL(exact) shares[3];
    if (!p->wide) {
        const uint16_t *const from[] = {lanes[0] + start, lanes[1] + start, lanes[2] + start};
        LEVEL(finish_back)(p, from, first, count, target, y, x, n);
        return;
    }
    for (ptrdiff_t i = 0; i < n; i += PIECE) {
        const ptrdiff_t some = n - i < PIECE ? n - i : PIECE;
        LEVEL(shares)(p, lanes, first, count, 0, 0, start + i, some, shares);
        LEVEL(outputs)(p, lanes[0] + start + i, NULL, shares, first, count, 0, target, y, x + i,
                       some);
    }
}

static void LEVEL(from_rgb)(const colour_plan *p, const colour_plane *source,
                            const colour_plane *target) {
    /* Of the rows above, at and below, from one place before a tile to one behind it. Those that
     * the source lacks stay zero. */
    LEVEL(lane) lanes[3][3] = {{{0}}}, means[3] = {{0}};
    const int together = p->log2_w ? 1 : 3; /* channels for every pixel */
    const int from_row = p->log2_h && !p->between_h ? 0 : 1, to_row = p->log2_h ? 2 : 1;
    const ptrdiff_t group = (ptrdiff_t)1 << p->log2_h;
    for (ptrdiff_t y = 0; y < p->height; y += group) {
        for (ptrdiff_t x = 0; x < p->width; x += TILE / 2) {
            const ptrdiff_t n = p->width - x < TILE / 2 ? p->width - x : TILE / 2;
            for (int r = from_row; r <= to_row; r++)
                for (int c = 0; c < p->lanes; c++)
                    LEVEL(load_between)(lanes[r][c], &p->source[c], source,
                                        LEVEL(within)(y + r - 1, p->height), x - 1, n + 2,
                                        p->width);
            for (ptrdiff_t row = y; row < y + group && row < p->height; row++)
                LEVEL(matrix_back)(p, lanes[1 + row - y], 1, 0, together, target, row, x, n);
            if (!p->log2_w) continue;
            const ptrdiff_t count = (n + 1) >> 1;
            for (int c = 0; c < p->lanes && p->lanes > 1; c++) /* grey has no chroma */
                LEVEL(average)(p, lanes[0][c], lanes[1][c], lanes[2][c], count, means[c]);
            LEVEL(matrix_back)(p, means, 0, 1, 2, target, y >> p->log2_h, x >> 1, count);
        }
    }
}
