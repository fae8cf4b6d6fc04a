"""What an activity's error becomes when it crosses to the engine: permanent or passing by type, never with content."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from temporalio import activity
from temporalio.exceptions import ApplicationError, FailureError

from activities.pulse import pulse
from models.domain.errors import ExchangeError, Permanent

Given = ParamSpec("Given")
Result = TypeVar("Result")


def acts(method: Callable[Given, Result]) -> Callable[Given, Result]:
    """Make `method` an activity, which beats while it waits for a peer or the database.

    The engine hears soon when its process has died; each question in it must end by a timeout of its own.
    """

    @functools.wraps(method)
    def beating(*args: Given.args, **kwargs: Given.kwargs) -> Result:
        with pulse():
            return method(*args, **kwargs)

    return acts_at_its_own_pace(beating)


def acts_at_its_own_pace(method: Callable[Given, Result]) -> Callable[Given, Result]:
    """Make `method` an activity that beats itself as it gets on: when it stands still the engine hears that too.

    Its domain errors are retried (Passing) or not (Permanent) by their type. Any other error is reduced to its kind:
    its text could hold what a peer or person entered.
    """

    @functools.wraps(method)
    def crossing(*args: Given.args, **kwargs: Given.kwargs) -> Result:
        try:
            return method(*args, **kwargs)
        except ExchangeError as known:
            permanent = isinstance(known, Permanent)
            raise ApplicationError(
                str(known),
                type=type(known).__name__,
                non_retryable=permanent,
                next_retry_delay=known.again_after,
            ) from None
        except FailureError:
            raise
        except Exception as unknown:  # noqa: BLE001 - the border is where every error gets its kind
            activity.logger.warning("%s failed: %s", method.__name__, type(unknown).__qualname__)
            kind = f"{type(unknown).__module__}.{type(unknown).__qualname__}"
            raise ApplicationError(f"Unexpected: {kind}", type=kind) from None

    # Cancellation is looked for, not thrown in: an exception at any bytecode could tear an answer from its ledger.
    return activity.defn(name=method.__qualname__, no_thread_cancel_exception=True)(crossing)
