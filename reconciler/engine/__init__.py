"""The Docker host: the only room that knows the Docker SDK and the engine's JSON.

``client.DockerEngine`` is the real ``core.interfaces.Engine``; ``observe.Observer`` takes snapshots with as few
calls as possible. Everything else here serves these two.
"""
