"""What orchestrator and agents say to each other, and what follows from it, without sockets or clocks.

    wire        text to values and back: limits, rules (schemas), canonical form, times
    message     the messages and what is in them, as frozen values
    (beside)    single decisions: states, admission, lanes, fences, logs, clock, presence, reconnecting
    session     the two sides: fed with messages and moments, they return messages and events

Nothing here waits, sends or keeps anything: who holds the socket also keeps, in this order, what events ask to be
kept, and only then sends. Times and chance are handed in.
"""
