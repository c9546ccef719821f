#ifndef FASTAV_COLOUR_PLANE_H
#define FASTAV_COLOUR_PLANE_H

#include <stddef.h>
#include <stdint.h>

typedef struct {
    uint8_t *data;
    ptrdiff_t pitch;
} colour_plane;

#endif
