/* Sending what waits, compiled: what Sender.flush does for most legs, with the same result.
 *
 * flush(queues, protect, protect_rtcp, stamp, now) -> (packets sent, [connection, what send told, ...])
 *   Sends all pairs of every queue whose leg has a route that still holds and a pacer that lets all of it leave (or none),
 *   and takes it out of `queues`. What remains there is for the reference in Python: lines that are narrow, legs that are
 *   closed, silent, new, or on TCP. The list names the legs where something was amiss (send.c).
 * know_queue(queue class, pacer class), once before.
 * Raises what send raises; the queue that it was has been emptied then. */

#include "slots.h"

static const double LEAST_BURST = 2400, FULL = 1300, USUAL = 1000, QUANTUM = 0.005; /* media/pacer.py */

static PyTypeObject *queue_type, *pacer_type;
static Py_ssize_t queue_pairs, queue_pacer, queue_log, queue_connection;
static Py_ssize_t pacer__budget, pacer__burst, pacer__full_rate, pacer__most, pacer__refilled_at, pacer__since, pacer_due;
static Attribute s_sending = ATTRIBUTE("sending"), s_ice = ATTRIBUTE("ice"), s_selected = ATTRIBUTE("selected"),
                 s_socket = ATTRIBUTE("socket"), s_is_silent = ATTRIBUTE("is_silent"), s_route = ATTRIBUTE("route");

PyObject *know_queue(PyObject *Py_UNUSED(module), PyObject *const *args, Py_ssize_t count) {
    if (count != 2 || !PyType_Check(args[0]) || !PyType_Check(args[1])) {
        PyErr_SetString(PyExc_TypeError, "know_queue(class of queues, class of pacers)");
        return NULL;
    }
    queue_type = (PyTypeObject *)Py_NewRef(args[0]);
    pacer_type = (PyTypeObject *)Py_NewRef(args[1]);
    if (place_of(queue_type, "pairs", &queue_pairs) || place_of(queue_type, "pacer", &queue_pacer)
        || place_of(queue_type, "log", &queue_log) || place_of(queue_type, "connection", &queue_connection)
        || place_of(pacer_type, "_budget", &pacer__budget) || place_of(pacer_type, "_burst", &pacer__burst)
        || place_of(pacer_type, "_full_rate", &pacer__full_rate) || place_of(pacer_type, "_most", &pacer__most)
        || place_of(pacer_type, "_refilled_at", &pacer__refilled_at) || place_of(pacer_type, "_since", &pacer__since)
        || place_of(pacer_type, "due", &pacer_due))
        return NULL;
    Py_RETURN_NONE;
}

/* Whether that attribute is `wanted`. */
static int is_still(PyObject *object, Attribute *attribute, PyObject *wanted) {
    PyObject *value = value_of(object, attribute);
    Py_XDECREF(value);
    return value == wanted;
}

/* The leg's route (a new reference), or NULL: none that holds (see Sender.send). */
static PyObject *route_of(PyObject *connection) {
    PyObject *route = value_of(connection, &s_route), *ice = value_of(connection, &s_ice);
    int holds = route != NULL && ice != NULL && PyTuple_Check(route) && PyTuple_GET_SIZE(route) == 7
                && is_still(connection, &s_sending, PyTuple_GET_ITEM(route, 0))
                && is_still(ice, &s_selected, PyTuple_GET_ITEM(route, 1))
                && is_still(connection, &s_socket, PyTuple_GET_ITEM(route, 2))
                && is_still(connection, &s_is_silent, Py_False);
    Py_XDECREF(ice);
    if (!holds)
        Py_CLEAR(route);
    return route;
}

/* The beginning of Pacer.take: whether all of so many pairs may leave; then their budget is taken off. */
static int lets_all_leave(PyObject *pacer, Py_ssize_t pairs, double now) {
    double burst, budget, full_rate, most, refilled_at, count = (double)(pairs / 2);
    if (pacer == Py_None)
        return 1;
    if (pacer == NULL || Py_TYPE(pacer) != pacer_type || !real(pacer, pacer__burst, &burst) || burst <= LEAST_BURST
        || !real(pacer, pacer__budget, &budget) || !real(pacer, pacer__full_rate, &full_rate)
        || !real(pacer, pacer__most, &most) || !real(pacer, pacer__refilled_at, &refilled_at)
        || PyObject_Size(AT(pacer, pacer__since)) != 0)
        return 0;
    double elapsed = now - refilled_at;
    if (elapsed > 0)
        budget += full_rate * (elapsed < 0.1 ? elapsed : 0.1);
    if (budget > most)
        budget = most;
    if (budget <= FULL * count)
        return 0;
    put_real(pacer, pacer__budget, budget - USUAL * count);
    put_real(pacer, pacer__refilled_at, now);
    put_real(pacer, pacer_due, now + QUANTUM);
    return 1;
}

/* One queue: what send told (a new reference); Py_None: it is for the reference. NULL: an exception. */
static PyObject *send_queue(PyObject *queue, PyObject *const *args, double now) {
    if (Py_TYPE(queue) != queue_type)
        return Py_NewRef(Py_None);
    PyObject *pairs = AT(queue, queue_pairs), *log = AT(queue, queue_log), *told = NULL;
    PyObject *route = route_of(AT(queue, queue_connection));
    if (route == NULL || (log != Py_None && Py_TYPE(log) != &SentLogType)
        || !lets_all_leave(AT(queue, queue_pacer), PyList_GET_SIZE(pairs), now)) {
        Py_XDECREF(route);
        return PyErr_Occurred() ? NULL : Py_NewRef(Py_None);
    }
    PyObject *all[] = {
        PyTuple_GET_ITEM(route, 3), PyTuple_GET_ITEM(route, 4), PyTuple_GET_ITEM(route, 5), args[1], args[2], pairs,
        args[3], log, PyTuple_GET_ITEM(route, 6), args[4],
    };
    told = send_pairs(NULL, all, 10);
    Py_DECREF(route);
    PyObject *type, *value, *trace;
    PyErr_Fetch(&type, &value, &trace);
    if (PyList_SetSlice(pairs, 0, PyList_GET_SIZE(pairs), NULL))
        PyErr_Clear();
    PyErr_Restore(type, value, trace);
    return told;
}

PyObject *flush(PyObject *Py_UNUSED(module), PyObject *const *args, Py_ssize_t count) {
    if (count != 5 || queue_type == NULL || !PyList_Check(args[0]) || !PyFloat_Check(args[4])) {
        PyErr_SetString(PyExc_TypeError, "flush(queues, protect, protect_rtcp, stamp, now), after know_queue()");
        return NULL;
    }
    PyObject *queues = args[0], *amiss = PyList_New(0), *rest = PyList_New(0);
    double now = PyFloat_AS_DOUBLE(args[4]);
    long sent = 0;
    int failed = amiss == NULL || rest == NULL;
    for (Py_ssize_t at = 0; !failed && at < PyList_GET_SIZE(queues); at++) {
        PyObject *queue = PyList_GET_ITEM(queues, at), *told = send_queue(queue, args, now);
        if (told == NULL)
            failed = 1;
        else if (told == Py_None)
            failed = PyList_Append(rest, queue);
        else if (PyLong_Check(told))
            sent += PyLong_AsLong(told);
        else
            failed = PyList_Append(amiss, AT(queue, queue_connection)) || PyList_Append(amiss, told);
        Py_XDECREF(told);
    }
    failed = failed || PyList_SetSlice(queues, 0, PyList_GET_SIZE(queues), rest);
    Py_XDECREF(rest);
    if (!failed)
        return Py_BuildValue("(lN)", sent, amiss);
    Py_XDECREF(amiss);
    return NULL;
}
