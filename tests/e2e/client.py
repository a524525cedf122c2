"""An HTTP client that counts: run inside a network namespace by the harness.

client.py [--count N | --until-eof] [--threads T] [--keep] URL

Prints one JSON object: sent, failed, errors (the first few), answers (how often each body came).
With --until-eof it goes on until its standard input ends.
"""

import argparse
import collections
import json
import sys
import threading
import time
import urllib.request

parser = argparse.ArgumentParser()
parser.add_argument("--count", type=int, default=1)
parser.add_argument("--until-eof", action="store_true")
parser.add_argument("--threads", type=int, default=1)
parser.add_argument("--timeout", type=float, default=10)
parser.add_argument("--pause", type=float, default=0.002)
parser.add_argument("--no-bodies", action="store_true")
parser.add_argument("url")
options = parser.parse_args()

opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
lock = threading.Lock()
left = options.count
ended = threading.Event()
sent = failed = 0
errors = []
answers = collections.Counter()


def take():
    global left
    if options.until_eof:
        return not ended.is_set()
    with lock:
        left -= 1
        return left >= 0


def work():
    global sent, failed
    while take():
        try:
            with opener.open(options.url, timeout=options.timeout) as answer:
                body, error = answer.read().decode(errors="replace"), None
        except OSError as problem:
            body, error = None, f"{type(problem).__name__}: {problem}"
        with lock:
            sent += 1
            if error:
                failed += 1
                if len(errors) < 10:
                    errors.append(error)
            elif not options.no_bodies:
                answers[body] += 1
        if options.until_eof:
            time.sleep(options.pause)


threads = [threading.Thread(target=work) for _ in range(options.threads)]
for thread in threads:
    thread.start()
if options.until_eof:
    sys.stdin.read()
    ended.set()
for thread in threads:
    thread.join()
json.dump({"sent": sent, "failed": failed, "errors": errors, "answers": answers}, sys.stdout)
