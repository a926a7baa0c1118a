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

/* An attribute that is read at one place of the code: where it lay in the last object's class, if that has it as a slot
 * (as the core's classes have). Any other object is asked as Python asks. */
typedef struct {
    const char *text;
    PyObject *name;
    PyTypeObject *type; /* whose `place` is known; it is kept for ever */
    Py_ssize_t place;   /* negative: it is no slot there */
} Attribute;

#define ATTRIBUTE(text) {text, NULL, NULL, -1}

static inline int learn(Attribute *attribute, PyTypeObject *type) {
    if (attribute->name == NULL && (attribute->name = PyUnicode_InternFromString(attribute->text)) == NULL)
        return -1;
    if (place_of(type, attribute->text, &attribute->place)) {
        attribute->place = -1;
        PyErr_Clear();
    }
    Py_INCREF(type);
    Py_XDECREF(attribute->type);
    attribute->type = type;
    return 0;
}

/* A new reference, or NULL with AttributeError. */
static inline PyObject *value_of(PyObject *object, Attribute *attribute) {
    if (Py_TYPE(object) != attribute->type && learn(attribute, Py_TYPE(object)))
        return NULL;
    PyObject *value = attribute->place < 0 ? NULL : AT(object, attribute->place);
    return value != NULL ? Py_NewRef(value) : PyObject_GetAttr(object, attribute->name);
}

static inline int set_value(PyObject *object, Attribute *attribute, PyObject *value) {
    if (Py_TYPE(object) != attribute->type && learn(attribute, Py_TYPE(object)))
        return -1;
    if (attribute->place < 0)
        return PyObject_SetAttr(object, attribute->name, value);
    PyObject *old = AT(object, attribute->place);
    AT(object, attribute->place) = Py_NewRef(value);
    Py_XDECREF(old);
    return 0;
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
