"""Every fault that this project promises something about: what breaks, and what holds then.

A row's tests carry its id (``@pytest.mark.fault("C5")``), wherever they stand; a test holds ids and rows against
each other. ``docs/faults.md`` is made of this list and of what the tests showed. Faults that were found on the
way, and what holds them now, are in ``found``.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Row:
    """``breaks``: what goes wrong; ``promise``: what an operator may rely on then."""

    id: str
    breaks: str
    promise: str


@dataclass(frozen=True, slots=True)
class Area:
    """Rows of one kind, in their order. ``letter`` begins their ids."""

    letter: str
    title: str
    rows: tuple[Row, ...]


CONTROLLER = Area(
    "C",
    "The controller is killed",
    (
        Row(
            "C1-C12",
            "SIGKILL after each Action of a deploy",
            "before the commit the old one, after it the new one",
        ),
        Row("C13", "SIGKILL after each Action of a rollback", "the one or the other release, healthy"),
        Row("C14", "a second SIGKILL at each Action of the recovery", "as with one kill"),
        Row("C15", "SIGKILL again and again while there is nothing to do", "no container is touched"),
        Row("C16", "SIGTERM in the middle of a deploy", "it is taken back within the grace, exit status 0"),
        Row("C17", "SIGSTOP for a while, then SIGCONT", "it looks again before it goes on"),
        Row("C18", "each call of the engine fails in turn", "compensated: one whole release, nothing left over"),
        Row("C19", "SIGKILL while history or sticker are written", "the old or the new content, never a mixture"),
        Row("C20", "the kernel kills it for want of memory", "as C15"),
    ),
)

ENGINE = Area(
    "E",
    "The engine",
    (
        Row("E1", "SIGKILL of engine and controller at each Action", "one whole release after the next start"),
        Row("E2", "SIGKILL of the engine, which leaves containers stopped", "started again by the next pass"),
        Row("E3", "a restart, with a kept previous container", "the previous one stays down"),
        Row("E4", "live-restore: a container dies while the engine is away", "noticed and healed"),
        Row("E5", "no socket at the start", "it waits, is not ready, then converges"),
        Row("E6", "the engine hangs", "calls time out, the health page answers, nothing is done twice"),
        Row("E7", "the event stream ends without a word", "the next timed look sees the change"),
        Row("E8", "the answer to a create or a start is lost", "no second container"),
        Row("E9", "an engine that is too old, or too new", "refused with the reason"),
        Row("E10", "containers and images are pruned by hand", "rebuilt; a way back stays possible"),
    ),
)

REGISTRY = Area(
    "R",
    "The registry",
    (
        Row("R1", "away before the pull", "the old release serves on; tried again with growing pauses"),
        Row("R2", "the connection is cut within a layer", "the pull fails within its own deadline"),
        Row("R3", "an altered manifest", "refused as not verified; no container is made"),
        Row("R4", "a manifest that is another image's, valid in itself", "refused"),
        Row("R5", "an altered layer", "refused"),
        Row("R6", "an altered config", "refused"),
        Row("R7", "a body that trickles without end", "ends at the pull's deadline; other documents go on"),
        Row("R8", "the tag points to another image, the digest is the same", "nothing happens"),
        Row("R9", "401, a wrong login, an expired token", "told as such, no credential is told"),
        Row("R10", "429 with Retry-After", "asked ever more seldom, told as such"),
        Row("R11", "index digest, platform digest, an index without this platform", "equal, equal, refused"),
        Row("R12", "an image for another platform", "refused before anything is stopped"),
        Row("R13", "an error in the stream, an older image has the tag", "fails; never the older image"),
    ),
)

DISK = Area(
    "D",
    "Disk and resources",
    (
        Row("D1", "the engine's disk is full during a pull", "the old release serves on, the room is given back"),
        Row("D2", "the engine's disk is full at the create", "the old release serves on"),
        Row("D3", "the disk of the state directory is full", "nothing is changed, not ready; heals by itself"),
        Row("D4", "the state directory is read-only", "nothing is changed, not ready; heals by itself"),
        Row("D5", "one fsync fails", "what was not written is never taken as written"),
        Row("D6", "no inodes are left", "refused, nothing left over"),
        Row("D7", "no file descriptors are left", "no crash of the host's containers; heals"),
        Row("D8", "no more processes may be started", "refused, nothing left over"),
    ),
)

CONTAINERS = Area(
    "K",
    "Containers",
    (
        Row("K1", "never healthy", "taken back at the deadline"),
        Row("K2", "healthy for three seconds, then dies", "taken back"),
        Row("K3", "exits at once with 0 or 1, or its command is missing", "taken back, with the reason"),
        Row("K4", "restarts for ever", "taken back, never called running"),
        Row("K5", "killed for want of memory while it is waited for", "taken back, told as such"),
        Row("K6", "unhealthy, long after the commit", "drift, and no deploy that nobody asked for"),
        Row("K7", "ignores SIGTERM", "killed at its own stop timeout"),
        Row("K8", "its host port is taken, by a container or a process", "the old release serves on"),
        Row("K9", "no probe program, no health check, a check longer than the deadline", "each has its own end"),
        Row("K10", "floods its log", "what is kept of it is bounded"),
        Row("K11", "paused, stopped, removed, renamed, limited by hand", "each is drift of its own, put right"),
        Row("K12", "its image is removed by hand", "the container serves on; a heal pulls it again"),
    ),
)

OWNERSHIP = Area(
    "O",
    "Ownership",
    (
        Row("O1", "somebody else's container has the name", "refused, untouched"),
        Row("O2", "somebody else's container has our labels", "foreign, untouched"),
        Row("O3", "a copy of our container, labels and all", "ours is the one that the history knows"),
        Row("O4", "a container of another controller", "foreign, untouched"),
        Row("O5", "adoption", "only on request"),
    ),
)

FILES = Area(
    "F",
    "Desired files",
    (
        Row("F1", "half written, cut off, empty, only blanks", "the last good document stays in force"),
        Row("F2", "no YAML, a byte order mark, another encoding, NUL", "the same; told with file and line"),
        Row("F3", "a key twice", "refused"),
        Row("F4", "one name in two files, one host port twice", "refused, other documents go on"),
        Row("F5", "an alias bomb", "refused at once"),
        Row("F6", "a file of 50 MB, a folder of many files", "refused by size, in bounded time"),
        Row("F7", "nesting a hundred thousand levels deep", "refused; the controller lives"),
        Row("F8", "22:22, 010, no, 1.10, dates", "what was written, or a clear error"),
        Row("F9", "links to elsewhere, link loops, FIFOs, devices", "passed over or refused, never waited for"),
        Row("F10", "the file, the folder or the mount is gone", "nothing is removed"),
        Row("F11", "the folder is replaced by another", "the new one is read"),
        Row("F12", "a link's goal changes elsewhere", "seen by the next timed look"),
        Row("F13", "a thousand edits a second", "one deploy, of the last"),
        Row("F14", "powers over the host", "refused by the host's policy"),
        Row("F15", "an edit back to a former release", "a rollback, as a new generation"),
        Row("F16", "a document of a newer version", "refused with the reason"),
    ),
)

STATE = Area(
    "S",
    "Stickers and state",
    (
        Row("S1", "the sticker is gone", "written again, told as drift"),
        Row("S2", "the sticker is cut, garbage, huge, a link", "written again or refused; never followed"),
        Row("S3", "a forged sticker", "told as forged, written again"),
        Row("S4", "the sticker's folder is read-only", "the container is fine, the sticker's absence is told"),
        Row("S5", "quotes, newlines, $(), four-byte characters in every field", "byte for byte, or refused"),
        Row("S6", "the history is deleted", "nothing is touched; it says what is there and how to go on"),
        Row("S7", "the history of yesterday is put back", "it does not go back to what it remembers"),
        Row("S8", "a history of an earlier version", "taken over"),
        Row("S9", "a damaged page in the history", "found at the start, nothing is touched, and how to go on"),
    ),
)

TIME = Area(
    "T",
    "Clocks",
    (
        Row("T1", "the clock jumps in the middle of a deploy", "order and deadlines are as without"),
        Row(
            "T2",
            "a certificate of the future, because the clock is behind",
            "told as the clock, before connecting",
        ),
        Row("T3", "another time zone, summer time", "UTC everywhere"),
        Row("T4", "the host sleeps (SIGSTOP)", "deadlines are looked at again"),
    ),
)

AUDIT = Area(
    "A",
    "The audit log",
    (
        Row("A1", "a byte of a line is changed", "the line is named"),
        Row("A2", "a line is removed", "the place is named"),
        Row("A3", "two lines change places", "the first of them is named"),
        Row("A4", "its end is cut", "a checkpoint that was kept elsewhere shows it"),
        Row(
            "A5",
            "no line can be written, or the log is taken away",
            "nothing is changed, not ready; heals by itself",
        ),
        Row(
            "A6",
            "a crash in the middle of a line, or between intent and outcome",
            "told as that; the chain goes on",
        ),
        Row("A7", "several write at once", "one after the other, in one chain"),
        Row("A8", "secrets in every field that people fill", "not in the log"),
    ),
)

MANY = Area(
    "M",
    "More than one",
    (
        Row("M1", "two controllers, one state directory", "the second ends and says who holds it"),
        Row("M2", "two controllers, two state directories, one engine", "the second leaves the first's alone"),
        Row("M3", "the lock file is deleted under its holder", "no second controller gets in unnoticed"),
        Row("M4", "two changes of one document at once", "one after the other"),
        Row("M5", "docker compose by hand on a project of ours", "drift; no fight without end"),
    ),
)

HOOKS = Area(
    "H",
    "Hooks",
    (
        Row("H1", "hangs", "killed at its timeout, its container removed"),
        Row("H2", "a fork bomb", "held by its limit"),
        Row("H3", "takes all memory", "killed in its sandbox"),
        Row("H4", "writes where it must not", "read-only"),
        Row("H5", "fills the disk", "its limit holds"),
        Row("H6", "reaches for the network", "there is none"),
        Row("H7", "reaches for secrets, the engine, the controller", "not there"),
        Row("H8", "floods its output", "bounded, ended"),
        Row("H9", "setuid, mounts, capabilities", "refused"),
        Row("H10", "fails; the controller is killed meanwhile", "its policy; not run twice unless idempotent"),
        Row("H11", "its image is missing or altered", "refused before anything is touched"),
    ),
)

PROJECTS = Area(
    "P",
    "Compose projects",
    (
        Row("P1", "a service cannot start", "the previous deployment is back, whole"),
        Row("P2", "docker compose is killed", "healed without a person"),
        Row("P3", "two folders of one name", "two projects"),
        Row("P4", ".env, override files, COMPOSE_ variables", "no effect"),
        Row("P5", "artifacts with absolute names, .., links", "refused"),
        Row("P6", "a service more, a service less, another repository", "refused"),
        Row("P7", "a service that exits; one that shall exit", "failed; fine"),
        Row("P8", "the lock file changes between verify and up", "what was verified is deployed, or refused"),
    ),
)

TASKS = Area(
    "N",
    "Between orchestrator and agent",
    (
        Row("N1", "a link over which nothing comes any more", "noticed after three intervals; begun anew"),
        Row("N2", "the orchestrator is away for long", "what runs stays, is healed, and answers are told later"),
        Row("N3", "a link that comes and goes each second", "few sessions; others are not held off by it"),
        Row(
            "N4", "a task comes twice, or another one under its key", "one effect, the same result twice; refused"
        ),
        Row("N5", "tasks come out of order", "a lower generation is refused"),
        Row("N6", "a task that was done is replayed, also after a restart", "no second effect"),
        Row("N7", "a task is expired, or expires at work", "dropped before its point of no return"),
        Row(
            "N8", "an orchestrator is put back from an old copy", "the agent's higher generation stays; it is told"
        ),
        Row("N9", "any byte or field of a signed task is altered", "refused"),
        Row("N10", "results or acknowledgements are lost", "sent until acknowledged; the newest is what is told"),
        Row("N11", "very many tasks, very large messages", "refused by bounds; all that is taken is answered"),
        Row("N12", "2,000 agents lose the orchestrator at once", "they come back as a trickle"),
        Row("N13", "unknown types, fields and extensions", "refused with the reason"),
        Row(
            "N14", "the orchestrator is killed at any moment, again and again", "each task has one effect and end"
        ),
    ),
)

IDENTITY = Area(
    "X",
    "Identity",
    (
        Row("X1", "no certificate, another authority's, expired, early, a server's, another role", "refused"),
        Row("X2", "revoked, a new connection or one that was kept", "refused with the next request"),
        Row("X3", "revoked, with a saved TLS session", "there is none to be taken up again"),
        Row("X4", "revoked or expired while a connection is open", "cut off within a heartbeat, at most a minute"),
        Row("X5", "credentials for another agent, task, generation or time", "do not open"),
        Row("X6", "an agent speaks for another, or asks for what is another's", "refused, and recorded"),
        Row("X7", "a join token twice, expired, of another authority", "refused; nothing secret is sent"),
        Row("X8", "an orchestrator asks for what the host does not allow", "refused by the agent"),
        Row("X9", "the root is replaced, with a kill at any write", "no outage; then the old one is refused"),
        Row("X10", "renewal fails for a day; a kill at any write of it", "a passport that works; told in time"),
        Row("X11", "the store of who is denied is away", "nobody is locked out, nobody denied comes in"),
    ),
)

LOAD = Area(
    "L",
    "Load and long runs",
    (
        Row("L1", "many documents, random faults of all kinds, hour after hour", "the oracle at each quiet point"),
        Row("L3", "a metrics page of many documents", "bounded labels, no secret"),
        Row("L4", "any order of deploy, crash, rollback, edit, prune, hand edits", "the oracle after each"),
    ),
)

AREAS = (
    CONTROLLER,
    ENGINE,
    REGISTRY,
    DISK,
    CONTAINERS,
    OWNERSHIP,
    FILES,
    STATE,
    TIME,
    AUDIT,
    MANY,
    HOOKS,
    PROJECTS,
    TASKS,
    IDENTITY,
    LOAD,
)
