/* The way in, compiled: what media/front.py does for each datagram on a UDP socket, up to the core, with the same result.
 *
 * drain(fd, family, known, most, unprotect, unprotect_rtcp, most_ssrcs, later, now) -> (flat list, number of datagrams)
 *   known        {sockaddr as bytes: Connection}: addresses that proved themselves
 *   most         datagrams to take at the most
 *   unprotect, unprotect_rtcp   addresses of libsrtp's functions
 *   most_ssrcs   SSRCs that a connection may have
 *   later        list of (connection, decrypted RTCP, when it came): reports that may wait (media.rtcp.may_wait) are added
 *                to it instead, up to MAX_LATER (Front.settle)
 *   now          monotonic seconds, of the first one
 *   The list holds threes: what it is from, what it is, and seconds since the first one was read. From a connection, a
 *   packet as bytes is RTP or RTCP that was decrypted, a text is the reason why it was dropped (a word of
 *   media.front.DROPS); from a sockaddr it is the datagram as it came: checks, DTLS, strangers, oversized and empty ones
 *   (one longer than 1500 bytes is told by 1501 of them). Fewer datagrams than `most`: the socket is empty.
 * Nothing that arrives raises. */

#include "slots.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

enum { MAX_DATAGRAM = 1500, MAX_PACKETS = 32 };
enum { SR = 200, RR = 201, SDES = 202, RTPFB = 205, WIDE = 15 }; /* media/rtcp.py */

static Attribute s_receiving = ATTRIBUTE("receiving"), s_address = ATTRIBUTE("address"), s_ssrcs = ATTRIBUTE("ssrcs"),
                 s_leg = ATTRIBUTE("leg"), s_heard_at = ATTRIBUTE("heard_at");
static PyObject *w_early, *w_short, *w_refused, *w_flood, *w_publish, *w_wrong_leg;

int receive_prepare(void) {
    struct {
        PyObject **into;
        const char *text;
    } names[] = {
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
    source->ssrcs = value_of(connection, &s_ssrcs);
    PyObject *session = value_of(connection, &s_receiving), *leg = value_of(connection, &s_leg);
    int failed = source->ssrcs == NULL || !PySet_Check(source->ssrcs) || session == NULL || leg == NULL;
    if (!failed && session != Py_None) {
        PyObject *address = value_of(session, &s_address);
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

/* RTP or RTCP from a known address: the decrypted packet, or why it was dropped; a new reference. */
static PyObject *open_packet(Source *source, unsigned char *data, int length, const Reading *reading, int is_rtcp) {
    if (source->state == NULL)
        return Py_NewRef(w_early);
    if (length < 12)
        return Py_NewRef(w_short);
    const unsigned char *at = data + (is_rtcp ? 4 : 8);
    unsigned long ssrc = (unsigned long)at[0] << 24 | (unsigned long)at[1] << 16 | (unsigned long)at[2] << 8 | at[3];
    unprotect_function unprotect = is_rtcp ? reading->unprotect_rtcp : reading->unprotect;
    PyObject *number = PyLong_FromUnsignedLong(ssrc);
    if (number == NULL)
        return NULL;
    int is_known = PySet_Contains(source->ssrcs, number);
    PyObject *found = NULL;
    if (is_known == 0 && PySet_GET_SIZE(source->ssrcs) >= reading->most_ssrcs)
        found = Py_NewRef(w_flood);
    else if (is_known >= 0 && unprotect(source->state, data, &length))
        found = Py_NewRef(w_refused);
    else if (is_known >= 0 && (is_known || PySet_Add(source->ssrcs, number) == 0)) {
        int is_wrong = !is_rtcp && !source->is_publish;
        found = is_wrong ? Py_NewRef(w_wrong_leg) : PyBytes_FromStringAndSize((char *)data, length);
    }
    Py_DECREF(number);
    return found;
}

/* media.rtcp.may_wait */
static int may_wait(const unsigned char *data, Py_ssize_t size) {
    Py_ssize_t at = 0;
    for (int count = 0; at < size; count++) {
        if (count == MAX_PACKETS || at + 4 > size || data[at] >> 6 != 2)
            return 0;
        int kind = data[at + 1], is_feedback = kind == RTPFB && (data[at] & 0x1F) == WIDE;
        if (kind != SR && kind != RR && kind != SDES && !is_feedback)
            return 0;
        at += 4 + 4 * ((Py_ssize_t)data[at + 2] << 8 | data[at + 3]);
    }
    return size > 0 && at == size;
}

double monotonic(void) {
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

/* 1: it waits in `later`; 0: it does not; -1: an exception. */
static int put_off(Source *source, PyObject *packet, PyObject *later, double at) {
    if (packet == NULL)
        return -1;
    if (!PyBytes_Check(packet) || PyList_GET_SIZE(later) >= MAX_LATER
        || !may_wait((unsigned char *)PyBytes_AS_STRING(packet), PyBytes_GET_SIZE(packet)))
        return 0;
    PyObject *moment = PyFloat_FromDouble(at), *entry = NULL;
    if (moment != NULL && set_value(source->connection, &s_heard_at, moment) == 0)
        entry = PyTuple_Pack(3, source->connection, packet, moment);
    int failed = entry == NULL || PyList_Append(later, entry);
    Py_XDECREF(moment);
    Py_XDECREF(entry);
    return failed ? -1 : 1;
}

/* The next datagram, of so many bytes, into the list. */
static int take_in(Reading *reading, unsigned char *buffer, ssize_t length, const struct sockaddr_storage *name,
                   socklen_t name_length, Source *source, PyObject *list, double since) {
    int is_media = length > 0 && length <= MAX_DATAGRAM && buffer[0] >= 128 && buffer[0] <= 191;
    int is_rtcp = is_media && length > 1 && buffer[1] >= 192 && buffer[1] <= 223;
    PyObject *key = NULL;
    if (is_media && (source->length != name_length || memcmp(&source->name, name, name_length))) {
        forget(source);
        key = PyBytes_FromStringAndSize((const char *)name, name_length);
        if (key == NULL || look_up(source, reading->known, key)) {
            Py_XDECREF(key);
            return -1;
        }
        memcpy(&source->name, name, name_length);
        source->length = name_length;
    }
    int failed;
    if (is_media && source->connection != NULL) {
        PyObject *what = open_packet(source, buffer, (int)length, reading, is_rtcp);
        int told = is_rtcp ? put_off(source, what, reading->later, reading->now + (monotonic() - since)) : 0;
        failed = told < 0;
        if (told == 0)
            failed = add_three(list, source->connection, what, since);
        else
            Py_XDECREF(what);
    } else {
        Py_ssize_t kept = length <= MAX_DATAGRAM ? length : MAX_DATAGRAM + 1;
        if (key == NULL)
            key = PyBytes_FromStringAndSize((const char *)name, name_length);
        failed = key == NULL || add_three(list, key, PyBytes_FromStringAndSize((char *)buffer, kept), since);
    }
    Py_XDECREF(key);
    return failed ? -1 : 0;
}

/* Up to `most` datagrams of a socket; a new list, and in `count` how many there were. */
PyObject *drain_socket(Reading *reading, int fd, long family, long most, long *count) {
    static unsigned char buffer[2048 + 160] __attribute__((aligned(16)));
    Source source;
    memset(&source, 0, sizeof source);
    PyObject *list = PyList_New(0);
    double since = monotonic();
    *count = 0;
    while (list != NULL && *count < most) {
        struct sockaddr_storage name;
        socklen_t name_length = sizeof name;
        ssize_t length = recvfrom(fd, buffer, 2048, MSG_DONTWAIT, (struct sockaddr *)&name, &name_length);
        if (length < 0) {
            if (errno == EINTR)
                continue;
            if (errno == EAGAIN || errno == EWOULDBLOCK)
                break;
            ++*count; /* an error that the network reported: it is no datagram */
            continue;
        }
        ++*count;
        if (family == AF_INET && name_length == sizeof(struct sockaddr_in))
            memset(((struct sockaddr_in *)&name)->sin_zero, 0, sizeof((struct sockaddr_in *)&name)->sin_zero);
        if (take_in(reading, buffer, length, &name, name_length, &source, list, since))
            Py_CLEAR(list);
    }
    forget(&source);
    return list;
}

PyObject *drain(PyObject *Py_UNUSED(module), PyObject *const *args, Py_ssize_t nargs) {
    if (nargs != 9 || !PyDict_Check(args[2]) || !PyList_Check(args[7])) {
        PyErr_SetString(PyExc_TypeError, "drain(fd, family, known, most, unprotect, unprotect_rtcp, most_ssrcs, later, now)");
        return NULL;
    }
    int fd = (int)PyLong_AsLong(args[0]);
    long family = PyLong_AsLong(args[1]), most = PyLong_AsLong(args[3]), count;
    Reading reading = {
        .known = args[2], .later = args[7], .most_ssrcs = PyLong_AsLong(args[6]), .now = PyFloat_AsDouble(args[8]),
        .unprotect = (unprotect_function)PyLong_AsVoidPtr(args[4]),
        .unprotect_rtcp = (unprotect_function)PyLong_AsVoidPtr(args[5]),
    };
    if (PyErr_Occurred())
        return NULL;
    PyObject *list = drain_socket(&reading, fd, family, most, &count);
    return list == NULL ? NULL : Py_BuildValue("(Nl)", list, count);
}
