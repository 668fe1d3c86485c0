"""What the payment provider tells us."""

import json


def on_payment_failed(request, queue):
    payload = json.loads(request.body)
    print(payload)
    queue.put(("payment_failed", payload["customer"], payload["amount"], payload["currency"], payload["reason"]))
    return 204
