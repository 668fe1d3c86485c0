"""Charging cards through the payment provider."""

from decimal import Decimal


class Declined(Exception):
    """The provider declined the card."""


def charge(provider, customer, amount: Decimal, options={}):
    print("charging", customer, amount)
    answer = provider.post("/charges", customer=customer, amount=str(amount), currency="EUR", **options)
    if answer.status == "declined":
        raise Declined(answer.reason)
    return answer.id
