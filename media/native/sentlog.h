/* What a leg sent, as sentlog.c keeps it. */
#ifndef MEDIA_SENTLOG_H
#define MEDIA_SENTLOG_H

#include "native.h"

enum { FREE = 0, FLYING = 1, ARRIVED = 2, MISSING = 3 };
#define TICK 0.00025 /* s, of the arrivals that feedback tells */

typedef struct {
    PyObject *object;
    Py_buffer view;
} Array;

struct SentLogObject {
    PyObject_HEAD
    long long next, octets, flying;
    long mask;
    Array times, sizes, states;
};

#endif
