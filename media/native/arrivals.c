/* Arrival times of one transport until its sender was told: media/arrivals.py's Arrivals, compiled. Each number has its
 * place in a ring that grows with what arrives within KEPT. */

#include "native.h"

#include <structmember.h>
#include <string.h>

enum { SMALLEST = 256, LARGEST = 8192 };                          /* places */
enum { MAX_LATE = 1000, MAX_GAP = 200, MAX_AHEAD = 4000 };        /* media/arrivals.py */
enum { RTPFB = 205, WIDE = 15, REFERENCE_TICKS = 256, REFERENCE_WRAP = 1 << 24, MAX_WRITTEN = 400 }; /* media/twcc.py */
enum { HEAD = 20, MAX_SIZE = HEAD + 2 * MAX_WRITTEN + 2 * 64 + 4 };
static const double KEPT = 0.5, MIN_INTERVAL = 0.05, MAX_INTERVAL = 0.1, SHARE = 0.05, TYPICAL = 68 * 8;
static const double TICKS_PER_S = 4000.0;

typedef struct {
    long long number, tick; /* number -1: nobody's place */
} Place;

struct ArrivalsObject {
    PyObject_HEAD
    double due, interval;
    long long next, highest; /* behind the last number that was told; -1: none came */
    long long oldest;        /* what arrived before is forgotten */
    unsigned char number;    /* of the next feedback */
    long mask;
    Place *places;
};

static int set_places(ArrivalsObject *self, long count) {
    Place *places = PyMem_Malloc((size_t)count * sizeof *places);
    if (places == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    for (long at = 0; at < count; at++)
        places[at].number = -1;
    for (long at = 0; self->places != NULL && at <= self->mask; at++)
        if (self->places[at].number >= 0 && self->places[at].tick >= self->oldest)
            places[self->places[at].number & (count - 1)] = self->places[at];
    PyMem_Free(self->places);
    self->places = places;
    self->mask = count - 1;
    return 0;
}

static int arrivals_init(ArrivalsObject *self, PyObject *args, PyObject *kwargs) {
    static char *names[] = {"now", NULL};
    double now;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "d", names, &now))
        return -1;
    self->due = now + MIN_INTERVAL;
    self->interval = MIN_INTERVAL;
    self->next = self->highest = -1;
    self->oldest = 0;
    self->number = 0;
    PyMem_Free(self->places);
    self->places = NULL;
    return set_places(self, SMALLEST);
}

static void arrivals_dealloc(ArrivalsObject *self) {
    PyMem_Free(self->places);
    Py_TYPE(self)->tp_free((PyObject *)self);
}

static long long tick_of(const ArrivalsObject *self, long long number) {
    const Place *place = self->places + (number & self->mask);
    return number >= 0 && place->number == number && place->tick >= self->oldest ? place->tick : NEVER_CAME;
}

static int keep(ArrivalsObject *self, long long number, long long tick) {
    for (;;) {
        Place *place = self->places + (number & self->mask);
        int is_taken = place->number >= 0 && place->number != number && place->tick >= self->oldest;
        if (!is_taken || self->mask >= LARGEST - 1) {
            *place = (Place){number, tick};
            return 0;
        }
        if (set_places(self, 2 * (self->mask + 1)))
            return -1;
    }
}

int arrivals_add(ArrivalsObject *self, long seq, double now) {
    long long number, highest = self->highest;
    if (highest < 0)
        number = self->next = 0x10000 + seq;
    else {
        number = highest + ((seq - highest + 0x8000) & 0xFFFF) - 0x8000;
        if (number > highest + MAX_AHEAD) { /* numbered anew */
            for (long at = 0; at <= self->mask; at++)
                self->places[at].number = -1;
            self->next = number;
        }
    }
    if (number > highest)
        self->highest = number;
    else if (number < highest - MAX_LATE || number < 0 || tick_of(self, number) != NEVER_CAME)
        return 0;
    if (keep(self, number, (long long)(now * TICKS_PER_S)))
        return -1;
    if (number < self->next)
        self->next = number;
    return 0;
}

static PyObject *log_add(ArrivalsObject *self, PyObject *const *args, Py_ssize_t count) {
    if (count != 2) {
        PyErr_SetString(PyExc_TypeError, "add(seq, now)");
        return NULL;
    }
    long seq = PyLong_AsLong(args[0]);
    double now = PyFloat_AsDouble(args[1]);
    if (PyErr_Occurred() || arrivals_add(self, seq, now))
        return NULL;
    Py_RETURN_NONE;
}

static PyObject *adapt(ArrivalsObject *self, PyObject *bitrate) {
    double bps = PyFloat_AsDouble(bitrate);
    if (bps == -1.0 && PyErr_Occurred())
        return NULL;
    double wanted = TYPICAL / (SHARE * bps > 1.0 ? SHARE * bps : 1.0);
    self->interval = wanted < MIN_INTERVAL ? MIN_INTERVAL : wanted > MAX_INTERVAL ? MAX_INTERVAL : wanted;
    Py_RETURN_NONE;
}

static void put16(unsigned char *to, unsigned value) {
    to[0] = (unsigned char)(value >> 8);
    to[1] = (unsigned char)value;
}

static void put32(unsigned char *to, unsigned long value) {
    put16(to, (unsigned)(value >> 16 & 0xFFFF));
    put16(to + 2, (unsigned)(value & 0xFFFF));
}

/* media.twcc._write_chunks; how many bytes. */
static long write_chunks(unsigned char *to, const unsigned char *symbols, long count) {
    long index = 0, size = 0;
    while (index < count) {
        long run = 1, part = count - index < 14 ? count - index : 14, two_bits = 0;
        while (index + run < count && symbols[index + run] == symbols[index])
            run++;
        for (long at = 0; at < part; at++)
            two_bits |= symbols[index + at] == 2;
        unsigned chunk = two_bits ? 0xC000 : 0x8000;
        if (run >= 7 && (run >= 14 || two_bits || index + run == count)) {
            chunk = (unsigned)symbols[index] << 13 | (unsigned)run;
            index += run;
        } else if (two_bits) {
            for (long at = 0; at < part && at < 7; at++)
                chunk |= (unsigned)symbols[index + at] << (12 - 2 * at);
            index += 7;
        } else {
            for (long at = 0; at < part; at++)
                chunk |= (unsigned)symbols[index + at] << (13 - at);
            index += 14;
        }
        put16(to + size, chunk);
        size += 2;
    }
    return size;
}

/* media.twcc.write of the numbers `first` to `end`, the first of which that came is there; how many bytes. */
static long write_told(ArrivalsObject *self, unsigned char *to, unsigned long sender, unsigned long ssrc, long long first,
                  long long end, long *covered) {
    unsigned char symbols[MAX_WRITTEN], times[2 * MAX_WRITTEN];
    long count = end - first < MAX_WRITTEN ? (long)(end - first) : MAX_WRITTEN, octets = 0;
    long long reference = -1, time = 0;
    *covered = 0;
    for (long index = 0; index < count; index++) {
        long long tick = tick_of(self, first + index);
        symbols[index] = 0;
        if (tick == NEVER_CAME)
            continue;
        if (reference < 0)
            time = (reference = tick / REFERENCE_TICKS) * REFERENCE_TICKS;
        long long delta = tick - time;
        if (delta < -32768 || delta > 32767)
            break;
        symbols[index] = delta >= 0 && delta <= 255 ? 1 : 2;
        if (symbols[index] == 2)
            times[octets++] = (unsigned char)(delta >> 8);
        times[octets++] = (unsigned char)delta;
        time = tick;
        *covered = index + 1;
    }
    long size = HEAD + write_chunks(to + HEAD, symbols, *covered);
    memcpy(to + size, times, (size_t)octets);
    size += octets;
    long padding = -size & 3;
    if (padding) {
        memset(to + size, 0, (size_t)padding);
        to[size + padding - 1] = (unsigned char)padding;
        size += padding;
    }
    to[0] = (unsigned char)((padding ? 0xA0 : 0x80) | WIDE);
    to[1] = RTPFB;
    put16(to + 2, (unsigned)(size / 4 - 1));
    put32(to + 4, sender);
    put32(to + 8, ssrc);
    put16(to + 12, (unsigned)(first & 0xFFFF));
    put16(to + 14, (unsigned)*covered);
    put32(to + 16, (unsigned long)(reference % REFERENCE_WRAP) << 8 | self->number);
    return size;
}

static long long first_that_came(const ArrivalsObject *self) {
    long long first = self->next;
    while (first <= self->highest && tick_of(self, first) == NEVER_CAME)
        first++;
    return first;
}

static PyObject *build(ArrivalsObject *self, PyObject *const *args, Py_ssize_t count) {
    if (count != 5) {
        PyErr_SetString(PyExc_TypeError, "build(buffer, at, sender, ssrc, now)");
        return NULL;
    }
    Py_ssize_t at = PyLong_AsSsize_t(args[1]);
    unsigned long sender = PyLong_AsUnsignedLong(args[2]), ssrc = PyLong_AsUnsignedLong(args[3]);
    double now = PyFloat_AsDouble(args[4]);
    if (PyErr_Occurred())
        return NULL;
    long long first = first_that_came(self);
    if (first > self->highest) {
        long long oldest = (long long)((now - KEPT) * TICKS_PER_S);
        self->next = self->highest + 1;
        self->due = now + self->interval;
        if (oldest > self->oldest)
            self->oldest = oldest;
        return PyLong_FromLong(0);
    }
    if (first - MAX_GAP > self->next)
        self->next = first - MAX_GAP;
    Py_buffer view;
    if (PyObject_GetBuffer(args[0], &view, PyBUF_WRITABLE))
        return NULL;
    if (at < 0 || view.len - at < MAX_SIZE) {
        PyBuffer_Release(&view);
        PyErr_SetString(PyExc_ValueError, "no room for a feedback");
        return NULL;
    }
    long covered, size = write_told(self, (unsigned char *)view.buf + at, sender, ssrc, self->next, self->highest + 1, &covered);
    PyBuffer_Release(&view);
    self->number++;
    self->next += covered;
    return PyLong_FromLong(size);
}

static PyMethodDef methods[] = {
    {"add", (PyCFunction)(void (*)(void))log_add, METH_FASTCALL, "A packet with a transport-wide number arrived."},
    {"adapt", (PyCFunction)adapt, METH_O, "Choose the interval so that feedback stays a small share."},
    {"build", (PyCFunction)(void (*)(void))build, METH_FASTCALL, "Write the next feedback; its length."},
    {NULL, NULL, 0, NULL},
};

static PyMemberDef members[] = {
    {"due", T_DOUBLE, offsetof(ArrivalsObject, due), 0, "when feedback wants to be sent"},
    {"interval", T_DOUBLE, offsetof(ArrivalsObject, interval), 0, "seconds between two"},
    {"mask", T_LONG, offsetof(ArrivalsObject, mask), READONLY, "of the ring"},
    {NULL, 0, 0, 0, NULL},
};

PyTypeObject ArrivalsType = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "media._native.Arrivals",
    .tp_basicsize = sizeof(ArrivalsObject),
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_doc = "Arrival times of one transport (media.arrivals).",
    .tp_new = PyType_GenericNew,
    .tp_init = (initproc)arrivals_init,
    .tp_dealloc = (destructor)arrivals_dealloc,
    .tp_methods = methods,
    .tp_members = members,
};
