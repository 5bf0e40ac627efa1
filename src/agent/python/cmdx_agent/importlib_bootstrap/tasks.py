"""Tasks of asyncio: each carries the place that made it, from where its stack goes on."""
from sys import _getframe

from cmdx_agent import record, stacks
from cmdx_agent.record import strip


def patch(module):
    """The one place where the standard library's event loops make tasks."""
    original = module.BaseEventLoop.create_task

    def create_task(self, *arguments, **keywords):
        before = _enter()
        try:
            task = original(self, *arguments, **keywords)
        except BaseException as error:
            strip(error)
            raise
        finally:
            if before is not None:
                stacks.origin.reset(before)
        if self.get_debug():
            _leave_out(task)
        return task

    module.BaseEventLoop.create_task = record.dress(create_task, original)


def _enter():
    try:
        return stacks.origin.set(stacks.task_origin(_getframe(2)))
    except Exception as error:
        record.give_up(error)
        return None


def _leave_out(task):
    """In debug mode a task tells where it was made: by the program, not by the wrapper."""
    lines = getattr(task, "_source_traceback", None)
    if lines and lines[-1].filename == __file__:
        del lines[-1]
