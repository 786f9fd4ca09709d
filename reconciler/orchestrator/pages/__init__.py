"""The fleet's status page: read-only, made from the store and from what is wished for, in a host's page's frame.

    facts      what the pages are made from
    condition  in one word, how a document stands on a host
    standing   from what is kept to what is shown, worst first
    reading    asks the store: few questions for a page, however many agents there are
    drawn      pages that were made just now, for whoever asks for the same
    filter     which agents are shown
    fleet, agent, documents, document, tasks, rollouts    the pages
    routes     from an address to a page
    opening    who may see them, and how they are kept up to date

All but ``reading`` and ``opening`` is pure.
"""
