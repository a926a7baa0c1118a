/* Good news of an ample line: media/glance.py's Glance, compiled, with the same attributes. */

#include "sentlog.h"

#include <structmember.h>

enum { RTPFB = 205, WIDE = 15, REFERENCE_TICKS = 256, REFERENCE_WRAP = 1 << 24, MAX_STATUSES = 8192 }; /* media/twcc.py */
#define RTT_SMOOTHING 0.125
#define NEVER (-1e18)

typedef struct {
    PyObject_HEAD
    SentLogObject *log;
    double heard_at, rtt, arrived, low, high, until;
    long long told, octets_then, octets;
    long feedbacks, reference, came;
} GlanceObject;

static int glance_init(GlanceObject *self, PyObject *args, PyObject *kwargs) {
    static char *names[] = {"log", "now", NULL};
    PyObject *log;
    double now;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O!d", names, &SentLogType, &log, &now))
        return -1;
    Py_XSETREF(self->log, (SentLogObject *)Py_NewRef(log));
    self->heard_at = now;
    self->rtt = 0.1;
    self->arrived = self->low = self->high = 0.0;
    self->until = NEVER;
    self->told = self->reference = -1;
    self->octets_then = self->octets = 0;
    self->feedbacks = self->came = 0;
    return 0;
}

static void glance_dealloc(GlanceObject *self) {
    Py_XDECREF(self->log);
    Py_TYPE(self)->tp_free((PyObject *)self);
}

static void note(GlanceObject *self, long long end, double now) {
    long long told = (end < self->log->next ? end : self->log->next) - 1;
    if (told > self->told)
        self->told = told;
    self->feedbacks++;
    self->heard_at = now;
    self->octets_then = self->log->octets;
}

static long unwrapped(const GlanceObject *self, long reference) {
    const long half = REFERENCE_WRAP / 2;
    if (self->reference < 0)
        return reference;
    return self->reference + ((reference - self->reference + half) & (REFERENCE_WRAP - 1)) - half;
}

/* The body of the only packet of a compound one, which is transport-wide feedback; its end, or 0. */
static Py_ssize_t only_feedback(const unsigned char *data, Py_ssize_t size) {
    if (size < 4 || data[0] >> 6 != 2 || data[1] != RTPFB || (data[0] & 0x1F) != WIDE
        || size != 4 + 4 * ((Py_ssize_t)data[2] << 8 | data[3]))
        return 0;
    Py_ssize_t padding = data[0] & 0x20 ? data[size - 1] : 0;
    if ((data[0] & 0x20 && padding == 0) || padding > size - 4)
        return 0;
    return size - padding - 4 < 18 ? 0 : size - padding;
}

typedef struct {
    long long first, octets;
    long count, came, reference;
    double sent, arrived; /* of the last one in order */
} News;

/* Look at everything before anything is changed. 1: all of it is good. */
static int is_good(const GlanceObject *self, const long long *ticks, News *news) {
    const SentLogObject *log = self->log;
    const double *times = log->times.view.buf;
    const unsigned short *sizes = log->sizes.view.buf;
    const unsigned char *states = log->states.view.buf;
    double least = 0.0;
    for (long index = 0; index < news->count; index++) {
        long long number = news->first + index;
        if (number < log->next - log->mask - 1 || number >= log->next)
            continue;
        long at = (long)(number & log->mask);
        if (states[at] != FLYING) {
            if (ticks[index] != NEVER_CAME && states[at] != ARRIVED)
                return 0;
            continue;
        }
        if (ticks[index] == NEVER_CAME)
            return 0;
        news->sent = times[at];
        news->arrived = (double)ticks[index] * TICK;
        if (!news->came++ || news->arrived - news->sent < least)
            least = news->arrived - news->sent;
        news->octets += sizes[at];
    }
    return news->came && self->low <= least && least <= self->high;
}

static void accept_news(GlanceObject *self, const long long *ticks, const News *news, double now) {
    SentLogObject *log = self->log;
    for (long index = 0; index < news->count; index++) {
        long long number = news->first + index;
        unsigned char *state = (unsigned char *)log->states.view.buf + (number & log->mask);
        if (number >= log->next - log->mask - 1 && number < log->next && ticks[index] != NEVER_CAME)
            *state = ARRIVED;
    }
    log->flying -= news->octets;
    self->arrived = news->arrived;
    self->reference = news->reference;
    self->rtt += RTT_SMOOTHING * (now - news->sent - self->rtt);
    self->came += news->came;
    self->octets += news->octets;
    note(self, news->first + news->count, now);
}

static int look_at(GlanceObject *self, const unsigned char *data, Py_ssize_t size, double now) {
    static long long ticks[MAX_TOLD];
    Py_ssize_t end = now >= self->until ? 0 : only_feedback(data, size);
    if (!end)
        return 0;
    long long last = self->log->next - 1;
    News news = {.first = last - ((last - ((long)data[12] << 8 | data[13])) & 0xFFFF), .count = (long)data[14] << 8 | data[15]};
    if (!news.count || news.count > MAX_STATUSES)
        return 0;
    news.reference = unwrapped(self, (long)data[16] << 16 | (long)data[17] << 8 | data[18]);
    if (read_ticks(data, 20, end, news.count, (long long)news.reference * REFERENCE_TICKS, ticks) != NULL
        || !is_good(self, ticks, &news))
        return 0;
    accept_news(self, ticks, &news, now);
    return 1;
}

static PyObject *glance_take(GlanceObject *self, PyObject *const *args, Py_ssize_t count) {
    if (count != 2) {
        PyErr_SetString(PyExc_TypeError, "take(data, now)");
        return NULL;
    }
    double now = PyFloat_AsDouble(args[1]);
    Py_buffer view;
    if ((now == -1.0 && PyErr_Occurred()) || PyObject_GetBuffer(args[0], &view, PyBUF_SIMPLE))
        return NULL;
    int is_taken = look_at(self, view.buf, view.len, now);
    PyBuffer_Release(&view);
    return PyBool_FromLong(is_taken);
}

static PyObject *glance_note(GlanceObject *self, PyObject *const *args, Py_ssize_t count) {
    if (count != 2) {
        PyErr_SetString(PyExc_TypeError, "note(end, now)");
        return NULL;
    }
    long long end = PyLong_AsLongLong(args[0]);
    double now = PyFloat_AsDouble(args[1]);
    if (PyErr_Occurred())
        return NULL;
    note(self, end, now);
    Py_RETURN_NONE;
}

static PyObject *glance_unwrapped(GlanceObject *self, PyObject *reference) {
    long told = PyLong_AsLong(reference);
    return told == -1 && PyErr_Occurred() ? NULL : PyLong_FromLong(unwrapped(self, told));
}

static PyMethodDef methods[] = {
    {"note", (PyCFunction)(void (*)(void))glance_note, METH_FASTCALL, "A feedback came that speaks of packets up to a number."},
    {"take", (PyCFunction)(void (*)(void))glance_take, METH_FASTCALL, "Whether a packet was nothing but good news, and is taken."},
    {"unwrapped", (PyCFunction)glance_unwrapped, METH_O, "A reference time as it goes on."},
    {NULL, NULL, 0, NULL},
};

static PyMemberDef members[] = {
    {"log", T_OBJECT_EX, offsetof(GlanceObject, log), READONLY, "what was sent"},
    {"told", T_LONGLONG, offsetof(GlanceObject, told), 0, "highest number that feedback spoke of"},
    {"feedbacks", T_LONG, offsetof(GlanceObject, feedbacks), 0, "how many there were"},
    {"heard_at", T_DOUBLE, offsetof(GlanceObject, heard_at), 0, "when the last came"},
    {"octets_then", T_LONGLONG, offsetof(GlanceObject, octets_then), 0, "of the log, then"},
    {"rtt", T_DOUBLE, offsetof(GlanceObject, rtt), 0, "seconds, smoothed"},
    {"reference", T_LONG, offsetof(GlanceObject, reference), 0, "the receiver's, without its wrap"},
    {"came", T_LONG, offsetof(GlanceObject, came), 0, "packets that take alone has taken"},
    {"octets", T_LONGLONG, offsetof(GlanceObject, octets), 0, "of those"},
    {"arrived", T_DOUBLE, offsetof(GlanceObject, arrived), 0, "the last of them"},
    {"low", T_DOUBLE, offsetof(GlanceObject, low), 0, "least time on the way that is good news"},
    {"high", T_DOUBLE, offsetof(GlanceObject, high), 0, "and the most"},
    {"until", T_DOUBLE, offsetof(GlanceObject, until), 0, "when the estimator has to be asked"},
    {NULL, 0, 0, 0, NULL},
};

PyTypeObject GlanceType = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "media._native.Glance",
    .tp_basicsize = sizeof(GlanceObject),
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_doc = "Good news of an ample line (media.glance).",
    .tp_new = PyType_GenericNew,
    .tp_init = (initproc)glance_init,
    .tp_dealloc = (destructor)glance_dealloc,
    .tp_methods = methods,
    .tp_members = members,
};
