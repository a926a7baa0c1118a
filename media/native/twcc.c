/* Transport-wide feedback: what media/twcc.py reads of it, compiled
 * (draft-holmer-rmcat-transport-wide-cc-extensions-01, 3.1). */

#include "native.h"

#include <string.h>

/* The status symbols of `count` packets, from the chunks at `at`; where the chunks end, or -1. */
static Py_ssize_t read_chunks(const unsigned char *data, Py_ssize_t at, Py_ssize_t end, long count,
                              unsigned char *symbols, const char **wrong) {
    for (long have = 0; have < count;) {
        if (at + 2 > end) {
            *wrong = "the chunks end too soon";
            return -1;
        }
        unsigned chunk = (unsigned)data[at] << 8 | data[at + 1];
        at += 2;
        if (chunk < 0x8000) { /* a run */
            long length = chunk & 0x1FFF;
            if (!length) {
                *wrong = "an empty run";
                return -1;
            }
            if (length > count - have)
                length = count - have;
            memset(symbols + have, (int)(chunk >> 13), (size_t)length);
            have += length;
        } else if (chunk < 0xC000)
            for (int shift = 13; shift >= 0; shift--)
                symbols[have++] = chunk >> shift & 1;
        else
            for (int shift = 12; shift >= 0; shift -= 2)
                symbols[have++] = chunk >> shift & 3;
    }
    return at;
}

/* When each of `count` packets (at most MAX_TOLD) arrived, in ticks from `time` on, or NEVER_CAME: from the chunks and
 * times in `data[at:end]`. NULL: all is well; or what is wrong with them. */
const char *read_ticks(const unsigned char *data, Py_ssize_t at, Py_ssize_t end, long count, long long time,
                       long long *ticks) {
    static unsigned char symbols[MAX_TOLD + 16];
    const char *wrong = NULL;
    at = read_chunks(data, at, end, count, symbols, &wrong);
    for (long index = 0; wrong == NULL && index < count; index++)
        switch (symbols[index]) {
        case 0:
            ticks[index] = NEVER_CAME;
            break;
        case 1:
            if (at + 1 > end)
                wrong = "the times end too soon";
            else
                ticks[index] = time += data[at++];
            break;
        case 2:
            if (at + 2 > end)
                wrong = "the times end too soon";
            else {
                ticks[index] = time += (short)((unsigned short)data[at] << 8 | data[at + 1]);
                at += 2;
            }
            break;
        default:
            wrong = "a reserved status";
        }
    return wrong;
}

/* arrivals(data, at, end, count, time) -> list of ticks or None for each of `count` packets; or a text: what is wrong.
 * media.twcc.arrivals_plain. */
PyObject *read_arrivals(PyObject *Py_UNUSED(module), PyObject *const *args, Py_ssize_t nargs) {
    static long long ticks[MAX_TOLD];
    if (nargs != 5) {
        PyErr_SetString(PyExc_TypeError, "arrivals(data, at, end, count, time)");
        return NULL;
    }
    Py_ssize_t at = PyLong_AsSsize_t(args[1]), end = PyLong_AsSsize_t(args[2]);
    long count = PyLong_AsLong(args[3]);
    long long time = PyLong_AsLongLong(args[4]);
    Py_buffer view;
    if (PyErr_Occurred() || PyObject_GetBuffer(args[0], &view, PyBUF_SIMPLE))
        return NULL;
    PyObject *found = NULL;
    if (at < 0 || end > view.len || count < 0 || count > MAX_TOLD)
        PyErr_SetString(PyExc_ValueError, "outside of the packet");
    else {
        const char *wrong = read_ticks(view.buf, at, end, count, time, ticks);
        found = wrong != NULL ? PyUnicode_FromString(wrong) : PyList_New(count);
        for (long index = 0; wrong == NULL && found != NULL && index < count; index++) {
            PyObject *each = ticks[index] == NEVER_CAME ? Py_NewRef(Py_None) : PyLong_FromLongLong(ticks[index]);
            if (each == NULL)
                Py_CLEAR(found);
            else
                PyList_SET_ITEM(found, index, each);
        }
    }
    PyBuffer_Release(&view);
    return found;
}
