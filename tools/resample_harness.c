/* Resamples frames read from stdin and writes their targets to stdout, as colour_harness.c converts
 * them. Each case is: level, colour's level, number of planes, size of the target's block, offset of
 * its first row and its pitch (int64); the plan; for both axes the size of each table (int64) and
 * its bytes; colour's plan; and for each plane its size, its first row's offset, its pitch (int64)
 * and its bytes. A level that this machine lacks writes nothing.
 */
#include <stdio.h>
#include <stdlib.h>

#include "colour.h"
#include "resample.h"

typedef struct {
    const colour_plan *plan;
    const colour_plane *planes;
    int level, channels;
} source;

static void take(void *to, size_t size) {
    if (fread(to, 1, size, stdin) != size) exit(2);
}

/* A block of its own, so that sanitizers see its ends. */
static void *taken(void) {
    int64_t size;
    take(&size, sizeof size);
    void *block = malloc((size_t)size);
    take(block, (size_t)size);
    return block;
}

static void take_axis(resample_axis *axis) {
    axis->begin = (int64_t)(intptr_t)taken();
    axis->number = (int64_t)(intptr_t)taken();
    axis->weights = (int64_t)(intptr_t)taken();
    axis->pairs = (int64_t)(intptr_t)taken();
    axis->digits = (int64_t)(intptr_t)taken();
}

static void free_axis(const resample_axis *axis) {
    free((void *)(intptr_t)axis->begin);
    free((void *)(intptr_t)axis->number);
    free((void *)(intptr_t)axis->weights);
    free((void *)(intptr_t)axis->pairs);
    free((void *)(intptr_t)axis->digits);
}

static void convert(const void *context, int64_t left, int64_t top, int64_t right, int64_t bottom,
                    uint8_t *planes, ptrdiff_t plane, ptrdiff_t pitch) {
    const source *from = context;
    const colour_window window = {left, top, right, bottom};
    colour_plane target[4];
    for (int c = 0; c < from->channels; c++) {
        target[c].data = planes + c * plane;
        target[c].pitch = pitch;
    }
    colour_to_rgb(from->plan, &window, from->planes, target, from->level);
}

int main(void) {
    int64_t header[6];
    while (fread(header, sizeof header, 1, stdin) == 1) {
        resample_plan plan;
        colour_plan *colour = malloc(sizeof *colour);
        colour_plane planes[4];
        uint8_t *blocks[4];
        take(&plan, sizeof plan);
        take_axis(&plan.first);
        take_axis(&plan.second);
        take(colour, sizeof *colour);
        for (int64_t i = 0; i < header[2]; i++) {
            int64_t numbers[3];
            take(numbers, sizeof numbers);
            blocks[i] = malloc((size_t)numbers[0]);
            take(blocks[i], (size_t)numbers[0]);
            planes[i].data = blocks[i] + numbers[1];
            planes[i].pitch = (ptrdiff_t)numbers[2];
        }
        if (resample_available((int)header[0]) && colour_available((int)header[1])) {
            const source from = {colour, planes, (int)header[1], (int)plan.channels};
            uint8_t *scratch = malloc((size_t)resample_places(&plan).end);
            uint8_t *target = malloc((size_t)header[3]);
            memset(target, 171, (size_t)header[3]);
            resample_frame(&plan, convert, &from, target + header[4], (ptrdiff_t)header[5], scratch,
                           (int)header[0]);
            fwrite(target, 1, (size_t)header[3], stdout);
            free(target);
            free(scratch);
        }
        for (int64_t i = 0; i < header[2]; i++) free(blocks[i]);
        free_axis(&plan.first);
        free_axis(&plan.second);
        free(colour);
    }
    return 0;
}
