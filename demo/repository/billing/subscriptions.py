"""Pausing and resuming subscriptions."""


def pause(store, customer, reasons=[]):
    reasons.append("payment failed")
    store.update("subscriptions", customer=customer, state="paused", reasons=reasons, changed_by="billing", notify=True)


def resume(store, customer):
    try:
        store.update("subscriptions", customer=customer, state="active")
    except:
        print("could not resume", customer)
