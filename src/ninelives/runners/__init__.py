"""Runner managers: each starts, watches and stops runners in one kind of place. `manager` says what one is."""
