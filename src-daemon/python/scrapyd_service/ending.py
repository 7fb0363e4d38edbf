"""Ends a forked process as the interpreter would end: nothing that was left to the end is lost.

Not by the interpreter's own way, which takes apart every object of the warm process: that would copy its whole memory.
"""

import _io
import atexit
import gc
import io
import os
import signal
import sys
import threading


def end_with(work):
    """Runs `work` and ends this process with the exit code that it returns, or as Python ends after what it raises."""
    interrupted = False
    try:
        code = work()
    except SystemExit as leaving:
        code = _exit_code(leaving.code)
    except KeyboardInterrupt:
        sys.excepthook(*sys.exc_info())
        interrupted = True
        code = 1
    except BaseException:
        sys.excepthook(*sys.exc_info())
        code = 1
    for step in (threading._shutdown, atexit._run_exitfuncs, gc.collect, _close_files):
        try:
            step()
        except BaseException:
            sys.excepthook(*sys.exc_info())
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except Exception:
            # Closed, or a full disk: there is nowhere left to say so.
            pass
    if interrupted:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)
    os._exit(code & 0xFF)


def _exit_code(code):
    if code is None:
        return 0
    if isinstance(code, int):
        return code
    print(code, file=sys.stderr)
    return 1


def _close_files():
    """Files that the project never closed: the interpreter would, and so write what is in their buffers."""
    standard = {id(stream) for stream in (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__)}
    # The base in C: asking an abstract class about every object takes milliseconds.
    files = [entry for entry in gc.get_objects() if isinstance(entry, _io._IOBase) and id(entry) not in standard]
    # Text before bytes before descriptors: each writes into the next.
    for kind in (io.TextIOBase, io.BufferedIOBase, io.IOBase):
        for file in files:
            if isinstance(file, kind):
                try:
                    if not file.closed and file.writable() and not _is_standard(file):
                        file.close()
                except Exception:
                    pass


def _is_standard(file):
    try:
        return file.fileno() <= 2
    except (OSError, AttributeError, ValueError):
        return False
