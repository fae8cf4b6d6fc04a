"""What the engine says when it does not do a thing, as errors of our own tree."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from temporalio.client import RPCTimeoutOrCancelledError, WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode

from models.domain.errors import NotAllowed, NotFound, PeerUnreachable

Answer = TypeVar("Answer")
AWAY = "The engine is not answering."


@contextmanager
def in_our_words() -> Iterator[None]:
    """Raises PeerUnreachable when what happened is unknown, NotAllowed or NotFound when nothing did."""
    try:
        yield
    except (TimeoutError, RPCTimeoutOrCancelledError):
        raise PeerUnreachable(AWAY) from None
    except WorkflowUpdateFailedError as failed:
        cause = failed.cause
        words = cause.message if isinstance(cause, ApplicationError) else "The engine could not do that."
        raise NotAllowed(words) from None
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND and "completed" in error.message:
            raise NotFound("That has ended already; reload the page to see how.") from None
        # What the engine has never heard of, or has lost, is started by the sweep; until then the word waits.
        raise PeerUnreachable(AWAY) from None
    except RuntimeError as error:
        # The SDK says so when the very first connection fails.
        if "connect" not in str(error).lower():
            raise
        raise PeerUnreachable(AWAY) from None


async def while_wanted(asking: Coroutine[Any, Any, Answer]) -> Answer:
    """What `asking` answers. Once nobody waits for it any more its end is no error of anybody's.

    The SDK makes an error of its own of a cancelled update, which asyncio would log with a traceback.
    """
    try:
        return await asking
    except Exception:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise asyncio.CancelledError from None
        raise
