/* The way in, compiled: what media/front.py does for each datagram on a UDP socket, up to the core, with the same result.
 *
 * drain(fd, family, known, most, unprotect, most_ssrcs) -> (flat list, number of datagrams)
 *   known        {sockaddr as bytes: Connection}: addresses that proved themselves
 *   most         datagrams to take at the most
 *   unprotect    address of libsrtp's function
 *   most_ssrcs   SSRCs that a connection may have
 *   The list holds threes: what it is from, what it is, and seconds since the first one was read. From a connection, a
 *   packet as bytes is RTP that was decrypted, a text is the reason why RTP was dropped (a word of media.front.DROPS);
 *   from a sockaddr it is the datagram as it came: checks, DTLS, RTCP, strangers, oversized and empty ones (one longer
 *   than 1500 bytes is told by 1501 of them). Fewer datagrams than `most`: the socket is empty.
 * Nothing that arrives raises. */

#include "native.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

enum { MAX_DATAGRAM = 1500 };

typedef int (*unprotect_function)(void *state, void *packet, int *length);

static PyObject *s_receiving, *s_address, *s_ssrcs, *s_leg;
static PyObject *w_early, *w_short, *w_refused, *w_flood, *w_publish, *w_wrong_leg;

int receive_prepare(void) {
    struct {
        PyObject **into;
        const char *text;
    } names[] = {
        {&s_receiving, "receiving"}, {&s_address, "address"}, {&s_ssrcs, "ssrcs"}, {&s_leg, "leg"},
        {&w_early, "early"}, {&w_short, "short"}, {&w_refused, "srtp_refused"}, {&w_flood, "ssrc_flood"},
        {&w_publish, "publish"}, {&w_wrong_leg, "wrong_leg"},
    };
    for (size_t at = 0; at < sizeof names / sizeof *names; at++) {
        *names[at].into = PyUnicode_InternFromString(names[at].text);
        if (*names[at].into == NULL)
            return -1;
    }
    return 0;
}

/* The connection that the last packet came from: packets of a picture come one after the other. */
typedef struct {
    struct sockaddr_storage name;
    socklen_t length;
    PyObject *connection, *ssrcs; /* owned; NULL: not known */
    void *state;                  /* NULL: no SRTP yet */
    int is_publish;
} Source;

static void forget(Source *source) {
    Py_CLEAR(source->connection);
    Py_CLEAR(source->ssrcs);
    source->state = NULL;
    source->length = 0;
}

static int look_up(Source *source, PyObject *known, PyObject *name) {
    PyObject *connection = PyDict_GetItemWithError(known, name);
    if (connection == NULL)
        return PyErr_Occurred() ? -1 : 0;
    source->connection = Py_NewRef(connection);
    source->ssrcs = PyObject_GetAttr(connection, s_ssrcs);
    PyObject *session = PyObject_GetAttr(connection, s_receiving), *leg = PyObject_GetAttr(connection, s_leg);
    int failed = source->ssrcs == NULL || !PySet_Check(source->ssrcs) || session == NULL || leg == NULL;
    if (!failed && session != Py_None) {
        PyObject *address = PyObject_GetAttr(session, s_address);
        source->state = address == NULL ? NULL : PyLong_AsVoidPtr(address);
        Py_XDECREF(address);
    }
    if (!failed)
        source->is_publish = PyUnicode_Compare(leg, w_publish) == 0;
    Py_XDECREF(session);
    Py_XDECREF(leg);
    if (failed && !PyErr_Occurred())
        PyErr_SetString(PyExc_TypeError, "a connection has a set of SSRCs");
    return PyErr_Occurred() ? -1 : 0;
}

/* RTP from a known address: the decrypted packet, or why it was dropped; a new reference. */
static PyObject *open_packet(Source *source, unsigned char *data, int length, unprotect_function unprotect, long most) {
    if (source->state == NULL)
        return Py_NewRef(w_early);
    if (length < 12)
        return Py_NewRef(w_short);
    unsigned long ssrc = (unsigned long)data[8] << 24 | (unsigned long)data[9] << 16 | (unsigned long)data[10] << 8 | data[11];
    PyObject *number = PyLong_FromUnsignedLong(ssrc);
    if (number == NULL)
        return NULL;
    int is_known = PySet_Contains(source->ssrcs, number);
    PyObject *found = NULL;
    if (is_known == 0 && PySet_GET_SIZE(source->ssrcs) >= most)
        found = Py_NewRef(w_flood);
    else if (is_known >= 0 && unprotect(source->state, data, &length))
        found = Py_NewRef(w_refused);
    else if (is_known >= 0 && (is_known || PySet_Add(source->ssrcs, number) == 0))
        found = source->is_publish ? PyBytes_FromStringAndSize((char *)data, length) : Py_NewRef(w_wrong_leg);
    Py_DECREF(number);
    return found;
}

static double monotonic(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static int add_three(PyObject *list, PyObject *source, PyObject *what, double since) { /* steals `what` */
    PyObject *elapsed = PyFloat_FromDouble(monotonic() - since);
    int failed = what == NULL || elapsed == NULL || PyList_Append(list, source) || PyList_Append(list, what)
                 || PyList_Append(list, elapsed);
    Py_XDECREF(what);
    Py_XDECREF(elapsed);
    return failed ? -1 : 0;
}

PyObject *drain(PyObject *Py_UNUSED(module), PyObject *const *args, Py_ssize_t nargs) {
    if (nargs != 6 || !PyDict_Check(args[2])) {
        PyErr_SetString(PyExc_TypeError, "drain(fd, family, known, most, unprotect, most_ssrcs)");
        return NULL;
    }
    int fd = (int)PyLong_AsLong(args[0]);
    long family = PyLong_AsLong(args[1]), most = PyLong_AsLong(args[3]), most_ssrcs = PyLong_AsLong(args[5]);
    unprotect_function unprotect = (unprotect_function)PyLong_AsVoidPtr(args[4]);
    if (PyErr_Occurred())
        return NULL;
    static unsigned char buffer[2048 + 160] __attribute__((aligned(16)));
    Source source;
    memset(&source, 0, sizeof source);
    PyObject *list = PyList_New(0);
    if (list == NULL)
        return NULL;
    long count = 0;
    double since = monotonic();
    while (count < most) {
        struct sockaddr_storage name;
        socklen_t name_length = sizeof name;
        ssize_t length = recvfrom(fd, buffer, 2048, MSG_DONTWAIT, (struct sockaddr *)&name, &name_length);
        if (length < 0) {
            if (errno == EINTR)
                continue;
            if (errno == EAGAIN || errno == EWOULDBLOCK)
                break;
            count++; /* an error that the network reported: it is no datagram */
            continue;
        }
        count++;
        if (family == AF_INET && name_length == sizeof(struct sockaddr_in))
            memset(((struct sockaddr_in *)&name)->sin_zero, 0, sizeof((struct sockaddr_in *)&name)->sin_zero);
        int is_rtp = length > 0 && length <= MAX_DATAGRAM && buffer[0] >= 128 && buffer[0] <= 191
                     && !(length > 1 && buffer[1] >= 192 && buffer[1] <= 223);
        int is_same = source.length == name_length && !memcmp(&source.name, &name, name_length);
        if (is_rtp && is_same && source.connection != NULL) {
            if (add_three(list, source.connection, open_packet(&source, buffer, (int)length, unprotect, most_ssrcs), since))
                goto failed;
            continue;
        }
        PyObject *key = PyBytes_FromStringAndSize((char *)&name, name_length);
        if (key == NULL)
            goto failed;
        int done = 0;
        if (is_rtp) {
            forget(&source);
            done = look_up(&source, args[2], key);
            memcpy(&source.name, &name, name_length);
            source.length = name_length;
        }
        if (done == 0 && is_rtp && source.connection != NULL)
            done = add_three(list, source.connection, open_packet(&source, buffer, (int)length, unprotect, most_ssrcs), since);
        else if (done == 0) {
            Py_ssize_t kept = length <= MAX_DATAGRAM ? length : MAX_DATAGRAM + 1;
            done = add_three(list, key, PyBytes_FromStringAndSize((char *)buffer, kept), since);
        }
        Py_DECREF(key);
        if (done)
            goto failed;
    }
    forget(&source);
    return Py_BuildValue("(Nl)", list, count);
failed:
    forget(&source);
    Py_DECREF(list);
    return NULL;
}
