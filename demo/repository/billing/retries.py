"""Charging again after a failed payment."""

import datetime

from billing.cards import Declined, charge

#: Days between a declined charge and the next try.
DAYS_BETWEEN = 1
TRIES = 3


def charge_with_retries(provider, scheduler, customer, amount, tried=0):
    try:
        return charge(provider, customer, amount)
    except Declined:
        if tried + 1 == TRIES:
            raise
    when = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=DAYS_BETWEEN)
    scheduler.at(when, charge_with_retries, provider, scheduler, customer, amount, tried=tried + 1)
    return None
