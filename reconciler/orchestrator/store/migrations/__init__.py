"""How the tables come to be on a disk: alembic's scripts, which travel with the program."""
