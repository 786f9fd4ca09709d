"""Routes: the pages of the fleet, from an address to the text of each. Asks the store, so it runs in a thread."""

from __future__ import annotations

from reconciler.orchestrator.pages.agent import agent_page
from reconciler.orchestrator.pages.document import document_page
from reconciler.orchestrator.pages.documents import DocumentFilter, documents_page
from reconciler.orchestrator.pages.filter import AgentFilter
from reconciler.orchestrator.pages.fleet import fleet_page
from reconciler.orchestrator.pages.parts import AGENTS, DOCUMENTS, ROLLOUTS, TASKS, breadcrumb, notices
from reconciler.orchestrator.pages.reading import Reading
from reconciler.orchestrator.pages.rollouts import rollouts_page
from reconciler.orchestrator.pages.tasks import TaskFilter, tasks_page
from reconciler.web.html import h
from reconciler.web.layout import Layout
from reconciler.web.routes import Answer, Asked, Routes


class FleetPages:
    """All there are. Each raises StateError."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading

    @property
    def routes(self) -> Routes:
        """By their paths."""
        made = {
            AGENTS: self.fleet,
            "/agents/{name}": self.agent,
            DOCUMENTS: self.documents,
            f"{DOCUMENTS}/{{name}}": self.document,
            ROLLOUTS: self.rollouts,
            TASKS: self.tasks,
        }
        return {path: self._reading.drawn.once(path, make) for path, make in made.items()}

    def fleet(self, layout: Layout, asked: Asked) -> Answer:
        """All agents."""
        return 200, fleet_page(layout, self._reading.fleet(), AgentFilter.of(asked.query))

    def agent(self, layout: Layout, asked: Asked) -> Answer:
        """One of them."""
        name = asked.named["name"]
        found, seen = self._reading.agent(name), self._reading.fleet()
        if found is None:
            return self._unknown(layout, f"the agent {name}", ("All agents", AGENTS))
        return 200, agent_page(layout, found, seen)

    def documents(self, layout: Layout, asked: Asked) -> Answer:
        """What is wished for."""
        found, seen = self._reading.documents(), self._reading.fleet()
        return 200, documents_page(layout, found, seen, DocumentFilter.of(asked.query))

    def document(self, layout: Layout, asked: Asked) -> Answer:
        """One document."""
        name = asked.named["name"]
        found, seen = self._reading.document(name), self._reading.fleet()
        if found is None:
            return self._unknown(layout, f"the document {name}", ("All documents", DOCUMENTS))
        return 200, document_page(layout, found, seen, asked.query)

    def rollouts(self, layout: Layout, asked: Asked) -> Answer:
        """What goes out in waves."""
        return 200, rollouts_page(layout, self._reading.rollouts(), self._reading.fleet(), asked.query)

    def tasks(self, layout: Layout, asked: Asked) -> Answer:
        """What agents were asked for."""
        chosen = TaskFilter.of(asked.query)
        counts, found = self._reading.tasks(**chosen.asked)
        return 200, tasks_page(layout, counts, found, self._reading.fleet(), chosen)

    def _unknown(self, layout: Layout, what: str, way: tuple[str, str]) -> Answer:
        seen, said = self._reading.fleet(), h("p", f"Nothing is known here of {what}.")
        content = (breadcrumb(*way), h("h1", "Not found"), notices(seen), said)
        return 404, layout.page("Not found", *content, now=seen.now, here=way[1])
