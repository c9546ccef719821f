/* Does what it reads from stdin with the kernels' own C, and writes the results to stdout, where no
 * Python can load the extension modules; check_windows.py builds it. All numbers are int64.
 *
 * A case begins with its kind: 0 a conversion of colours, 1 a resizing, 2 any other kernel.
 * A level of vectors that this machine lacks writes nothing.
 */
#include <stdio.h>
#include <stdlib.h>
#ifdef _WIN32
#include <fcntl.h>
#include <io.h>
#endif

#include "bayer.h"
#include "bits.h"
#include "colour.h"
#include "planes.h"
#include "resample.h"

static void take(void *to, size_t size) {
    if (fread(to, 1, size, stdin) != size) exit(2);
}

/* A block of its own, so that sanitizers see its ends. */
static uint8_t *taken(int64_t size) {
    uint8_t *block = malloc((size_t)size);
    take(block, (size_t)size);
    return block;
}

/* Of each plane its size, its first row's offset, its pitch, and its bytes. */
static void take_planes(int64_t count, colour_plane *planes, uint8_t **blocks, int64_t *sizes) {
    for (int64_t i = 0; i < count; i++) {
        int64_t numbers[3];
        take(numbers, sizeof numbers);
        sizes[i] = numbers[0];
        blocks[i] = taken(sizes[i]);
        planes[i].data = blocks[i] + numbers[1];
        planes[i].pitch = (ptrdiff_t)numbers[2];
    }
}

/* Direction, level, numbers of source and of target planes; the plan; the planes. */
static void convert(void) {
    int64_t header[4], sizes[8];
    colour_plan *plan = malloc(sizeof *plan);
    colour_plane source[4], target[4];
    uint8_t *blocks[8];
    take(header, sizeof header);
    take(plan, sizeof *plan);
    take_planes(header[2], source, blocks, sizes);
    take_planes(header[3], target, blocks + header[2], sizes + header[2]);
    if (colour_available((int)header[1])) {
        const colour_window whole = {0, 0, plan->width, plan->height};
        if (header[0]) colour_from_rgb(plan, source, target, (int)header[1]);
        else colour_to_rgb(plan, &whole, source, target, (int)header[1]);
        for (int64_t i = header[2]; i < header[2] + header[3]; i++)
            fwrite(blocks[i], 1, (size_t)sizes[i], stdout);
    }
    for (int64_t i = 0; i < header[2] + header[3]; i++) free(blocks[i]);
    free(plan);
}

typedef struct {
    const colour_plan *plan;
    const colour_plane *planes;
    int level, channels;
} frame;

static void tile(const void *context, int64_t left, int64_t top, int64_t right, int64_t bottom,
                 uint8_t *planes, ptrdiff_t plane, ptrdiff_t pitch) {
    const frame *from = context;
    const colour_window window = {left, top, right, bottom};
    colour_plane target[4];
    for (int c = 0; c < from->channels; c++) {
        target[c].data = planes + c * plane;
        target[c].pitch = pitch;
    }
    colour_to_rgb(from->plan, &window, from->planes, target, from->level);
}

static int64_t table(void) {
    int64_t size;
    take(&size, sizeof size);
    return (int64_t)(intptr_t)taken(size);
}

static void take_axis(resample_axis *axis) {
    axis->begin = table();
    axis->number = table();
    axis->weights = table();
    axis->pairs = table();
    axis->digits = table();
}

static void free_axis(const resample_axis *axis) {
    free((void *)(intptr_t)axis->begin);
    free((void *)(intptr_t)axis->number);
    free((void *)(intptr_t)axis->weights);
    free((void *)(intptr_t)axis->pairs);
    free((void *)(intptr_t)axis->digits);
}

/* Level, number of planes, size of the target, offset of its first row, its pitch; the plan; for
 * both axes the size of each table and its bytes; colour's plan; the planes. */
static void resize(void) {
    int64_t header[5], sizes[4];
    resample_plan plan;
    colour_plan *colour = malloc(sizeof *colour);
    colour_plane planes[4];
    uint8_t *blocks[4];
    take(header, sizeof header);
    take(&plan, sizeof plan);
    take_axis(&plan.first);
    take_axis(&plan.second);
    take(colour, sizeof *colour);
    take_planes(header[1], planes, blocks, sizes);
    if (resample_available((int)header[0]) && colour_available((int)header[0])) {
        const frame from = {colour, planes, (int)header[0], (int)plan.channels};
        uint8_t *scratch = malloc((size_t)resample_places(&plan).end);
        uint8_t *target = malloc((size_t)header[2]);
        memset(target, 171, (size_t)header[2]);
        resample_frame(&plan, tile, &from, target + header[3], (ptrdiff_t)header[4], scratch,
                       (int)header[0]);
        fwrite(target, 1, (size_t)header[2], stdout);
        free(target);
        free(scratch);
    }
    for (int64_t i = 0; i < header[1]; i++) free(blocks[i]);
    free_axis(&plan.first);
    free_axis(&plan.second);
    free(colour);
}

static bit_fields fields_of(const int64_t *n) {
    bit_fields fields = {(int)n[0], {0}, {0}};
    for (int c = 0; c < 4; c++) {
        fields.shifts[c] = (int)n[1 + c];
        fields.masks[c] = (uint32_t)n[5 + c];
    }
    return fields;
}

static void mosaic(int demosaic, uint8_t *dst, ptrdiff_t dst_pitch, const uint8_t *src,
                   ptrdiff_t src_pitch, const int64_t *n) {
    bayer_job job = {(const char *)src, src_pitch, (char *)dst, dst_pitch, n[1], n[2], (int)n[3],
                     (int)n[4], (int32_t)n[6], {0}, {0}, (int)n[14]};
    for (int i = 0; i < 4; i++) job.black[i] = (int32_t)n[7 + i];
    for (int i = 0; i < 3; i++) job.gain[i] = (int32_t)n[11 + i];
    if (demosaic) bayer_demosaic(&job, (int)n[0], (int)n[5]);
    else bayer_correct(&job, (int)n[0]);
}

/* Channels, size of an element, width, height; where each plane begins. */
static void join(uint8_t *dst, ptrdiff_t dst_pitch, const uint8_t *src, ptrdiff_t src_pitch,
                 const int64_t *n) {
    const uint8_t *planes[4] = {src + n[4], src + n[5], src + n[6], src + n[7]};
    const ptrdiff_t pitches[4] = {src_pitch, src_pitch, src_pitch, src_pitch};
    planes_interleave(dst, dst_pitch, planes, pitches, (int)n[0], (int)n[1], n[2], n[3]);
}

static void split(uint8_t *dst, ptrdiff_t dst_pitch, const uint8_t *src, ptrdiff_t src_pitch,
                  const int64_t *n) {
    uint8_t *planes[4] = {dst + n[4], dst + n[5], dst + n[6], dst + n[7]};
    const ptrdiff_t pitches[4] = {dst_pitch, dst_pitch, dst_pitch, dst_pitch};
    planes_deinterleave(planes, pitches, src, src_pitch, (int)n[0], (int)n[1], n[2], n[3]);
}

/* Returns what the kernel returns, or 1. */
static int64_t call(int64_t kernel, uint8_t *dst, ptrdiff_t dp, uint8_t *src, ptrdiff_t sp,
                    const int64_t *n) {
    const int a = (int)n[0], b = (int)n[1];
    const bit_fields fields = fields_of(n + 4);
    switch (kernel) {
    case 0: planes_copy(dst, dp, src, sp, n[0], n[1]); break;
    case 1: planes_swap(dst, dp, src, sp, a, n[1], n[2]); break;
    case 2: planes_shift(dst, dp, src, sp, a, b, n[2], n[3]); break;
    case 3: join(dst, dp, src, sp, n); break;
    case 4: split(dst, dp, src, sp, n); break;
    case 5: bits_expand(dst, dp, src, sp, a, b, &fields, n[2], n[3]); break;
    case 6: return !bits_collapse(dst, dp, src, sp, a, b, &fields, n[2], n[3]);
    case 7: mosaic(1, dst, dp, src, sp, n); break;
    case 8: mosaic(0, dst, dp, src, sp, n); break;
    case 9: bayer_unpack_mipi((char *)dst, dp, (char *)src, sp, n[0], n[1], (int)n[2]); break;
    case 10: bayer_unpack_lsb((char *)dst, dp, (char *)src, sp, n[0], n[1], (int)n[2]); break;
    default: exit(3);
    }
    return 1;
}

/* Kernel; of target and source the size, the first row's offset and the pitch; 16 numbers; the bytes
 * of both. */
static void other(void) {
    int64_t header[7], numbers[16];
    take(header, sizeof header);
    take(numbers, sizeof numbers);
    uint8_t *target = taken(header[1]), *source = taken(header[4]);
    const int64_t result = call(header[0], target + header[2], (ptrdiff_t)header[3],
                                source + header[5], (ptrdiff_t)header[6], numbers);
    fwrite(&result, sizeof result, 1, stdout);
    fwrite(target, 1, (size_t)header[1], stdout);
    free(target);
    free(source);
}

int main(void) {
    int64_t kind;
#ifdef _WIN32
    _setmode(_fileno(stdin), _O_BINARY);
    _setmode(_fileno(stdout), _O_BINARY);
#endif
    while (fread(&kind, sizeof kind, 1, stdin) == 1) {
        if (kind == 0) convert();
        else if (kind == 1) resize();
        else other();
    }
    return 0;
}
