"""Runs cases against a broker and prints one line of JSON for each: {"case", "ok", "ms", "error"}.

A module of cases registers them with @case("name") and ends with judge.main(): `python MODULE BOOTSTRAP [FILTER]`.
"""

import asyncio
import inspect
import itertools
import json
import os
import sys
import time
import traceback
from concurrent.futures import ThreadPoolExecutor

bootstrap = sys.argv[1]
_cases = []
_names = itertools.count(1)


def case(name):
    def register(body):
        _cases.append((name, body))
        return body

    return register


def fresh(stem):
    """A name that nothing else uses, on a broker that keeps what it was given."""
    return f"judge-{stem}-{os.getpid()}-{next(_names)}"


def until(what, condition, limit_s=30):
    end = time.monotonic() + limit_s
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"not within {limit_s} s: {what}")
        time.sleep(0.05)


def equal(actual, expected, what):
    if actual != expected:
        raise AssertionError(f"{what}: expected {expected!r} but got {actual!r}")


def check(holds, what):
    if not holds:
        raise AssertionError(what)


class Skipped(Exception):
    """Ends a case that this build of the client cannot run."""


def _run(name, body):
    started = time.monotonic()
    error = skipped = None
    try:
        if inspect.iscoroutinefunction(body):
            asyncio.run(asyncio.wait_for(body(), 120))
        else:
            body()
    except Skipped as absent:
        skipped = str(absent)
    except BaseException:
        error = traceback.format_exc()
    verdict = {"case": name, "ok": error is None, "ms": round((time.monotonic() - started) * 1000)}
    if error:
        verdict["error"] = error
    if skipped:
        verdict["skipped"] = skipped
    sys.stdout.write(json.dumps(verdict, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def main(threads=4):
    wanted = sys.argv[2] if len(sys.argv) > 2 else ""
    with ThreadPoolExecutor(threads) as pool:
        for name, body in _cases:
            if wanted in name:
                pool.submit(_run, name, body)
    sys.stdout.flush()
    os._exit(0)
