/* The way out, compiled: what media/sender.py does for one leg's pairs on a UDP socket, with the same result.
 *
 * Optional. media/sender.py is the reference: whoever changes one changes the other, and tests/unit/media/test_sender.py
 * plays every case with both. Nothing is decided here that is not decided there: headers and numbers come from the same
 * stints and packets, protecting is done by the same libsrtp (its functions are handed in as addresses), runs are cut by
 * the same rules.
 *
 * send(fd, name, state, protect, protect_rtcp, pairs, stamp, log, runs, now)
 *     -> number of packets that were sent; or, if anything was amiss, (sent, full, refused, unprotected, failed)
 *   name          sockaddr of the leg, bytes
 *   state         srtp_t as an integer; protect, protect_rtcp: addresses of libsrtp's functions
 *   pairs         flat list of (stint or None, packet), see media.types.SendQueue
 *   stamp         abs-send-time of now, 24 bits
 *   log           a SentLog of sentlog.c: packets carry transport-wide numbers and are added; None: this leg has none
 *   runs          packets of equal size may go to the kernel as one run (UDP_SEGMENT)
 *   sent, full, refused, unprotected   numbers of packets
 *   now           monotonic seconds
 *   failed        errno with which a run was refused although its packets went one by one, 0: none was
 * Raises TypeError, ValueError on pairs that are no pairs. */

#include "slots.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif

enum {
    MAX_SEGMENTS = 64,    /* media/sender.py */
    ROOM = 60000,         /* bytes written before everything goes out */
    MAX_PACKET = 1500,
    TRAILER = 160,        /* libsrtp's longest */
    TAG = 16,
    LARGEST_HEADER = 256,
    MAX_SIZES = 8192,
};

typedef int (*protect_function)(void *state, void *packet, int *length);

typedef struct {
    int fd;
    const void *name;
    socklen_t name_length;
    int runs;
    long sent, full, refused;
    int failed;
} Way;

static unsigned char buffer[ROOM + 2 * MAX_PACKET + TRAILER];
static unsigned int seen[MAX_PACKET + 2]; /* in which call a payload of this size was there */
static unsigned int call;

/* What is read of Python's objects. */
static Attribute s_header = ATTRIBUTE("header"), s_audio = ATTRIBUTE("audio"), s_offset = ATTRIBUTE("offset"),
                 s_time_offset = ATTRIBUTE("time_offset"), s_shifted = ATTRIBUTE("shifted"),
                 s_picture_shift = ATTRIBUTE("picture_shift"), s_tl0_shift = ATTRIBUTE("tl0_shift"),
                 s_buffer = ATTRIBUTE("buffer"), s_payload_type = ATTRIBUTE("payload_type"),
                 s_level_at = ATTRIBUTE("level_at"), s_level_prefix = ATTRIBUTE("level_prefix"),
                 s_wide_at = ATTRIBUTE("wide_at"), s_time_at = ATTRIBUTE("time_at"), s_data = ATTRIBUTE("data"),
                 s_ready_wide_at = ATTRIBUTE("wide_at"), s_ready_time_at = ATTRIBUTE("time_at"),
                 s_is_rtcp = ATTRIBUTE("is_rtcp");

/* --- handing to the kernel ---------------------------------------------------------------------------------------- */

static void count_failure(Way *way, long packets) {
    if (errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS)
        way->full += packets;
    else
        way->refused += packets;
}

static void send_one(Way *way, const unsigned char *at, size_t length) {
    ssize_t done;
    do
        done = sendto(way->fd, at, length, 0, way->name, way->name_length);
    while (done < 0 && errno == EINTR);
    if (done < 0)
        count_failure(way, 1);
    else
        way->sent++;
}

/* `count` packets back to back in [start, end): all have `size` bytes, or the last one less. */
static void emit(Way *way, const unsigned char *start, const unsigned char *end, size_t size, int count) {
    if (count > 1 && way->runs) {
        struct iovec part = {(void *)start, (size_t)(end - start)};
        union {
            char bytes[CMSG_SPACE(sizeof(uint16_t))];
            struct cmsghdr align;
        } control;
        struct msghdr message;
        memset(&message, 0, sizeof message);
        memset(&control, 0, sizeof control);
        message.msg_name = (void *)way->name;
        message.msg_namelen = way->name_length;
        message.msg_iov = &part;
        message.msg_iovlen = 1;
        message.msg_control = control.bytes;
        message.msg_controllen = sizeof control.bytes;
        struct cmsghdr *segment = CMSG_FIRSTHDR(&message);
        uint16_t each = (uint16_t)size;
        segment->cmsg_level = IPPROTO_UDP;
        segment->cmsg_type = UDP_SEGMENT;
        segment->cmsg_len = CMSG_LEN(sizeof each);
        memcpy(CMSG_DATA(segment), &each, sizeof each);
        ssize_t done;
        do
            done = sendmsg(way->fd, &message, 0);
        while (done < 0 && errno == EINTR);
        if (done >= 0) {
            way->sent += count;
            return;
        }
        switch (errno) {
        case EIO:
        case ENOPROTOOPT:
        case EOPNOTSUPP:
        case EINVAL:
        case EMSGSIZE:
            way->failed = errno;
            way->runs = 0;
            break;
        default:
            count_failure(way, count);
            return;
        }
    }
    while (start < end) {
        size_t length = (size_t)(end - start) < size ? (size_t)(end - start) : size;
        send_one(way, start, length);
        start += length;
    }
}

/* --- reading Python's objects ------------------------------------------------------------------------------------- */

static int number_of(PyObject *object, Attribute *attribute, long *into) {
    PyObject *value = value_of(object, attribute);
    if (value == NULL)
        return -1;
    *into = PyLong_AsLong(value);
    Py_DECREF(value);
    return *into == -1 && PyErr_Occurred() ? -1 : 0;
}

typedef struct {
    PyObject *of;          /* borrowed: the stint that this was read from */
    unsigned char header[LARGEST_HEADER];
    Py_ssize_t size;       /* of the header */
    long payload_type, offset, time_offset, picture_shift, tl0_shift, level_at, wide_at, time_at;
    int shifted, audio, prefix; /* prefix: bytes of the level element before its value */
    unsigned char level_prefix[2];
} Stint;

static int read_template(Stint *stint, PyObject *template) {
    if (number_of(template, &s_payload_type, &stint->payload_type) || number_of(template, &s_level_at, &stint->level_at)
        || number_of(template, &s_wide_at, &stint->wide_at) || number_of(template, &s_time_at, &stint->time_at))
        return -1;
    PyObject *bytes = value_of(template, &s_buffer);
    if (bytes == NULL)
        return -1;
    if (!PyByteArray_Check(bytes) || PyByteArray_GET_SIZE(bytes) > LARGEST_HEADER || PyByteArray_GET_SIZE(bytes) < 12) {
        Py_DECREF(bytes);
        PyErr_SetString(PyExc_TypeError, "a header is a bytearray of 12 to 256 bytes");
        return -1;
    }
    stint->size = PyByteArray_GET_SIZE(bytes);
    memcpy(stint->header, PyByteArray_AS_STRING(bytes), (size_t)stint->size);
    Py_DECREF(bytes);
    if (stint->wide_at < 0 || stint->wide_at + 2 > stint->size || stint->time_at < 0 || stint->time_at + 3 > stint->size
        || stint->level_at < 0 || stint->level_at + 3 > stint->size + 1) {
        PyErr_SetString(PyExc_ValueError, "a place lies outside of its header");
        return -1;
    }
    if (stint->level_at) {
        PyObject *prefix = value_of(template, &s_level_prefix);
        if (prefix == NULL)
            return -1;
        if (!PyBytes_Check(prefix) || PyBytes_GET_SIZE(prefix) > 2
            || stint->level_at + PyBytes_GET_SIZE(prefix) + 1 > stint->size) {
            Py_DECREF(prefix);
            PyErr_SetString(PyExc_TypeError, "a level element begins with one or two bytes");
            return -1;
        }
        stint->prefix = (int)PyBytes_GET_SIZE(prefix);
        memcpy(stint->level_prefix, PyBytes_AS_STRING(prefix), (size_t)stint->prefix);
        Py_DECREF(prefix);
    }
    return 0;
}

static int read_stint(Stint *stint, PyObject *object, long stamp, int has_log) {
    long audio, shifted;
    if (number_of(object, &s_offset, &stint->offset) || number_of(object, &s_time_offset, &stint->time_offset)
        || number_of(object, &s_picture_shift, &stint->picture_shift)
        || number_of(object, &s_tl0_shift, &stint->tl0_shift) || number_of(object, &s_audio, &audio)
        || number_of(object, &s_shifted, &shifted))
        return -1;
    PyObject *template = value_of(object, &s_header);
    if (template == NULL)
        return -1;
    int failed = read_template(stint, template);
    Py_DECREF(template);
    if (failed)
        return -1;
    stint->audio = audio != 0;
    stint->shifted = shifted != 0;
    if (!has_log)
        stint->wide_at = 0;
    if (stint->time_at) {
        stint->header[stint->time_at] = (unsigned char)(stamp >> 16);
        stint->header[stint->time_at + 1] = (unsigned char)(stamp >> 8);
        stint->header[stint->time_at + 2] = (unsigned char)stamp;
    }
    stint->of = object;
    return 0;
}

static void put16(unsigned char *at, unsigned long value) {
    at[0] = (unsigned char)(value >> 8);
    at[1] = (unsigned char)value;
}

static void put32(unsigned char *at, unsigned long value) {
    put16(at, value >> 16);
    put16(at + 2, value);
}

/* media.codecs.patch_vp8 */
static int patch_vp8(unsigned char *payload, Py_ssize_t size, PyObject *info, long picture_shift, long tl0_shift) {
    if (!PyTuple_Check(info) || PyTuple_GET_SIZE(info) < 6) {
        PyErr_SetString(PyExc_TypeError, "VP8 counters are a tuple of eight");
        return -1;
    }
    long picture_at = PyLong_AsLong(PyTuple_GET_ITEM(info, 1)), picture = PyLong_AsLong(PyTuple_GET_ITEM(info, 3));
    long tl0_at = PyLong_AsLong(PyTuple_GET_ITEM(info, 4)), tl0 = PyLong_AsLong(PyTuple_GET_ITEM(info, 5));
    int wide = PyTuple_GET_ITEM(info, 2) == Py_True;
    if (PyErr_Occurred())
        return -1;
    if (picture_at < 0 || picture_at + wide >= size || tl0_at < 0 || tl0_at >= size) {
        if (size == 0)
            return 0;
        PyErr_SetString(PyExc_ValueError, "a counter lies outside of its payload");
        return -1;
    }
    if (picture_at && picture_shift) {
        if (wide)
            put16(payload + picture_at, 0x8000 | ((picture + picture_shift) & 0x7FFF));
        else
            payload[picture_at] = (unsigned char)((picture + picture_shift) & 0x7F);
    }
    if (tl0_at && tl0_shift)
        payload[tl0_at] = (unsigned char)(tl0 + tl0_shift);
    return 0;
}

/* Write one copy at `at`; its length, or -1. `wide`: its transport-wide number. */
static Py_ssize_t write_copy(unsigned char *at, Stint *stint, PyObject *packet, unsigned long wide, int may_pad) {
    if (!PyTuple_Check(packet) || PyTuple_GET_SIZE(packet) < 6 || !PyBytes_Check(PyTuple_GET_ITEM(packet, 3))) {
        PyErr_SetString(PyExc_TypeError, "a packet is (number, time, marker, payload, level, counters)");
        return -1;
    }
    long long number = PyLong_AsLongLong(PyTuple_GET_ITEM(packet, 0));
    long long timestamp = PyLong_AsLongLong(PyTuple_GET_ITEM(packet, 1));
    long marker = PyLong_AsLong(PyTuple_GET_ITEM(packet, 2));
    PyObject *payload = PyTuple_GET_ITEM(packet, 3);
    Py_ssize_t length = PyBytes_GET_SIZE(payload);
    if (PyErr_Occurred())
        return -1;
    if (stint->size + length > MAX_PACKET) {
        PyErr_SetString(PyExc_ValueError, "a packet is too long");
        return -1;
    }
    unsigned char *header = stint->header;
    header[1] = (unsigned char)(stint->payload_type | marker);
    put16(header + 2, (unsigned long)(number + stint->offset));
    put32(header + 4, (unsigned long)(timestamp + stint->time_offset));
    if (stint->wide_at)
        put16(header + stint->wide_at, wide);
    if (stint->level_at) {
        long level = PyLong_AsLong(PyTuple_GET_ITEM(packet, 4));
        if (level == -1 && PyErr_Occurred())
            return -1;
        unsigned char *element = header + stint->level_at;
        if (level >= 0) {
            memcpy(element, stint->level_prefix, (size_t)stint->prefix);
            element[stint->prefix] = (unsigned char)level;
        } else
            memset(element, 0, (size_t)stint->prefix + 1);
    }
    memcpy(at, header, (size_t)stint->size);
    memcpy(at + stint->size, PyBytes_AS_STRING(payload), (size_t)length);
    if (stint->shifted
        && patch_vp8(at + stint->size, length, PyTuple_GET_ITEM(packet, 5), stint->picture_shift, stint->tl0_shift))
        return -1;
    if (may_pad && !stint->audio && length < MAX_PACKET && seen[length] == call && seen[length + 1] == call) {
        at[0] |= 0x20;
        at[stint->size + length] = 1;
        length++;
    }
    return stint->size + length;
}

/* Put a packet that is already written at `at` and stamp it; its length, or -1. */
static Py_ssize_t place_ready(unsigned char *at, PyObject *packet, long stamp, unsigned long wide, long *wide_at,
                              int *is_rtcp) {
    long time_at, rtcp;
    if (number_of(packet, &s_ready_time_at, &time_at) || number_of(packet, &s_ready_wide_at, wide_at)
        || number_of(packet, &s_is_rtcp, &rtcp))
        return -1;
    PyObject *data = value_of(packet, &s_data);
    if (data == NULL)
        return -1;
    Py_ssize_t length = PyByteArray_Check(data) ? PyByteArray_GET_SIZE(data) : -1;
    if (length < 0 || length > MAX_PACKET || time_at < 0 || *wide_at < 0 || time_at + 3 > length
        || *wide_at + 2 > length) {
        Py_DECREF(data);
        PyErr_SetString(PyExc_ValueError, "a written packet is a bytearray of at most 1500 bytes");
        return -1;
    }
    memcpy(at, PyByteArray_AS_STRING(data), (size_t)length);
    Py_DECREF(data);
    if (time_at) {
        at[time_at] = (unsigned char)(stamp >> 16);
        put16(at + time_at + 1, (unsigned long)stamp & 0xFFFF);
    }
    if (*wide_at)
        put16(at + *wide_at, wide);
    *is_rtcp = rtcp != 0;
    return length;
}

/* Which payload sizes there are: one that is a byte less than another one is padded (Sender._one_short). */
static int look_at_sizes(PyObject *pairs, Py_ssize_t count) {
    call++;
    if (call == 0) { /* after four thousand million calls */
        memset(seen, 0, sizeof seen);
        call = 1;
    }
    if (count <= 2)
        return 0;
    for (Py_ssize_t at = 0; at + 1 < count; at += 2) {
        PyObject *packet = PyList_GET_ITEM(pairs, at + 1);
        if (PyList_GET_ITEM(pairs, at) == Py_None || !PyTuple_Check(packet) || PyTuple_GET_SIZE(packet) < 6
            || !PyBytes_Check(PyTuple_GET_ITEM(packet, 3)))
            continue;
        Py_ssize_t length = PyBytes_GET_SIZE(PyTuple_GET_ITEM(packet, 3));
        if (length <= MAX_PACKET)
            seen[length] = call;
    }
    return 1;
}

/* --- one leg ------------------------------------------------------------------------------------------------------ */

PyObject *send_pairs(PyObject *Py_UNUSED(module), PyObject *const *args, Py_ssize_t nargs) {
    if (nargs != 10 || !PyBytes_Check(args[1]) || !PyList_Check(args[5])
        || (args[7] != Py_None && Py_TYPE(args[7]) != &SentLogType)) {
        PyErr_SetString(PyExc_TypeError, "send(fd, name, state, protect, protect_rtcp, pairs, stamp, log, runs, now)");
        return NULL;
    }
    Way way = {0};
    way.fd = (int)PyLong_AsLong(args[0]);
    way.name = PyBytes_AS_STRING(args[1]);
    way.name_length = (socklen_t)PyBytes_GET_SIZE(args[1]);
    void *state = PyLong_AsVoidPtr(args[2]);
    protect_function protect = (protect_function)PyLong_AsVoidPtr(args[3]);
    protect_function protect_rtcp = (protect_function)PyLong_AsVoidPtr(args[4]);
    PyObject *pairs = args[5];
    long stamp = PyLong_AsLong(args[6]);
    SentLogObject *log = args[7] == Py_None ? NULL : (SentLogObject *)args[7];
    way.runs = PyObject_IsTrue(args[8]);
    double now = PyFloat_AsDouble(args[9]);
    if (PyErr_Occurred())
        return NULL;
    int has_log = log != NULL;
    long long wide = has_log ? sentlog_next(log) : 0;
    Py_ssize_t count_pairs = PyList_GET_SIZE(pairs);
    if (count_pairs % 2 || count_pairs / 2 > MAX_SIZES) {
        PyErr_SetString(PyExc_ValueError, "pairs come in twos, and not in thousands");
        return NULL;
    }
    static unsigned short sizes[MAX_SIZES];
    Py_ssize_t numbered = 0;
    long unprotected = 0;
    Stint stint;
    stint.of = NULL;
    unsigned char *written = buffer, *start = buffer;
    size_t size = 0;
    int count = 0;
    int may_pad = look_at_sizes(pairs, count_pairs);
    for (Py_ssize_t at = 0; at < count_pairs; at += 2) {
        PyObject *object = PyList_GET_ITEM(pairs, at), *packet = PyList_GET_ITEM(pairs, at + 1);
        if (written - buffer > ROOM) {
            emit(&way, start, written, size, count);
            written = start = buffer;
            count = 0;
        }
        Py_ssize_t length;
        int is_rtcp = 0;
        long wide_at;
        if (object != Py_None) {
            if (object != stint.of && read_stint(&stint, object, stamp, has_log))
                return NULL;
            length = write_copy(written, &stint, packet, (unsigned long)(wide + numbered), may_pad);
            if (length < 0)
                return NULL;
            if (stint.wide_at)
                sizes[numbered++] = (unsigned short)(stint.size + PyBytes_GET_SIZE(PyTuple_GET_ITEM(packet, 3)) + TAG);
        } else {
            length = place_ready(written, packet, stamp, (unsigned long)(wide + numbered), &wide_at, &is_rtcp);
            if (length < 0)
                return NULL;
            if (wide_at && has_log)
                sizes[numbered++] = (unsigned short)(length + TAG);
        }
        int octets = (int)length;
        if ((is_rtcp ? protect_rtcp : protect)(state, written, &octets)) {
            unprotected++;
            continue;
        }
        if ((size_t)octets != size || count == MAX_SEGMENTS || !count) {
            if ((size_t)octets < size && 0 < count && count < MAX_SEGMENTS) { /* the shorter last one of a run */
                written += octets;
                emit(&way, start, written, size, count + 1);
                start = written;
                count = 0;
                continue;
            }
            if (count)
                emit(&way, start, written, size, count);
            start = written;
            size = (size_t)octets;
            count = 0;
        }
        written += octets;
        count++;
    }
    if (count)
        emit(&way, start, written, size, count);
    for (Py_ssize_t at = 0; at < numbered; at++)
        if (sentlog_add(log, sizes[at], now))
            return NULL;
    if (!way.full && !way.refused && !unprotected && !way.failed)
        return PyLong_FromLong(way.sent);
    return Py_BuildValue("(lllli)", way.sent, way.full, way.refused, unprotected, way.failed);
}
