/* The parts of media._native; each file says what it does. */
#ifndef MEDIA_NATIVE_H
#define MEDIA_NATIVE_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

/* send.c */
PyObject *send_pairs(PyObject *module, PyObject *const *args, Py_ssize_t count);

/* parse.c */
typedef struct {
    unsigned long second, seq, timestamp, ssrc;
    long level, time, wide;  /* -1: not there */
    Py_ssize_t start, end;   /* of the payload, without padding */
} Packet;
int read_rtp(const unsigned char *data, Py_ssize_t size, long level_id, long time_id, long wide_id, Packet *packet);
PyObject *no_vp8_info(void);
int is_no_vp8(PyObject *info);
PyObject *parse_rtp(PyObject *module, PyObject *const *args, Py_ssize_t count);
PyObject *vp8_info(PyObject *module, PyObject *payload);
void vp8_size(const unsigned char *payload, Py_ssize_t size, long *width, long *height);
int h264_starts(const unsigned char *payload, Py_ssize_t size, int parameters_known);
PyObject *h264_starts_key(PyObject *module, PyObject *const *args, Py_ssize_t count);
PyObject *set_no_vp8(PyObject *module, PyObject *constant);

/* receive.c */
typedef int (*unprotect_function)(void *state, void *packet, int *length);
typedef struct {
    PyObject *known, *later; /* borrowed; see drain */
    unprotect_function unprotect, unprotect_rtcp;
    long most_ssrcs;
    double now; /* monotonic seconds, of the first datagram */
} Reading;
int receive_prepare(void);
double monotonic(void);
PyObject *drain_socket(Reading *reading, int fd, long family, long most, long *count);
PyObject *drain(PyObject *module, PyObject *const *args, Py_ssize_t count);

/* flush.c */
PyObject *know_queue(PyObject *module, PyObject *const *args, Py_ssize_t count);
PyObject *flush(PyObject *module, PyObject *const *args, Py_ssize_t count);

/* ordinary.c */
PyObject *know(PyObject *module, PyObject *classes);
PyObject *take(PyObject *module, PyObject *const *args, Py_ssize_t count);
PyObject *take_from(PyObject *module, PyObject *const *args, Py_ssize_t count);
Py_ssize_t take_ordinary(PyObject *found, Py_ssize_t at, PyObject *now, PyObject *legs, PyObject *batch);
int is_batch(PyObject *object);
PyObject *queues_of(PyObject *batch); /* borrowed */

/* wait.c */
PyObject *wait_for(PyObject *module, PyObject *const *args, Py_ssize_t count);

/* sentlog.c */
typedef struct SentLogObject SentLogObject;
extern PyTypeObject SentLogType;
int sentlog_prepare(void);
int sentlog_add(SentLogObject *self, long size, double now);
long long sentlog_next(SentLogObject *self);

/* arrivals.c */
typedef struct ArrivalsObject ArrivalsObject;
extern PyTypeObject ArrivalsType;
int arrivals_add(ArrivalsObject *self, long seq, double now);

/* glance.c */
extern PyTypeObject GlanceType;

/* twcc.c */
enum { MAX_TOLD = 0xFFFF };
#define NEVER_CAME LLONG_MIN
const char *read_ticks(const unsigned char *data, Py_ssize_t at, Py_ssize_t end, long count, long long time,
                       long long *ticks);
PyObject *read_arrivals(PyObject *module, PyObject *const *args, Py_ssize_t count);

enum { MAX_LATER = 256 }; /* media/front.py: feedback that waits */

#endif
