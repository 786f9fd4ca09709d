"""The orchestrator: one program that tells many agents what is wished for, and knows what became of it.

    store       what must not be forgotten: agents, invitations, the denied, tasks, logs, assignments, events
    (beside)    lines to agents (one each), endpoints for agents and for people, enrolment, the program itself

A host goes on alone: without the orchestrator nothing new is rolled out and nothing is recorded here, and all that
runs stays as it is. It needs the extra ``orchestrator`` (SQLAlchemy, alembic), which is imported when it runs.
"""
