"""The program ``docker compose`` v2, as a child process: what it is told, and what its words mean.

Decides nothing about projects; knows no document and no engine of its own. What was measured with Compose 2.26.1
on engine 20.10, and what this room and its callers rely on:

- ``up --no-start`` creates, recreates and removes, and starts nothing, with one exception: it tries to start a
  container that is paused or dead, and fails ("cannot start a paused container"). Unpause first.
- A container that was renamed by hand is still its service's; it is left alone as long as the service is
  unchanged, and its replacement gets the right name. Stopped ones, and jobs that ended, stay as they are.
- Networks and volumes that are missing are made. A container that is stopped keeps the id of a network that was
  removed and made anew, and can't be started; one that was disconnected by hand stays so: recreate them.
- A network or volume whose definition changed is left as it is, silently, up to 2.31. Later versions recreate such
  a network, and ask before they would remove a volume: standard input is empty here, which means no.
- ``--force-recreate --no-deps SERVICE`` looks at these services only: others that are missing stay missing, and a
  service that shares another's namespace fails where that one has no container, and keeps the old one's id where
  that one is recreated. Hence an ordinary run before and after it.
- A service of ``network_mode: service:x`` is recreated with x by an ordinary run.
- Killed with SIGKILL while it replaces a container, it leaves the replacement in state ``created``, called
  ``<short id of the old one>_<name>``, with the label ``com.docker.compose.replace``; the old container runs, or
  is stopped, or is gone; services not reached yet are untouched. With the old container there,
  the next ``up`` fails with a name conflict until the replacement was removed; with the old one gone, it takes the
  replacement as it is, with that name: rename it. After either it succeeds.
  The engine goes on with the last request of a killed run: what it leaves may appear, or go, a moment later.
- ``down`` needs no file: with the project's name alone it finds everything by labels, in the order of needs.
- It ends with 0 although a network stays because a stranger's container is on it.
- ``config`` asks no engine.
"""
