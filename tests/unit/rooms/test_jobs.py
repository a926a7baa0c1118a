"""Jobs survive a dead worker, are tried again with growing waits, and can be cancelled."""

import datetime as dt

import pytest
from sqlalchemy.orm import Session

from rooms import jobs
from rooms.words import JobState

NOW = dt.datetime(2026, 11, 23, 8, 0, tzinfo=dt.UTC)
SECOND = dt.timedelta(seconds=1)


def test_a_job_is_taken_once(db: Session) -> None:
    made = jobs.enqueue(db, "replay", {"session": "s"}, NOW)
    taken = jobs.claim(db, "w1", NOW)
    assert taken is not None and taken.id == made.id and taken.attempts == 1
    assert jobs.claim(db, "w2", NOW) is None
    jobs.finish(db, made.id, NOW, result={"files": 3})
    assert (made.state, made.progress, made.result) == (JobState.DONE, 1.0, {"files": 3})


def test_the_same_key_is_not_put_in_line_twice(db: Session) -> None:
    first = jobs.enqueue(db, "lock", {}, NOW, key="s1")
    assert jobs.enqueue(db, "lock", {}, NOW, key="s1").id == first.id
    assert jobs.enqueue(db, "lock", {}, NOW, key="s2").id != first.id


def test_a_job_whose_worker_died_is_taken_again_when_its_lease_is_over(db: Session) -> None:
    jobs.enqueue(db, "replay", {}, NOW)
    jobs.claim(db, "w1", NOW, lease=60 * SECOND)
    assert jobs.claim(db, "w2", NOW + 59 * SECOND, lease=60 * SECOND) is None
    again = jobs.claim(db, "w2", NOW + 61 * SECOND)
    assert again is not None and again.attempts == 2


def test_progress_keeps_the_lease(db: Session) -> None:
    job = jobs.enqueue(db, "replay", {}, NOW)
    jobs.claim(db, "w1", NOW, lease=60 * SECOND)
    jobs.progress(db, job.id, 0.5, NOW + 50 * SECOND, lease=60 * SECOND)
    assert jobs.claim(db, "w2", NOW + 100 * SECOND) is None


def test_a_failed_job_waits_longer_each_time_and_gives_up(db: Session) -> None:
    job = jobs.enqueue(db, "replay", {}, NOW, max_attempts=3)
    at, waits = NOW, []
    while job.state is JobState.QUEUED:
        assert jobs.claim(db, "w", max(at, job.run_after)) is not None
        at = max(at, job.run_after)
        if jobs.fail(db, job.id, "disk", at).state is JobState.QUEUED:
            waits.append(job.run_after - at)
    assert job.state is JobState.FAILED and job.attempts == 3
    assert waits == [5 * SECOND, 10 * SECOND]


def test_cancelling_a_waiting_job_ends_it_and_a_running_one_at_its_next_step(db: Session) -> None:
    waiting = jobs.enqueue(db, "replay", {}, NOW)
    assert jobs.cancel(db, waiting.id, NOW).state is JobState.CANCELLED
    running = jobs.enqueue(db, "replay", {}, NOW)
    jobs.claim(db, "w", NOW)
    assert jobs.cancel(db, running.id, NOW).state is JobState.RUNNING
    with pytest.raises(jobs.JobCancelled):
        jobs.progress(db, running.id, 0.1, NOW)
    jobs.cancelled(db, running.id, NOW)
    assert running.state is JobState.CANCELLED
