"""Program 2: the controller of one host, which also takes documents and tasks from an orchestrator.

    place, enrolment, renewal      who we are, and how we came and stay to be it
    policy, signing                what may be asked of this host, and by whom; the host's own to say
    links, talk                    the session, over one transport after the other
    documents, deploys, looks      what is wished for becomes documents of the one loop; what is asked is answered
    contents, uploads, file_set    files of the sender's, below folders of the host's choice
    commands, telling, processes   commands of the host's choice, what they say, and their end for good
    credentials                    what is sealed in a task, opened for its work
    program                        composition root

What is to run becomes a document, and the controller's loop converges it as every other; nothing here makes,
changes or removes what serves. The host goes on alone while there is no orchestrator.
"""
