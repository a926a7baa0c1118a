/* The parts of media._native; each file says what it does. */
#ifndef MEDIA_NATIVE_H
#define MEDIA_NATIVE_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

/* send.c */
int send_prepare(void);
PyObject *send_pairs(PyObject *module, PyObject *const *args, Py_ssize_t count);

/* parse.c */
PyObject *parse_rtp(PyObject *module, PyObject *const *args, Py_ssize_t count);
PyObject *vp8_info(PyObject *module, PyObject *payload);
PyObject *set_no_vp8(PyObject *module, PyObject *constant);

/* receive.c */
int receive_prepare(void);
PyObject *drain(PyObject *module, PyObject *const *args, Py_ssize_t count);

/* sentlog.c */
typedef struct SentLogObject SentLogObject;
extern PyTypeObject SentLogType;
int sentlog_prepare(void);
int sentlog_add(SentLogObject *self, long size, double now);
long long sentlog_next(SentLogObject *self);
PyObject *read_arrivals(PyObject *module, PyObject *const *args, Py_ssize_t count);

#endif
