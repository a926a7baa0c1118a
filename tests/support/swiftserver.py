"""Debian's Swift with its S3 interface, all four of its servers in one process. Run by ``tests/support/s3.py`` with
Debian's own Python: ``/usr/bin/python3 swiftserver.py FOLDER PORT KEY SECRET``; says "ready" when it answers.

Account and container servers keep SQLite files below FOLDER; objects stay in memory (Swift's own memory server), for
not every file system of a test machine has the extended attributes that its disk server needs.
"""

import os
import sys

import eventlet

eventlet.monkey_patch()

import logging  # noqa: E402

from eventlet import wsgi  # noqa: E402
from swift.common import utils  # noqa: E402
from swift.common.ring import RingBuilder  # noqa: E402

BACKEND = """[DEFAULT]
swift_dir = {folder}
devices = {folder}/devices
mount_check = false
log_level = CRITICAL
[pipeline:main]
pipeline = server
[app:server]
use = egg:swift#{kind}
"""
PROXY = """[DEFAULT]
swift_dir = {folder}
log_level = CRITICAL
[pipeline:main]
pipeline = catch_errors cache s3api tempauth bulk slo proxy-server
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
[filter:tempauth]
use = egg:swift#tempauth
user_test_{key} = {secret} .admin
[filter:s3api]
use = egg:swift#s3api
location = us-east-1
min_segment_size = 5242880
[filter:cache]
use = egg:swift#memcache
memcache_servers = 127.0.0.1:9
error_suppression_limit = 1
error_suppression_interval = 3600
connect_timeout = 0.05
[filter:catch_errors]
use = egg:swift#catch_errors
[filter:bulk]
use = egg:swift#bulk
[filter:slo]
use = egg:swift#slo
"""
KINDS = {"account": "account", "container": "container", "object": "mem_object"}


def main() -> None:
    """Serve until killed."""
    folder, port, key, secret = sys.argv[1:]
    os.makedirs(folder + "/devices/d1", exist_ok=True)
    write(folder + "/swift.conf", "[swift-hash]\nswift_hash_path_suffix = test\n[storage-policy:0]\nname = one\n")
    write(folder + "/container-sync-realms.conf", "")
    listening = {kind: eventlet.listen(("127.0.0.1", 0)) for kind in KINDS}
    for kind, sock in listening.items():
        builder = RingBuilder(2, 1, 1)
        device = {"id": 0, "region": 1, "zone": 1, "ip": "127.0.0.1", "port": sock.getsockname()[1], "device": "d1"}
        builder.add_dev({**device, "weight": 1, "replication_ip": device["ip"], "replication_port": device["port"]})
        builder.rebalance()
        builder.get_ring().save(f"{folder}/{kind}.ring.gz")
    utils.set_swift_dir(folder)
    from swift.common.wsgi import loadapp

    logging.disable(logging.CRITICAL)
    for kind, sock in listening.items():
        write(f"{folder}/{kind}.conf", BACKEND.format(folder=folder, kind=KINDS[kind]))
        serve(sock, loadapp(f"{folder}/{kind}.conf"))
    write(folder + "/proxy.conf", PROXY.format(folder=folder, key=key, secret=secret))
    serve(eventlet.listen(("127.0.0.1", int(port))), loadapp(folder + "/proxy.conf"))
    print("ready", flush=True)  # noqa: T201
    eventlet.sleep(86400)


def serve(sock: object, app: object) -> None:
    """Answer on a socket."""
    eventlet.spawn(wsgi.server, sock, app, log=logging.getLogger("quiet"), log_output=False)


def write(path: str, text: str) -> None:
    """A small file."""
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


if __name__ == "__main__":
    main()
