"""The spider's process, from the gate to its exit code. The same for cold and warm starts."""

import os
import sys

from scrapyd_service.output import make_output_safe


def run(seat, teacher=None):
    """Runs the spider (or the project's own runner) and returns the exit code."""
    job = seat.job
    if job["runnerModule"] is None:
        # While the supervisor puts the start on record. Nothing of the project is imported by this.
        from scrapyd_service import crawler  # noqa: F401
    seat.enter()
    os.chdir(job["projectDir"])
    sys.path.insert(0, job["projectDir"])
    make_output_safe()
    if job["runnerModule"] is not None:
        return _run_module(job)
    return _run_spider(seat, teacher)


def _run_spider(seat, teacher):
    from scrapyd_service.crawler import crawl

    sys.argv = ["scrapy", "crawl", seat.job["spider"]]
    return crawl(seat, teacher)


def _run_module(job):
    """As `python -m NAME crawl SPIDER …`, in this very process, so that the arguments need not fit into a command line."""
    from runpy import run_module

    from scrapyd_service.job_settings import settings_of

    sys.argv = [job["runnerModule"], "crawl", job["spider"]]
    for name, value in settings_of(job).items():
        sys.argv += ["-s", f"{name}={value}"]
    for name, value in {**job["args"], "_job": job["jobId"]}.items():
        sys.argv += ["-a", f"{name}={value}"]
    run_module(job["runnerModule"], run_name="__main__", alter_sys=True)
    return 0
