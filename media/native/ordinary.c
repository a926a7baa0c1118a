/* The ordinary packet's way through the core, compiled: what Relay._receive_rtp, Publication.receive and Layer.note_passed
 * do with most packets, with the same result.
 *
 * take(leg, data, now, batch) -> True: the packet was taken and passed on. False: it is not an ordinary one, and
 *   nothing was done with it: the reference in Python takes it.
 * take_from(found, at, now, legs, batch) -> the same for what drain found (receive.c: threes, `now` its first moment), from
 *   index `at` on: the index of the first three that was not taken. One that fails becomes a reason for dropping it.
 *
 * Ordinary is the next packet in order of a known picture or sound that may pass: not late, not a repeat, not RED, of a
 * leg with transport-wide numbers, and not the start of a key frame for which anybody waits or which tells another size. So
 * whatever needs a decision (holes, switches, fences, ceilings, restarts, resends) is Python's, and what is here only
 * counts and names. The function first looks at everything (`look`: changes nothing), then does everything (`pass_on`).
 *
 * It reads and writes the __slots__ of the core's own objects where they lie in memory: `know` is told the classes and
 * asks Python for the places; an object of any other class makes a packet not ordinary. */

#include "slots.h"

enum { MAX_DATAGRAM = 1500, MAX_PAYLOAD = 1400 };

/* --- where things lie --------------------------------------------------------------------------------------------- */

static PyTypeObject *leg_type, *stream_type, *meter_type, *publication_type, *layer_type, *stats_type, *map_type,
    *cache_type, *keys_type, *subscription_type, *stint_type, *batch_type, *track_type, *journal_type;

#define PLACES(P) \
    P(leg, level_id) P(leg, time_id) P(leg, wide_id) P(leg, arrivals) P(leg, streams) P(leg, octets) \
    P(stream, rtx) P(stream, payload_type) P(stream, publication) P(stream, meter) P(stream, index) \
    P(meter, octets) P(meter, packets) P(meter, _at) P(meter, _octets_per_s) P(meter, _packets_per_s) \
    P(publication, allowed) P(publication, live) P(publication, open) P(publication, last_at) P(publication, layers) \
    P(publication, keyed) P(publication, codec_name) P(publication, parameters_known) P(publication, tap) \
    P(publication, recorded) P(publication, hearers) P(publication, subscriptions) P(publication, voice) P(publication, settled) \
    P(layer, highest) P(layer, highest_time) P(layer, highest_at) P(layer, floor) P(layer, fence_until) \
    P(layer, fence_time) P(layer, stats) P(layer, map) P(layer, cache) P(layer, octets) P(layer, passed) \
    P(layer, passed_time) P(layer, passed_at) P(layer, passed_picture) P(layer, passed_layer) P(layer, passed_packets) \
    P(layer, passed_octets) P(layer, keys) P(layer, size) \
    P(stats, clock_rate) P(stats, base) P(stats, highest) P(stats, packets) P(stats, bytes) P(stats, last_at) \
    P(stats, jitter) P(stats, _transit) \
    P(map, offset) \
    P(cache, _mask) P(cache, _numbers) P(cache, _times) P(cache, _packets) \
    P(keys, keyed_at) P(keys, deadline) \
    P(subscription, layer) P(subscription, choice) P(subscription, target) P(subscription, cap) P(subscription, stint) P(subscription, pairs) P(subscription, queue) \
    P(stint, start) \
    P(batch, queues) \
    P(track, writer) P(track, media) P(track, written_media) P(track, told) P(track, wrote_at) \
    P(journal, closed) P(journal, pending) P(journal, pending_packets) P(journal, pending_first) P(journal, pending_last)

#define DECLARE(of, name) static Py_ssize_t of##_##name;
PLACES(DECLARE)

static PyObject *s_take, *s_write, *s_thinned;
static Attribute s_peer = ATTRIBUTE("peer"), s_heard_at = ATTRIBUTE("heard_at");

/* know(classes): by the names that PLACES uses. Raises KeyError, AttributeError, TypeError. */
PyObject *know(PyObject *Py_UNUSED(module), PyObject *classes) {
    struct {
        const char *name;
        PyTypeObject **into;
    } types[] = {
        {"leg", &leg_type}, {"stream", &stream_type}, {"meter", &meter_type}, {"publication", &publication_type},
        {"layer", &layer_type}, {"stats", &stats_type}, {"map", &map_type}, {"cache", &cache_type},
        {"keys", &keys_type}, {"subscription", &subscription_type}, {"stint", &stint_type},
        {"batch", &batch_type}, {"track", &track_type}, {"journal", &journal_type},
    };
    for (size_t at = 0; at < sizeof types / sizeof *types; at++) {
        PyObject *type = PyMapping_GetItemString(classes, types[at].name); /* kept for ever */
        if (type == NULL)
            return NULL;
        if (!PyType_Check(type)) {
            PyErr_SetString(PyExc_TypeError, "know(name -> class)");
            return NULL;
        }
        *types[at].into = (PyTypeObject *)type;
    }
#define FIND(of, name) \
    if (place_of(of##_type, #name, &of##_##name)) \
        return NULL;
    PLACES(FIND)
    s_take = PyUnicode_InternFromString("take");
    s_write = PyUnicode_InternFromString("write");
    s_thinned = PyUnicode_InternFromString("thinned");
    if (PyErr_Occurred())
        return NULL;
    Py_RETURN_NONE;
}

static int set_item(PyObject *list, Py_ssize_t at, PyObject *value) { /* steals `value` */
    return value == NULL ? -1 : PyList_SetItem(list, at, value);
}

static long long signed32(long long difference) { return ((difference + 0x80000000LL) & 0xFFFFFFFFLL) - 0x80000000LL; }

/* --- looking ------------------------------------------------------------------------------------------------------ */

typedef struct {
    Packet packet; /* as parsed */
    PyObject *leg, *stream, *meter, *publication, *layer, *stats, *cache, *arrivals; /* borrowed */
    long long size, number, clean;
    double octets, packets; /* left in the meter */
    int is_refilled, is_recorded, starts_key;
    PyObject *payload, *info, *cached; /* owned */
} Found;

static int is_true(PyObject *object, Py_ssize_t place) { return AT(object, place) == Py_True; }

#define IS(object, of) ((object) != NULL && Py_TYPE(object) == of##_type)

/* The leg and its stream, and that the packet belongs to it. */
static int look_at_leg(Found *found, const unsigned char *data) {
    PyObject *leg = found->leg, *arrivals = AT(leg, leg_arrivals), *streams = AT(leg, leg_streams);
    long long level_id, time_id, wide_id, payload_type;
    if (arrivals == NULL || Py_TYPE(arrivals) != &ArrivalsType || streams == NULL || !PyDict_Check(streams) || !whole(leg, leg_level_id, &level_id)
        || !whole(leg, leg_time_id, &time_id) || !whole(leg, leg_wide_id, &wide_id) || time_id != 0)
        return 0;
    Packet *packet = &found->packet;
    if (!read_rtp(data, (Py_ssize_t)found->size, (long)level_id, 0, (long)wide_id, packet) || packet->end <= packet->start
        || packet->end - packet->start > MAX_PAYLOAD)
        return 0;
    PyObject *ssrc = PyLong_FromUnsignedLong(packet->ssrc);
    PyObject *stream = ssrc == NULL ? NULL : PyDict_GetItemWithError(streams, ssrc);
    Py_XDECREF(ssrc);
    if (!IS(stream, stream) || AT(stream, stream_rtx) != Py_False || !whole(stream, stream_payload_type, &payload_type)
        || payload_type != (long long)(packet->second & 0x7F))
        return 0;
    found->stream = stream;
    found->arrivals = arrivals;
    return 1;
}

#define DEPTH 2.0 /* s, media/ceiling.py */

static int number_in(PyObject *object, Py_ssize_t place, double *into) {
    long long count;
    if (real(object, place, into))
        return 1;
    int is_whole = whole(object, place, &count);
    *into = (double)count;
    return is_whole;
}

/* Meter.refill, if the packet may pass then. */
static int refill(Found *found, PyObject *meter, double now) {
    double at, octets_per_s, packets_per_s;
    if (!number_in(meter, meter__at, &at) || !number_in(meter, meter__octets_per_s, &octets_per_s)
        || !number_in(meter, meter__packets_per_s, &packets_per_s))
        return 0;
    double elapsed = now - at < 0 ? 0 : now - at > DEPTH ? DEPTH : now - at;
    found->octets += octets_per_s * elapsed;
    found->packets += packets_per_s * elapsed;
    if (found->octets > octets_per_s * DEPTH)
        found->octets = octets_per_s * DEPTH;
    if (found->packets > packets_per_s * DEPTH)
        found->packets = packets_per_s * DEPTH;
    found->is_refilled = 1;
    return found->octets >= 0 && found->packets >= 0;
}

/* That its publication is let in, lives and is below its ceiling. */
static int look_at_publication(Found *found, double now) {
    PyObject *meter = AT(found->stream, stream_meter), *publication = AT(found->stream, stream_publication);
    if (!IS(meter, meter) || !IS(publication, publication) || !number_in(meter, meter_octets, &found->octets)
        || !number_in(meter, meter_packets, &found->packets))
        return 0;
    found->octets -= (double)found->size;
    found->packets -= 1;
    if (!is_true(publication, publication_allowed) || !is_true(publication, publication_live)
        || !is_true(publication, publication_open)
        || ((found->octets < 0 || found->packets < 0) && !refill(found, meter, now)))
        return 0;
    PyObject *hearers = AT(publication, publication_hearers);
    if (hearers == NULL || !PyList_Check(hearers))
        return 0;
    if (found->packet.level >= 0 && (hearers != AT(publication, publication_subscriptions)))
        return 0; /* a microphone that rests: media.loudest listens */
    found->meter = meter;
    found->publication = publication;
    return 1;
}

#define FENCE_REACH 1.0 /* media/layer.py */

/* That it is the next one of its layer, behind the fence, and not the first after a silence. */
static int look_at_layer(Found *found, double now) {
    long long index, highest, floor, fence_time, offset, base, counted;
    double fence_until, highest_at, transit;
    PyObject *layers = AT(found->publication, publication_layers);
    if (layers == NULL || !PyList_Check(layers) || !whole(found->stream, stream_index, &index) || index < 0
        || index >= PyList_GET_SIZE(layers))
        return 0;
    PyObject *layer = PyList_GET_ITEM(layers, index);
    if (!IS(layer, layer) || !whole(layer, layer_highest, &highest) || highest < 0)
        return 0;
    long long number = highest + 1;
    if ((number & 0xFFFF) != found->packet.seq || !whole(layer, layer_floor, &floor) || number <= floor
        || !real(layer, layer_fence_until, &fence_until) || !whole(layer, layer_fence_time, &fence_time)
        || (now < fence_until && signed32((long long)found->packet.timestamp - fence_time) <= 0)
        || !real(layer, layer_highest_at, &highest_at) || now - highest_at > FENCE_REACH)
        return 0;
    PyObject *stats = AT(layer, layer_stats), *map = AT(layer, layer_map), *cache = AT(layer, layer_cache);
    if (!IS(stats, stats) || !whole(stats, stats_base, &base) || base < 0 || !whole(stats, stats_highest, &counted)
        || counted >= number || !real(stats, stats__transit, &transit) || !IS(map, map)
        || !whole(map, map_offset, &offset) || !IS(cache, cache) || number + offset < 0)
        return 0;
    found->layer = layer;
    found->stats = stats;
    found->cache = cache;
    found->number = number;
    found->clean = number + offset;
    return 1;
}

/* media.layering.is_settled; -1: an exception. */
static int is_settled(const Found *found, PyObject *subscription, long long index) {
    PyObject *layers = AT(found->publication, publication_layers), *settled = AT(found->publication, publication_settled);
    PyObject *choice = AT(subscription, subscription_choice), *key, *state, *known;
    if (choice == NULL || !PyTuple_Check(choice) || PyTuple_GET_SIZE(choice) != 2 || settled == NULL
        || !PyDict_Check(settled))
        return 0;
    Py_ssize_t chosen = PyLong_AsSsize_t(PyTuple_GET_ITEM(choice, 0));
    if (chosen < 0 || chosen >= PyList_GET_SIZE(layers)
        || PyList_GET_ITEM(layers, chosen) != AT(subscription, subscription_layer))
        return PyErr_Occurred() ? -1 : 0;
    key = PyDict_GetItemWithError(settled, subscription);
    if (key == NULL || !PyTuple_Check(key) || PyTuple_GET_SIZE(key) != 3)
        return PyErr_Occurred() ? -1 : 0;
    state = PyTuple_GET_ITEM(key, 0);
    if (!PyTuple_Check(state) || index >= PyTuple_GET_SIZE(state))
        return 0;
    known = PyTuple_GET_ITEM(state, index);
    if (!PyTuple_Check(known) || PyTuple_GET_SIZE(known) != 2 || PyTuple_GET_ITEM(known, 1) != Py_True)
        return 0;
    PyObject *pairs[][2] = {
        {PyTuple_GET_ITEM(known, 0), AT(found->layer, layer_size)},
        {PyTuple_GET_ITEM(key, 1), AT(subscription, subscription_target)},
        {PyTuple_GET_ITEM(key, 2), AT(subscription, subscription_cap)},
    };
    int told = 1;
    for (int at = 0; told > 0 && at < 3; at++)
        told = pairs[at][1] == NULL ? 0 : PyObject_RichCompareBool(pairs[at][0], pairs[at][1], Py_EQ);
    return told;
}

/* A key frame that tells nothing new and for which nobody waits: nobody, and nothing, changes to its layer. */
static int is_expected_key(const Found *found) {
    PyObject *publication = found->publication, *hearers = AT(publication, publication_hearers);
    PyObject *size = AT(found->layer, layer_size), *keys = AT(found->layer, layer_keys);
    long width, height;
    long long index;
    if (!IS(keys, keys) || size == NULL || !PyTuple_Check(size) || PyTuple_GET_SIZE(size) != 2
        || !whole(found->stream, stream_index, &index)
        || (AT(publication, publication_tap) != Py_None && !found->is_recorded))
        return 0;
    vp8_size((const unsigned char *)PyBytes_AS_STRING(found->payload), PyBytes_GET_SIZE(found->payload), &width, &height);
    if (width && height
        && (PyLong_AsLong(PyTuple_GET_ITEM(size, 0)) != width || PyLong_AsLong(PyTuple_GET_ITEM(size, 1)) != height))
        return 0;
    for (Py_ssize_t at = 0; at < PyList_GET_SIZE(hearers); at++) {
        PyObject *subscription = PyList_GET_ITEM(hearers, at);
        if (!IS(subscription, subscription))
            return 0;
        if (AT(subscription, subscription_layer) != found->layer && is_settled(found, subscription, index) <= 0)
            return 0;
    }
    return 1;
}

/* Sound may begin with any packet: that it has, for everybody who is to hear it. */
static int is_begun(const Found *found) {
    PyObject *hearers = AT(found->publication, publication_hearers);
    for (Py_ssize_t at = 0; at < PyList_GET_SIZE(hearers); at++) {
        PyObject *subscription = PyList_GET_ITEM(hearers, at);
        if (!IS(subscription, subscription) || AT(subscription, subscription_layer) != found->layer)
            return 0;
    }
    return 1;
}

/* That the journal goes on as before, and no key frame begins that changes anything; payload and counters are made. */
static int look_at_payload(Found *found, const unsigned char *data) {
    PyObject *publication = found->publication, *tap = AT(publication, publication_tap);
    found->is_recorded = tap != Py_None && AT(publication, publication_recorded) == found->layer;
    if (tap == NULL
        || (tap != Py_None && !found->is_recorded && PyList_GET_SIZE(AT(publication, publication_layers)) < 2))
        return 0;
    int is_keyed = is_true(publication, publication_keyed), is_vp8 = 0;
    const Packet *packet = &found->packet;
    if (is_keyed) {
        PyObject *codec = AT(publication, publication_codec_name);
        if (codec == NULL || !PyUnicode_Check(codec))
            return 0;
        is_vp8 = PyUnicode_CompareWithASCIIString(codec, "vp8") == 0;
        if (!is_vp8
            && (PyUnicode_CompareWithASCIIString(codec, "h264") != 0
                || h264_starts(data + packet->start, packet->end - packet->start,
                               is_true(publication, publication_parameters_known))))
            return 0;
    }
    if (!is_keyed && !is_begun(found))
        return 0;
    found->payload = PyBytes_FromStringAndSize((const char *)data + packet->start, packet->end - packet->start);
    if (found->payload == NULL)
        return 0;
    found->info = is_vp8 ? vp8_info(NULL, found->payload) : no_vp8_info();
    if (found->info == NULL)
        return 0;
    found->starts_key = PyTuple_GET_ITEM(found->info, 0) == Py_True;
    return !found->starts_key || is_expected_key(found);
}

static int look(Found *found, PyObject *object, const unsigned char *data, double now) {
    if (!IS(object, leg) || found->size > MAX_DATAGRAM)
        return 0;
    found->leg = object;
    return look_at_leg(found, data) && look_at_publication(found, now) && look_at_layer(found, now)
           && look_at_payload(found, data);
}

/* --- doing -------------------------------------------------------------------------------------------------------- */

/* PublishLeg, Meter, Arrivals. */
static int count_on_leg(Found *found, PyObject *now, double seconds) {
    long long octets;
    if (found->packet.wide >= 0 && arrivals_add((ArrivalsObject *)found->arrivals, found->packet.wide, seconds))
        return -1;
    if (found->is_refilled)
        put(found->meter, meter__at, Py_NewRef(now));
    return !whole(found->leg, leg_octets, &octets) || put_whole(found->leg, leg_octets, octets + found->size)
           || put_real(found->meter, meter_octets, found->octets) || put_real(found->meter, meter_packets, found->packets)
           || put(found->publication, publication_last_at, Py_NewRef(now));
}

/* Layer and ReceiveStats.add. */
static int count_on_layer(Found *found, PyObject *now, double seconds) {
    PyObject *layer = found->layer, *stats = found->stats;
    long long packets, bytes, clock_rate;
    double jitter, before, timestamp = (double)found->packet.timestamp;
    if (!whole(stats, stats_packets, &packets) || !whole(stats, stats_bytes, &bytes)
        || !whole(stats, stats_clock_rate, &clock_rate) || !real(stats, stats_jitter, &jitter)
        || !real(stats, stats__transit, &before))
        return -1;
    double transit = seconds * (double)clock_rate - timestamp;
    double change = transit > before ? transit - before : before - transit;
    if (change < (double)clock_rate)
        jitter += (change - jitter) * 0.0625;
    PyObject *number = PyLong_FromLongLong(found->number);
    if (number == NULL)
        return -1;
    put(layer, layer_highest, Py_NewRef(number));
    return put(stats, stats_highest, number) || put_whole(layer, layer_highest_time, (long long)found->packet.timestamp)
           || put(layer, layer_highest_at, Py_NewRef(now)) || put_whole(stats, stats_packets, packets + 1)
           || put_whole(stats, stats_bytes, bytes + found->size) || put(stats, stats_last_at, Py_NewRef(now))
           || put_real(stats, stats_jitter, jitter) || put_real(stats, stats__transit, transit);
}

/* The tuple of media.packetcache.Cached, and PacketCache.put. */
static int keep(Found *found, PyObject *now) {
    PyObject *cache = found->cache, *numbers = AT(cache, cache__numbers), *times = AT(cache, cache__times),
             *packets = AT(cache, cache__packets);
    long long mask;
    PyObject *cached = found->cached = PyTuple_New(6);
    if (cached == NULL || !whole(cache, cache__mask, &mask) || !PyList_Check(numbers) || !PyList_Check(times)
        || !PyList_Check(packets))
        return -1;
    PyObject *clean = PyLong_FromLongLong(found->clean);
    PyTuple_SET_ITEM(cached, 0, clean);
    PyTuple_SET_ITEM(cached, 1, PyLong_FromUnsignedLong(found->packet.timestamp));
    PyTuple_SET_ITEM(cached, 2, PyLong_FromLong(found->packet.second & 0x80));
    PyTuple_SET_ITEM(cached, 3, Py_NewRef(found->payload));
    PyTuple_SET_ITEM(cached, 4, PyLong_FromLong(found->packet.level));
    PyTuple_SET_ITEM(cached, 5, Py_NewRef(found->info));
    if (PyErr_Occurred())
        return -1;
    Py_ssize_t at = (Py_ssize_t)(found->clean & mask);
    PyObject_GC_UnTrack(cached); /* numbers and bytes only: the collector need not look at it */
    return set_item(numbers, at, Py_NewRef(clean)) || set_item(times, at, Py_NewRef(now))
           || set_item(packets, at, Py_NewRef(cached));
}

/* The part of one subscription that is shown this layer. */
static int name_for(Found *found, PyObject *subscription, PyObject *batch) {
    PyObject *stint = AT(subscription, subscription_stint), *pairs = AT(subscription, subscription_pairs);
    long long start;
    if (!IS(stint, stint) || !whole(stint, stint_start, &start) || pairs == NULL || !PyList_Check(pairs)) {
        PyErr_SetString(PyExc_TypeError, "a subscription with a layer has a stint, and pairs");
        return -1;
    }
    stint = found->clean < start ? PyObject_CallMethodOneArg(subscription, s_thinned, found->cached) : Py_NewRef(stint);
    int failed = stint == NULL;
    if (!failed && stint != Py_None) {
        if (PyList_GET_SIZE(pairs) == 0)
            failed = PyList_Append(AT(batch, batch_queues), AT(subscription, subscription_queue));
        failed = failed || PyList_Append(pairs, stint) || PyList_Append(pairs, found->cached);
    }
    Py_XDECREF(stint);
    return failed ? -1 : 0;
}

/* Publication._forward: name the packet in the queue of everybody who is shown this layer. */
static int name_it(Found *found, PyObject *batch) {
    PyObject *hearers = Py_NewRef(AT(found->publication, publication_hearers));
    int failed = 0;
    for (Py_ssize_t at = 0; !failed && at < PyList_GET_SIZE(hearers); at++) {
        PyObject *subscription = PyList_GET_ITEM(hearers, at);
        if (!IS(subscription, subscription)) {
            PyErr_SetString(PyExc_TypeError, "a hearer is a subscription");
            failed = -1;
        } else if (AT(subscription, subscription_layer) == found->layer)
            failed = name_for(found, subscription, batch);
    }
    Py_DECREF(hearers);
    return failed;
}

/* Layer.note_passed. */
static int note_passed(Found *found, PyObject *now) {
    PyObject *layer = found->layer, *info = found->info, *octets = AT(layer, layer_octets);
    long long packets, bytes, passed, size = PyBytes_GET_SIZE(found->payload);
    if (!whole(layer, layer_passed_packets, &packets) || !whole(layer, layer_passed_octets, &bytes)
        || !whole(layer, layer_passed, &passed) || !PyList_Check(octets)
        || put_whole(layer, layer_passed_packets, packets + 1) || put_whole(layer, layer_passed_octets, bytes + size))
        return -1;
    Py_ssize_t temporal = PyLong_AsSsize_t(PyTuple_GET_ITEM(info, 6));
    if (temporal < 0 || temporal >= PyList_GET_SIZE(octets))
        return -1;
    long long before = PyLong_AsLongLong(PyList_GET_ITEM(octets, temporal));
    if (set_item(octets, temporal, PyLong_FromLongLong(before + size)))
        return -1;
    if (found->clean <= passed)
        return 0;
    put(layer, layer_passed, Py_NewRef(PyTuple_GET_ITEM(found->cached, 0)));
    put(layer, layer_passed_time, Py_NewRef(PyTuple_GET_ITEM(found->cached, 1)));
    put(layer, layer_passed_at, Py_NewRef(now));
    if (!is_no_vp8(info)) {
        put(layer, layer_passed_picture, Py_NewRef(PyTuple_GET_ITEM(info, 3)));
        put(layer, layer_passed_layer, Py_NewRef(PyTuple_GET_ITEM(info, 5)));
    }
    return 0;
}

enum { JOURNAL_RTP = 1, RECORD_HEAD = 12, FLUSH_BYTES = 256 * 1024 }; /* media/journal.py, media/recorder.py */

/* What Track.write and JournalTrack.write_rtp do while a journal runs. 1: done; 0: Python has to; -1: an exception. */
static int write_down(PyObject *tap, const Py_buffer *view, PyObject *now, double seconds) {
    PyObject *journal = IS(tap, track) ? AT(tap, track_writer) : NULL;
    if (journal == NULL || !IS(journal, journal) || AT(tap, track_media) != AT(tap, track_written_media)
        || AT(tap, track_told) != Py_False || AT(journal, journal_closed) != Py_False)
        return 0;
    PyObject *pending = AT(journal, journal_pending);
    long long packets, moment = (long long)(seconds * 1e6);
    if (pending == NULL || !PyByteArray_CheckExact(pending) || !whole(journal, journal_pending_packets, &packets))
        return 0;
    Py_ssize_t before = PyByteArray_GET_SIZE(pending), after = before + RECORD_HEAD + view->len;
    if (after >= FLUSH_BYTES)
        return 0;
    /* Room for as much again: Python's own steps of an eighth would copy half a second of pictures twenty times. */
    if (after >= ((PyByteArrayObject *)pending)->ob_alloc && PyByteArray_Resize(pending, after + after * 3 / 4))
        return -1;
    if (PyByteArray_Resize(pending, after))
        return -1;
    unsigned char *to = (unsigned char *)PyByteArray_AS_STRING(pending) + before;
    to[0] = JOURNAL_RTP;
    to[1] = 0;
    to[2] = (unsigned char)(view->len >> 8);
    to[3] = (unsigned char)view->len;
    for (int at = 0; at < 8; at++)
        to[4 + at] = (unsigned char)(moment >> (56 - 8 * at));
    memcpy(to + RECORD_HEAD, view->buf, (size_t)view->len);
    if ((packets == 0 && put_whole(journal, journal_pending_first, moment))
        || put_whole(journal, journal_pending_last, moment)
        || put_whole(journal, journal_pending_packets, packets + 1) || put(tap, track_wrote_at, Py_NewRef(now)))
        return -1;
    return 1;
}

static int record(Found *found, PyObject *data, const Py_buffer *view, PyObject *now, double seconds) {
    PyObject *tap = AT(found->publication, publication_tap);
    int told = write_down(tap, view, now, seconds);
    if (told)
        return told < 0 ? -1 : 0;
    PyObject *done = PyObject_CallMethodObjArgs(tap, s_write, data, now, NULL);
    Py_XDECREF(done);
    return done == NULL ? -1 : 0;
}

static int pass_on(Found *found, PyObject *data, const Py_buffer *view, PyObject *now, double seconds, PyObject *batch) {
    PyObject *done;
    if (count_on_leg(found, now, seconds))
        return -1;
    if (found->packet.level >= 0) {
        PyObject *loudness = PyLong_FromLong(127 - (found->packet.level & 0x7F));
        PyObject *voice = AT(found->publication, publication_voice);
        done = loudness == NULL ? NULL : PyObject_CallMethodObjArgs(voice, s_take, loudness, now, NULL);
        Py_XDECREF(loudness);
        if (done == NULL)
            return -1;
        Py_DECREF(done);
    }
    if (count_on_layer(found, now, seconds) || keep(found, now))
        return -1;
    if (found->starts_key) { /* KeyframeRequests.arrived */
        PyObject *keys = AT(found->layer, layer_keys);
        put(keys, keys_keyed_at, Py_NewRef(now));
        put(keys, keys_deadline, Py_NewRef(Py_None));
    }
    if (found->is_recorded && record(found, data, view, now, seconds))
        return -1;
    return name_it(found, batch) || note_passed(found, now);
}

/* 1: taken; 0: not an ordinary packet; -1: an exception. `now`: a float. */
static int take_one(PyObject *leg, PyObject *data, PyObject *now, PyObject *batch) {
    Py_buffer view;
    if (PyObject_GetBuffer(data, &view, PyBUF_SIMPLE))
        return -1;
    double seconds = PyFloat_AS_DOUBLE(now);
    Found found = {.size = view.len};
    int told = 0;
    if (look(&found, leg, view.buf, seconds)) {
        PyObject *layer = Py_NewRef(found.layer), *publication = Py_NewRef(found.publication);
        told = pass_on(&found, data, &view, now, seconds, batch) ? -1 : 1;
        Py_DECREF(layer);
        Py_DECREF(publication);
        if (told < 0 && !PyErr_Occurred())
            PyErr_SetString(PyExc_TypeError, "a counter of the core is no number");
    } else if (PyErr_Occurred())
        told = -1;
    PyBuffer_Release(&view);
    Py_XDECREF(found.payload);
    Py_XDECREF(found.info);
    Py_XDECREF(found.cached);
    return told;
}

PyObject *take(PyObject *Py_UNUSED(module), PyObject *const *args, Py_ssize_t count) {
    if (count != 4 || leg_type == NULL || !IS(args[3], batch) || !PyFloat_Check(args[2])) {
        PyErr_SetString(PyExc_TypeError, "take(leg, data, now, batch), after know()");
        return NULL;
    }
    int told = take_one(args[0], args[1], args[2], args[3]);
    return told < 0 ? NULL : PyBool_FromLong(told);
}

/* One three of drain's: as take_one. */
static int take_three(PyObject *const *three, PyObject *legs, PyObject *since, PyObject *batch) {
    if (PyBytes_CheckExact(three[0]) || !PyBytes_CheckExact(three[1]) || !PyFloat_Check(three[2]))
        return 0;
    if (PyBytes_GET_SIZE(three[1]) > 1 && ((unsigned char)PyBytes_AS_STRING(three[1])[1] & 0xE0) == 0xC0)
        return 0; /* RTCP (RFC 5761 4) */
    PyObject *peer = value_of(three[0], &s_peer), *leg = NULL, *now = NULL;
    int told = -1;
    if (peer != NULL)
        leg = PyDict_GetItemWithError(legs, peer);
    if (leg != NULL && (now = PyFloat_FromDouble(PyFloat_AS_DOUBLE(since) + PyFloat_AS_DOUBLE(three[2]))) != NULL
        && set_value(three[0], &s_heard_at, since) == 0) {
        Py_INCREF(leg);
        told = take_one(leg, three[1], now, batch);
        Py_DECREF(leg);
    } else if (!PyErr_Occurred())
        told = 0;
    Py_XDECREF(peer);
    Py_XDECREF(now);
    return told;
}

int is_batch(PyObject *object) { return leg_type != NULL && IS(object, batch); }

PyObject *queues_of(PyObject *batch) { return AT(batch, batch_queues); }

/* take_from's work; -1: an exception. */
Py_ssize_t take_ordinary(PyObject *found, Py_ssize_t at, PyObject *now, PyObject *legs, PyObject *batch) {
    static int has_failed;
    while (at >= 0 && at + 3 <= PyList_GET_SIZE(found)) {
        int told = take_three(((PyListObject *)found)->ob_item + at, legs, now, batch);
        if (told < 0) { /* one packet must never cost another one */
            if (!has_failed++)
                PyErr_WriteUnraisable(legs);
            PyErr_Clear();
            if (set_item(found, at + 1, PyUnicode_FromString("error")))
                return -1;
        }
        if (told <= 0)
            break;
        at += 3;
    }
    return at;
}

PyObject *take_from(PyObject *Py_UNUSED(module), PyObject *const *args, Py_ssize_t count) {
    if (count != 5 || leg_type == NULL || !PyList_Check(args[0]) || !PyLong_Check(args[1]) || !PyFloat_Check(args[2])
        || !PyDict_Check(args[3]) || !IS(args[4], batch)) {
        PyErr_SetString(PyExc_TypeError, "take_from(found, at, now, legs, batch), after know()");
        return NULL;
    }
    Py_ssize_t at = PyLong_AsSsize_t(args[1]);
    if (at == -1 && PyErr_Occurred())
        return NULL;
    at = take_ordinary(args[0], at, args[2], args[3], args[4]);
    return at < 0 ? NULL : PyLong_FromSsize_t(at);
}
