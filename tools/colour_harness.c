/* Runs colour conversions read from stdin and writes their targets to stdout.
 *
 * check_colour_c.py builds it for other machines (NEON under qemu-user) and with sanitizers, where
 * the extension module cannot be loaded. Each case is: direction, level, numbers of source and of
 * target planes (int64), the plan, and for each plane its size, its first row's offset, its pitch
 * (int64) and its bytes. A level that this machine lacks writes nothing.
 */
#include <stdio.h>
#include <stdlib.h>

#include "colour.h"

static void take(void *to, size_t size) {
    if (fread(to, 1, size, stdin) != size) exit(2);
}

static void take_planes(int64_t count, colour_plane *planes, uint8_t **blocks, int64_t *sizes) {
    for (int64_t i = 0; i < count; i++) {
        int64_t numbers[3];
        take(numbers, sizeof numbers);
        sizes[i] = numbers[0];
        blocks[i] = malloc((size_t)sizes[i]); /* of its own, so that sanitizers see its ends */
        take(blocks[i], (size_t)sizes[i]);
        planes[i].data = blocks[i] + numbers[1];
        planes[i].pitch = (ptrdiff_t)numbers[2];
    }
}

int main(void) {
    int64_t header[4];
    while (fread(header, sizeof header, 1, stdin) == 1) {
        colour_plan *plan = malloc(sizeof *plan);
        colour_plane source[4], target[4];
        uint8_t *blocks[8];
        int64_t sizes[8];
        take(plan, sizeof *plan);
        take_planes(header[2], source, blocks, sizes);
        take_planes(header[3], target, blocks + header[2], sizes + header[2]);
        if (colour_available((int)header[1])) {
            const colour_window whole = {0, 0, plan->width, plan->height};
            if (header[0])
                colour_from_rgb(plan, source, target, (int)header[1]);
            else
                colour_to_rgb(plan, &whole, source, target, (int)header[1]);
            for (int64_t i = header[2]; i < header[2] + header[3]; i++)
                fwrite(blocks[i], 1, (size_t)sizes[i], stdout);
        }
        for (int64_t i = 0; i < header[2] + header[3]; i++) free(blocks[i]);
        free(plan);
    }
    return 0;
}
