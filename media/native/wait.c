/* Waiting for the network, compiled: ordinary packets pass the relay inside of it, and the loop sleeps on.
 *
 * wait(epoll, timeout, blind_at, sockets, door) -> [(fd, events), ...], as select.epoll.poll answers
 *   epoll       the loop's epoll, by its number
 *   timeout     seconds; negative: for ever
 *   blind_at    when the loop has to look itself, because it did not for too long (Relay.wakes)
 *   sockets     {fd: family} of the media sockets
 *   door        (known, unprotect, unprotect_rtcp, most_ssrcs, later, legs, batch, protect, protect_rtcp, rest, amiss,
 *               counts, most): what drain, take_from and flush take, and
 *   rest        list; added is (fd, found, at, now) of what was drained and is not ordinary from `at` on
 *   amiss       list; what flush told of legs is added
 *   counts      array of three 'q': datagrams, ordinary packets and packets sent are added
 *
 * A media socket on which only ordinary packets and feedback that waits had come, all of which could leave, is not among
 * the answers: then it goes on waiting until the timeout, or until something else wants the loop. Whatever needs Python
 * is answered at once; front.py goes on from there as if it had read the socket itself. */

#include "native.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

enum { MOST_EVENTS = 64, MOST_TURNS = 8, DOOR = 13 };

typedef struct {
    Reading reading;
    PyObject *legs, *batch, *queues, *protect, *protect_rtcp, *rest, *amiss; /* borrowed */
    long long *counts;
    long most;
} Door;

static int send_all(Door *door) {
    double now = monotonic();
    PyObject *stamp = PyLong_FromLong((long)(long long)(now * 262144.0) & 0xFFFFFF), *moment = PyFloat_FromDouble(now);
    PyObject *all[] = {door->queues, door->protect, door->protect_rtcp, stamp, moment};
    PyObject *told = stamp == NULL || moment == NULL ? NULL : flush(NULL, all, 5);
    Py_XDECREF(stamp);
    Py_XDECREF(moment);
    if (told == NULL)
        return -1;
    door->counts[2] += PyLong_AsLongLong(PyTuple_GET_ITEM(told, 0));
    int failed = PyList_SetSlice(door->amiss, PY_SSIZE_T_MAX, PY_SSIZE_T_MAX, PyTuple_GET_ITEM(told, 1));
    Py_DECREF(told);
    return failed;
}

/* The loop must not end by it, and the packets that came with it must not be lost. */
static void note_failure(Door *door) {
    static int has_failed;
    if (!has_failed++)
        PyErr_WriteUnraisable(door->batch);
    PyErr_Clear();
}

/* Pass on what one media socket has. 1: that was all; 0: the loop has to look. */
static int serve(Door *door, int fd, long family) {
    for (int turn = 0; turn < MOST_TURNS; turn++) {
        long count;
        double seconds = door->reading.now = monotonic();
        PyObject *found = drain_socket(&door->reading, fd, family, door->most, &count);
        PyObject *now = PyFloat_FromDouble(seconds);
        Py_ssize_t at = found == NULL || now == NULL ? -1 : take_ordinary(found, 0, now, door->legs, door->batch);
        int is_done = at >= 0 && at == PyList_GET_SIZE(found);
        door->counts[0] += count;
        if (at > 0)
            door->counts[1] += at / 3;
        if (at < 0 || (PyList_GET_SIZE(door->queues) && send_all(door))) {
            is_done = 0;
            note_failure(door);
        }
        if (found != NULL && now != NULL && at >= 0 && at < PyList_GET_SIZE(found)) {
            PyObject *left = Py_BuildValue("(iOnO)", fd, found, at, now);
            if (left == NULL || PyList_Append(door->rest, left))
                note_failure(door);
            Py_XDECREF(left);
        }
        Py_XDECREF(found);
        Py_XDECREF(now);
        if (!is_done || PyList_GET_SIZE(door->queues) || PyList_GET_SIZE(door->amiss)
            || PyList_GET_SIZE(door->reading.later) >= MAX_LATER)
            return 0;
        if (count < door->most)
            break;
    }
    return 1; /* if there is more, the next wait tells */
}

static int read_door(Door *door, PyObject *given, Py_buffer *counts) {
    if (!PyTuple_Check(given) || PyTuple_GET_SIZE(given) != DOOR) {
        PyErr_SetString(PyExc_TypeError, "a door has thirteen parts");
        return -1;
    }
    PyObject *const *parts = &PyTuple_GET_ITEM(given, 0);
    door->reading.known = parts[0];
    door->reading.unprotect = (unprotect_function)PyLong_AsVoidPtr(parts[1]);
    door->reading.unprotect_rtcp = (unprotect_function)PyLong_AsVoidPtr(parts[2]);
    door->reading.most_ssrcs = PyLong_AsLong(parts[3]);
    door->reading.later = parts[4];
    door->legs = parts[5];
    door->batch = parts[6];
    door->protect = parts[7];
    door->protect_rtcp = parts[8];
    door->rest = parts[9];
    door->amiss = parts[10];
    door->most = PyLong_AsLong(parts[12]);
    if (PyErr_Occurred())
        return -1;
    if (!PyDict_Check(parts[0]) || !PyList_Check(parts[4]) || !PyDict_Check(parts[5]) || !is_batch(parts[6])
        || !PyList_Check(parts[9]) || !PyList_Check(parts[10]) || door->most < 1) {
        PyErr_SetString(PyExc_TypeError, "a door of (known, unprotect, most_ssrcs, later, legs, batch, ...)");
        return -1;
    }
    door->queues = queues_of(parts[6]);
    if (door->queues == NULL || !PyList_Check(door->queues)) {
        PyErr_SetString(PyExc_TypeError, "a batch has a list of queues");
        return -1;
    }
    if (PyObject_GetBuffer(parts[11], counts, PyBUF_WRITABLE))
        return -1;
    if (counts->len != 3 * (Py_ssize_t)sizeof(long long)) {
        PyBuffer_Release(counts);
        PyErr_SetString(PyExc_ValueError, "three numbers are counted");
        return -1;
    }
    door->counts = counts->buf;
    return 0;
}

/* What `events` holds for the loop, after media sockets were served; a new list. */
static PyObject *sort_out(Door *door, const struct epoll_event *events, int count, PyObject *sockets, double blind_at) {
    PyObject *answer = PyList_New(0);
    int is_blind = monotonic() > blind_at;
    for (int at = 0; answer != NULL && at < count; at++) {
        int fd = events[at].data.fd, told = 0;
        PyObject *number = PyLong_FromLong(fd);
        PyObject *family = number == NULL ? NULL : PyDict_GetItemWithError(sockets, number);
        /* One that has something left is the last that is served: what it brought comes first. */
        if (family != NULL && !is_blind && events[at].events == EPOLLIN && PyList_GET_SIZE(door->rest) == 0)
            told = serve(door, fd, PyLong_AsLong(family));
        Py_XDECREF(number);
        if (told == 0 && !PyErr_Occurred()) {
            PyObject *event = Py_BuildValue("(iI)", fd, events[at].events);
            told = event == NULL || PyList_Append(answer, event) ? -1 : 0;
            Py_XDECREF(event);
        }
        if (told < 0 || PyErr_Occurred())
            Py_CLEAR(answer);
    }
    return answer;
}

PyObject *wait_for(PyObject *Py_UNUSED(module), PyObject *const *args, Py_ssize_t nargs) {
    if (nargs != 5 || !PyDict_Check(args[3])) {
        PyErr_SetString(PyExc_TypeError, "wait(epoll, timeout, blind_at, sockets, door)");
        return NULL;
    }
    int epoll = (int)PyLong_AsLong(args[0]);
    double timeout = PyFloat_AsDouble(args[1]), blind_at = PyFloat_AsDouble(args[2]);
    Door door;
    Py_buffer counts;
    if (PyErr_Occurred() || read_door(&door, args[4], &counts))
        return NULL;
    double until = monotonic() + timeout, left = timeout;
    PyObject *answer = NULL;
    while (answer == NULL) {
        struct epoll_event events[MOST_EVENTS];
        /* rounded up, as select.epoll does: a timer must not find that it is too early */
        int count, failed, most_ms = timeout < 0 ? -1 : left <= 0 ? 0 : left > 1e6 ? 1000000000 : (int)(left * 1e3 + 0.999);
        Py_BEGIN_ALLOW_THREADS
        count = epoll_wait(epoll, events, MOST_EVENTS, most_ms);
        failed = count < 0 ? errno : 0;
        Py_END_ALLOW_THREADS
        if (failed && failed != EINTR) {
            errno = failed;
            PyErr_SetFromErrno(PyExc_OSError);
            break;
        }
        if (failed && PyErr_CheckSignals())
            break;
        left = until - monotonic();
        answer = sort_out(&door, events, count < 0 ? 0 : count, args[3], blind_at);
        if (answer == NULL)
            break;
        if (PyList_GET_SIZE(answer) == 0 && (timeout < 0 || left > 0))
            Py_CLEAR(answer);
    }
    PyBuffer_Release(&counts);
    return answer;
}
