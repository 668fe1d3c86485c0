"""What customers are told."""

PAYMENT_FAILED = """\
Hello {name},

your card was declined. We will try again tomorrow; you need not do anything.
"""


def payment_failed(mailer, customer):
    mailer.send(customer.email, "Your payment", PAYMENT_FAILED.format(name=customer.name))
