from billing.retries import TRIES, charge_with_retries


def test_gives_up_after_three_tries(declining_provider, scheduler):
    charge_with_retries(declining_provider, scheduler, "c-1", 10)
    assert scheduler.run_all() == TRIES - 1
