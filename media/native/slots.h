/* Reading and writing the __slots__ of Python's objects where they lie in memory.
 *
 * `place_of` asks the class; a place holds for objects of that class and its subclasses only, so whoever uses one has
 * looked at the object's type. */
#ifndef MEDIA_SLOTS_H
#define MEDIA_SLOTS_H

#include "native.h"

#include <structmember.h>

/* The slot itself; NULL when it was never set. */
#define AT(object, place) (*(PyObject **)((char *)(object) + (place)))

/* Where `type` keeps the slot `name`. Raises AttributeError, TypeError. */
static inline int place_of(PyTypeObject *type, const char *name, Py_ssize_t *into) {
    PyObject *member = PyObject_GetAttrString((PyObject *)type, name);
    if (member == NULL)
        return -1;
    if (Py_TYPE(member) != &PyMemberDescr_Type || ((PyMemberDescrObject *)member)->d_member->type != T_OBJECT_EX) {
        PyErr_Format(PyExc_TypeError, "%s.%s is no slot", type->tp_name, name);
        Py_DECREF(member);
        return -1;
    }
    *into = ((PyMemberDescrObject *)member)->d_member->offset;
    Py_DECREF(member);
    return 0;
}

/* The number in a slot; 0: there is none. */
static inline int whole(PyObject *object, Py_ssize_t place, long long *into) {
    PyObject *value = AT(object, place);
    *into = 0;
    if (value == NULL || !PyLong_Check(value))
        return 0;
    int overflow;
    *into = PyLong_AsLongLongAndOverflow(value, &overflow);
    return !overflow;
}

static inline int real(PyObject *object, Py_ssize_t place, double *into) {
    PyObject *value = AT(object, place);
    *into = 0.0;
    if (value == NULL || !PyFloat_Check(value))
        return 0;
    *into = PyFloat_AS_DOUBLE(value);
    return 1;
}

static inline int put(PyObject *object, Py_ssize_t place, PyObject *value) { /* steals `value` */
    if (value == NULL)
        return -1;
    PyObject *old = AT(object, place);
    AT(object, place) = value;
    Py_XDECREF(old);
    return 0;
}

static inline int put_whole(PyObject *object, Py_ssize_t place, long long value) {
    return put(object, place, PyLong_FromLongLong(value));
}

static inline int put_real(PyObject *object, Py_ssize_t place, double value) {
    return put(object, place, PyFloat_FromDouble(value));
}

#endif
