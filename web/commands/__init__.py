"""What the command line asks of a hub: one async function per command, ``(hub, **arguments) -> JSON object``.

The same function runs behind the control socket of a running hub, or in the command's own process under the
folder's lock; then ``hub.sessions`` is None and the log is written directly.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from web.commands import disposals, index, people, reach, sessions, store

COMMANDS: dict[str, Callable[..., Awaitable[dict[str, Any]]]] = {
    "session.open": sessions.open_session,
    "session.close": sessions.close_session,
    "session.list": sessions.list_sessions,
    "session.show": sessions.show_session,
    "token": sessions.make_token,
    "export": sessions.export,
    "sites.import": people.import_sites,
    "sites.list": people.list_sites,
    "user.add": people.add_user,
    "user.password": people.set_password,
    "keys.show": people.show_keys,
    "keys.new": people.new_key,
    "keys.heads": people.show_heads,
    "store.show": store.show,
    "store.rewrap": store.rewrap,
    "disposals.kept": disposals.kept,
    "disposals.again": disposals.again,
    "enrol.relay": people.enrol_relay,
    "index.rebuild": index.rebuild,
    "reach.legs": reach.open_legs,
}
