"""The dated tree of sites, as a pure value: who stands above whom on a day, also across ended and split sites.

An ended site stays below the parent it had on its last day, so that its files are found; and a successor that took
its files (and whoever stands above that one) reaches them as well. A successor without ``takes_files`` does not:
when a district is split into communes, none of them inherits the district's files by itself.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Span:
    """From ``start`` up to, not including, ``end`` (None: no end)."""

    start: dt.date
    end: dt.date | None = None

    def holds(self, on: dt.date) -> bool:
        """Whether ``on`` lies in the span."""
        return self.start <= on and (self.end is None or on < self.end)

    def clamp(self, on: dt.date) -> dt.date:
        """The day in the span nearest to ``on``."""
        if self.end is not None and on >= self.end:
            on = self.end - dt.timedelta(days=1)
        return max(on, self.start)


@dataclass(frozen=True, slots=True)
class Edge:
    """``child`` stands under ``parent`` during ``span``."""

    child: str
    parent: str
    span: Span


@dataclass(frozen=True, slots=True)
class FilesTo:
    """From ``on``, ``successor`` keeps the files of the ended ``site``."""

    site: str
    successor: str
    on: dt.date


class SiteTree:
    """Built once per transaction from the tables."""

    def __init__(self, sites: Mapping[str, Span], edges: Iterable[Edge], files: Iterable[FilesTo] = ()) -> None:
        self.sites = dict(sites)
        self._edges: dict[str, list[Edge]] = defaultdict(list)
        self._files: dict[str, list[FilesTo]] = defaultdict(list)
        self._below: dict[dt.date, dict[str, list[str]]] = {}
        for edge in edges:
            self._edges[edge.child].append(edge)
        for move in files:
            self._files[move.site].append(move)

    def parent(self, site: str, on: dt.date) -> str | None:
        """The site directly above on a day (for an ended site: on its last day), None at the top."""
        span = self.sites.get(site)
        if span is None:
            return None
        day = span.clamp(on)
        return next((edge.parent for edge in self._edges[site] if edge.span.holds(day)), None)

    def _reached_from(self, site: str, on: dt.date) -> list[str]:
        parent = self.parent(site, on)
        heirs = [move.successor for move in self._files[site] if move.on <= on]
        return heirs if parent is None else [parent, *heirs]

    def above(self, site: str, on: dt.date) -> frozenset[str]:
        """The site and all sites whose roles reach it. Ends also on a broken tree with a circle."""
        return _closure(site, lambda name: self._reached_from(name, on))

    def keepers(self, site: str, on: dt.date) -> frozenset[str]:
        """The site itself and who took its files over: who stands for the receiving site."""
        return _closure(site, lambda name: [move.successor for move in self._files[name] if move.on <= on])

    def branch(self, site: str, on: dt.date) -> frozenset[str]:
        """All sites that a role at ``site`` reaches: exactly those x with ``site`` in ``above(x)``."""
        if on not in self._below:
            below: dict[str, list[str]] = defaultdict(list)
            for name in self.sites:
                for upper in self._reached_from(name, on):
                    below[upper].append(name)
            self._below[on] = below
        return _closure(site, lambda name: self._below[on].get(name, []))

    def ordered(self, on: dt.date) -> list[tuple[str, int]]:
        """Sites that exist on a day with their depth, parents before children, siblings in the order given."""
        children: dict[str | None, list[str]] = defaultdict(list)
        there = [name for name, span in self.sites.items() if span.holds(on)]
        for name in there:
            parent = self.parent(name, on)
            children[parent if parent is not None and self.sites[parent].holds(on) else None].append(name)
        rows: list[tuple[str, int]] = []
        stack = [(name, 0) for name in reversed(children[None])]
        while stack:
            name, depth = stack.pop()
            rows.append((name, depth))
            stack.extend((child, depth + 1) for child in reversed(children[name]))
        return rows


def _closure(start: str, step: Callable[[str], list[str]]) -> frozenset[str]:
    seen = {start}
    todo = [start]
    while todo:
        for name in step(todo.pop()):
            if name not in seen:
                seen.add(name)
                todo.append(name)
    return frozenset(seen)
