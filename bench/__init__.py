"""What the program costs: measured against the least that the engine's API takes, and against its peers, in one
run.

``model`` is what a suite finds, ``statistics`` what follows from it; ``terminal``, ``page`` and ``figure`` show
it: all of these are pure. ``turns`` and ``programs`` measure, ``ground`` has the engine and the documents,
``peers`` the others. Each file of ``suites`` registers itself; ``run`` is the program, ``watch`` sees to its
end.
"""
