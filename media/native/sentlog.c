/* What a leg sent, until feedback tells what became of it: media/sentlog.py's SentLog, compiled, with the same attributes.
 *
 * `times`, `sizes`, `states` are Python's own arrays (array of double, array of unsigned short, bytearray), so that
 * whoever looks back does so as with the reference; their memory is held for as long as they are in use here. */

#include "sentlog.h"

#include <structmember.h>
#include <string.h>

enum { SMALLEST = 64, LARGEST = 8192 };
static const double YOUNG = 0.6;

static PyObject *array_type;

int sentlog_prepare(void) {
    PyObject *module = PyImport_ImportModule("array");
    if (module == NULL)
        return -1;
    array_type = PyObject_GetAttrString(module, "array");
    Py_DECREF(module);
    return array_type == NULL ? -1 : PyType_Ready(&SentLogType);
}

static void let_go(Array *array) {
    if (array->object != NULL) {
        PyBuffer_Release(&array->view);
        Py_CLEAR(array->object);
    }
}

static int hold(Array *array, PyObject *object, Py_ssize_t length) { /* steals `object` */
    if (object == NULL)
        return -1;
    if (PyObject_GetBuffer(object, &array->view, PyBUF_WRITABLE)) {
        Py_DECREF(object);
        return -1;
    }
    if (array->view.len != length) {
        PyBuffer_Release(&array->view);
        Py_DECREF(object);
        PyErr_SetString(PyExc_SystemError, "an array has another size than its type says");
        return -1;
    }
    array->object = object;
    return 0;
}

/* New, empty arrays for `count` packets. */
static int make_arrays(Array *times, Array *sizes, Array *states, Py_ssize_t count) {
    PyObject *zeros = PyBytes_FromStringAndSize(NULL, 8 * count);
    if (zeros == NULL)
        return -1;
    memset(PyBytes_AS_STRING(zeros), 0, (size_t)(8 * count));
    PyObject *fewer = PyBytes_FromStringAndSize(PyBytes_AS_STRING(zeros), 2 * count);
    int failed = fewer == NULL || hold(times, PyObject_CallFunction(array_type, "sO", "d", zeros), 8 * count)
                 || hold(sizes, PyObject_CallFunction(array_type, "sO", "H", fewer), 2 * count)
                 || hold(states, PyByteArray_FromStringAndSize(PyBytes_AS_STRING(zeros), count), count);
    Py_DECREF(zeros);
    Py_XDECREF(fewer);
    return failed ? -1 : 0;
}

static int log_init(SentLogObject *self, PyObject *args, PyObject *kwargs) {
    static char *names[] = {"first", NULL};
    long first = 0;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|l", names, &first))
        return -1;
    let_go(&self->times);
    let_go(&self->sizes);
    let_go(&self->states);
    self->next = 0x10000 + (first & 0xFFFF);
    self->octets = self->flying = 0;
    self->mask = SMALLEST - 1;
    return make_arrays(&self->times, &self->sizes, &self->states, SMALLEST);
}

static void log_dealloc(SentLogObject *self) {
    let_go(&self->times);
    let_go(&self->sizes);
    let_go(&self->states);
    Py_TYPE(self)->tp_free((PyObject *)self);
}

static int grow(SentLogObject *self) {
    long old = self->mask, mask = 2 * old + 1;
    Array times = {0}, sizes = {0}, states = {0};
    if (make_arrays(&times, &sizes, &states, mask + 1)) {
        let_go(&times);
        let_go(&sizes);
        let_go(&states);
        return -1;
    }
    for (long long number = self->next - old - 1; number < self->next; number++) {
        ((double *)times.view.buf)[number & mask] = ((double *)self->times.view.buf)[number & old];
        ((unsigned short *)sizes.view.buf)[number & mask] = ((unsigned short *)self->sizes.view.buf)[number & old];
        ((unsigned char *)states.view.buf)[number & mask] = ((unsigned char *)self->states.view.buf)[number & old];
    }
    let_go(&self->times);
    let_go(&self->sizes);
    let_go(&self->states);
    /* A Py_buffer must not move in general; these exporters keep nothing that points back into it. */
    self->times = times;
    self->sizes = sizes;
    self->states = states;
    self->mask = mask;
    return 0;
}

int sentlog_add(SentLogObject *self, long size, double now) {
    long at = (long)(self->next & self->mask);
    if (((unsigned char *)self->states.view.buf)[at] == FLYING) {
        if (now - ((double *)self->times.view.buf)[at] < YOUNG && self->mask < LARGEST - 1) {
            if (grow(self))
                return -1;
            at = (long)(self->next & self->mask);
        } else
            self->flying -= ((unsigned short *)self->sizes.view.buf)[at];
    }
    ((double *)self->times.view.buf)[at] = now;
    ((unsigned short *)self->sizes.view.buf)[at] = (unsigned short)size;
    ((unsigned char *)self->states.view.buf)[at] = FLYING;
    self->next++;
    self->octets += size;
    self->flying += size;
    return 0;
}

long long sentlog_next(SentLogObject *self) { return self->next; }

static int size_of(PyObject *object, long *size) {
    *size = PyLong_AsLong(object);
    if (*size == -1 && PyErr_Occurred())
        return -1;
    if (*size < 0 || *size > 0xFFFF) {
        PyErr_SetString(PyExc_OverflowError, "a packet has at most 65535 bytes");
        return -1;
    }
    return 0;
}

static PyObject *log_add(SentLogObject *self, PyObject *const *args, Py_ssize_t count) {
    long size;
    if (count != 2) {
        PyErr_SetString(PyExc_TypeError, "add(size, now)");
        return NULL;
    }
    double now = PyFloat_AsDouble(args[1]);
    if ((now == -1.0 && PyErr_Occurred()) || size_of(args[0], &size) || sentlog_add(self, size, now))
        return NULL;
    return PyLong_FromLongLong(self->next - 1);
}

static PyObject *log_add_all(SentLogObject *self, PyObject *const *args, Py_ssize_t count) {
    if (count != 2 || !PyList_Check(args[0])) {
        PyErr_SetString(PyExc_TypeError, "add_all(list of sizes, now)");
        return NULL;
    }
    double now = PyFloat_AsDouble(args[1]);
    if (now == -1.0 && PyErr_Occurred())
        return NULL;
    for (Py_ssize_t at = 0; at < PyList_GET_SIZE(args[0]); at++) {
        long size;
        if (size_of(PyList_GET_ITEM(args[0], at), &size) || sentlog_add(self, size, now))
            return NULL;
    }
    Py_RETURN_NONE;
}

typedef struct {
    double sent, arrived; /* seconds */
    long size;
} Acked;

typedef struct {
    long lost;
    long long octets;
} Told;

/* What a feedback tells of number `first + index`. 1: it came, as in `each`; 0: nothing new; -1: an exception. */
static int tell(SentLogObject *self, long long number, PyObject *arrival, long long offset, Told *told, Acked *each) {
    if (number < self->next - self->mask - 1 || number >= self->next)
        return 0;
    long at = (long)(number & self->mask);
    unsigned char *state = (unsigned char *)self->states.view.buf + at;
    long size = ((unsigned short *)self->sizes.view.buf)[at];
    if (arrival == Py_None) {
        if (*state == FLYING) {
            *state = MISSING;
            self->flying -= size;
            told->lost++;
        }
        return 0;
    }
    if (*state != FLYING && *state != MISSING)
        return 0;
    if (*state == MISSING) {
        told->lost--;
        self->flying += size;
    }
    *state = ARRIVED;
    told->octets += size;
    long long ticks = PyLong_AsLongLong(arrival);
    if (ticks == -1 && PyErr_Occurred())
        return -1;
    *each = (Acked){((double *)self->times.view.buf)[at], (double)(ticks + offset) * TICK, size};
    return 1;
}

static int read_told(PyObject *const *args, Py_ssize_t count, long long *first, long long *offset) {
    if (count != 3 || !PyList_Check(args[1])) {
        PyErr_SetString(PyExc_TypeError, "(first, list of arrivals, offset)");
        return -1;
    }
    *first = PyLong_AsLongLong(args[0]);
    *offset = PyLong_AsLongLong(args[2]);
    return PyErr_Occurred() ? -1 : 0;
}

/* match(first, arrivals, offset) -> ([(sent, arrived, size), ...], how many more are missing, bytes that arrived):
 * media.sentlog.PlainSentLog.match. */
static PyObject *log_match(SentLogObject *self, PyObject *const *args, Py_ssize_t count) {
    long long first, offset;
    if (read_told(args, count, &first, &offset))
        return NULL;
    Told told = {0, 0};
    PyObject *acked = PyList_New(0);
    for (Py_ssize_t index = 0; acked != NULL && index < PyList_GET_SIZE(args[1]); index++) {
        Acked one;
        int result = tell(self, first + index, PyList_GET_ITEM(args[1], index), offset, &told, &one);
        if (result > 0) {
            PyObject *each = Py_BuildValue("(ddl)", one.sent, one.arrived, one.size);
            if (each == NULL || PyList_Append(acked, each))
                result = -1;
            else
                PyObject_GC_UnTrack(each); /* numbers only */
            Py_XDECREF(each);
        }
        if (result < 0)
            Py_CLEAR(acked);
    }
    self->flying -= told.octets;
    return acked == NULL ? NULL : Py_BuildValue("(NlL)", acked, told.lost, told.octets);
}

enum { LEAST_PACKETS = 4, LEAST_OCTETS = 4000 }; /* media/sentlog.py */

typedef struct {
    double sent, first, last;
    long packets, octets; /* octets: without the first */
} Train;

static int end_train(const Train *train, PyObject *trains) {
    if (train->packets < LEAST_PACKETS || train->octets < LEAST_OCTETS)
        return 0;
    PyObject *each = Py_BuildValue("(ld)", train->octets, train->last - train->first);
    int failed = each == NULL || PyList_Append(trains, each);
    Py_XDECREF(each);
    return failed;
}

/* digest(first, arrivals, offset): media.sentlog.PlainSentLog.digest. */
static PyObject *log_digest(SentLogObject *self, PyObject *const *args, Py_ssize_t count) {
    long long first, offset;
    if (read_told(args, count, &first, &offset))
        return NULL;
    Told told = {0, 0};
    Train train = {0, 0, 0, 0, 0};
    Acked one = {0, 0, 0};
    double least = 0.0;
    long packets = 0;
    PyObject *trains = PyList_New(0);
    for (Py_ssize_t index = 0; trains != NULL && index < PyList_GET_SIZE(args[1]); index++) {
        int result = tell(self, first + index, PyList_GET_ITEM(args[1], index), offset, &told, &one);
        if (result > 0) {
            if (!packets || one.arrived - one.sent < least)
                least = one.arrived - one.sent;
            if (!packets++ || one.sent != train.sent) {
                if (end_train(&train, trains))
                    result = -1;
                train = (Train){one.sent, one.arrived, one.arrived, 0, -one.size};
            }
            train.packets++;
            train.octets += one.size;
            if (one.arrived > train.last)
                train.last = one.arrived;
        }
        if (result < 0)
            Py_CLEAR(trains);
    }
    self->flying -= told.octets;
    if (trains != NULL && end_train(&train, trains))
        Py_CLEAR(trains);
    if (trains == NULL)
        return NULL;
    return Py_BuildValue("(llLdddN)", packets, told.lost, told.octets, one.sent, one.arrived, least, trains);
}

static PyMethodDef methods[] = {
    {"add", (PyCFunction)(void (*)(void))log_add, METH_FASTCALL, "A packet is sent now; the number it carries."},
    {"add_all", (PyCFunction)(void (*)(void))log_add_all, METH_FASTCALL, "The same for packets that leave together."},
    {"digest", (PyCFunction)(void (*)(void))log_digest, METH_FASTCALL, "The same in sums."},
    {"match", (PyCFunction)(void (*)(void))log_match, METH_FASTCALL, "What a feedback tells of what was sent."},
    {NULL, NULL, 0, NULL},
};

static PyMemberDef members[] = {
    {"next", T_LONGLONG, offsetof(SentLogObject, next), 0, "extended number of the next packet"},
    {"octets", T_LONGLONG, offsetof(SentLogObject, octets), 0, "sent in all"},
    {"flying", T_LONGLONG, offsetof(SentLogObject, flying), 0, "bytes that nothing is known of"},
    {"mask", T_LONG, offsetof(SentLogObject, mask), READONLY, "of the ring"},
    {"times", T_OBJECT_EX, offsetof(SentLogObject, times.object), READONLY, "monotonic seconds"},
    {"sizes", T_OBJECT_EX, offsetof(SentLogObject, sizes.object), READONLY, "bytes on the wire"},
    {"states", T_OBJECT_EX, offsetof(SentLogObject, states.object), READONLY, "FREE, FLYING, ARRIVED, MISSING"},
    {NULL, 0, 0, 0, NULL},
};

PyTypeObject SentLogType = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "media._native.SentLog",
    .tp_basicsize = sizeof(SentLogObject),
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_doc = "What a leg sent, by transport-wide sequence number (media.sentlog).",
    .tp_new = PyType_GenericNew,
    .tp_init = (initproc)log_init,
    .tp_dealloc = (destructor)log_dealloc,
    .tp_methods = methods,
    .tp_members = members,
};
