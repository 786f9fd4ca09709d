"""An image that plays any service of any application: it stays whatever it is asked to run, and each health check
that asks one of the usual tools finds it well. What is plainly a job ends with 0.
"""

from __future__ import annotations

from tests.parts.images import Recipe

_STAY = """\
#!/bin/sh
case "$*" in
  */bin/true*|scan*|*createdb*) echo "job is done"; exit 0 ;;
esac
trap 'exit 0' TERM INT
sleep 1000000 &
wait $!
"""
_WELL = "#!/bin/sh\nexit 0\n"
_TOOLS = ("broker-diagnostics", "curl", "grep", "mysqladmin", "pg_isready", "redis-cli", "ss", "wget")

ANYTHING = Recipe(
    files={
        "app/stay": _STAY,
        "cron.sh": _STAY,
        "start.py": _STAY,
        "app/bin/psql": "#!/bin/sh\necho 0\n",
        **{f"app/bin/{tool}": _WELL for tool in _TOOLS},
    },
    config={"Entrypoint": ["/app/stay"], "Env": ["PATH=/app/bin:/bin"]},
)
