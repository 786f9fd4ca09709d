"""Faults that the tests found in this project, and the test that holds each of them now.

Nothing leaves this list: what was wrong once is what will be wrong again.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Found:
    """``row``: of the catalogue. ``wrong``: what happened. ``held_by``: the test, ``file::name`` below tests/."""

    row: str
    wrong: str
    held_by: str


FOUND: tuple[Found, ...] = (
    Found(
        "C17",
        "a release that its document no longer asked for when its pull had ended was deployed all the "
        "same, and replaced at once",
        "controller/test_service.py::test_a_release_that_is_not_wanted_any_more_after_its_pull_is_not_begun",
    ),
    Found(
        "C19",
        "a kill between the fsync and the rename of a sticker left its temporary file beside it for good",
        "faults/test_torn_writes.py::test_killed_while_history_or_sticker_are_written",
    ),
    Found(
        "D3",
        "with a full or read-only state directory a deploy pulled its image and what was put right in "
        "place was changed without a record; /readyz said ready",
        "controller/test_controller.py::test_the_controller_outlives_a_history_that_cannot_be_written_an"
        "d_works_on_afterwards",
    ),
    Found(
        "S6",
        "a history that was removed under the running controller was written to all the same, and all of"
        " it was lost",
        "history/test_database.py::test_a_file_that_is_taken_away_while_it_is_open_is_noticed",
    ),
    Found(
        "S7",
        "under a history of yesterday a project was brought back to the release that it remembered, as "
        "soon as its document waited for another or was refused",
        "core/compose/test_older_history.py::test_what_the_history_remembers_is_not_brought_back_while_t"
        "he_document_waits",
    ),
    Found(
        "S6",
        "a container of a history that was lost was called a stranger's, and to remove it the first advice",
        "core/test_older_history.py::test_a_container_of_a_history_that_was_lost_is_told_as_such_and_adopted",
    ),
    Found(
        "E6",
        "a container that was created while the engine stopped answering was taken back, and then never "
        "known as ours again: it stayed for good, and its document was shown as out of sync",
        "core/test_never_worse.py::test_what_was_created_unheard_is_ours_and_goes_wherever_that_is_interrupted",
    ),
    Found(
        "D5",
        "a release during whose deploy an fsync of the history failed was quarantined, as if it were at fault",
        "controller/test_conclude.py::test_a_disk_that_takes_nothing_never_quarantines_a_release",
    ),
    Found(
        "E9",
        "a release was held to be at fault, and `reconciler_engine_up` stayed 1, when the engine under "
        "the running controller was replaced by one too old to speak with",
        "faults/test_engine_versions.py::test_a_running_controller_leaves_an_engine_alone_that_was_repla"
        "ced_by_an_older_one",
    ),
    Found(
        "E9",
        "an answer to /version that was JSON but no object ended in a bug report, and one without a "
        'version was told to speak "API 0.0 at most"',
        "faults/test_engine_versions.py::test_what_tells_no_version_is_told_to_be_no_engine",
    ),
    Found(
        "E9",
        "engine 26.1 answers a stop before its list of containers knows of it: what had just been "
        "stopped was still listed as running",
        "contracts/test_engine_lives.py::test_what_was_stopped_is_listed_as_stopped_at_once",
    ),
    Found(
        "M3",
        "a controller whose lock file had been removed acted no more, but stayed, ready and silent",
        "faults/test_many.py::test_a_controller_whose_lock_file_is_removed_ends_and_leaves_the_host_to_the_next",
    ),
    Found(
        "K10",
        "what Docker Compose had written before its output was limited was read to its end, which on a "
        "busy machine took for ever",
        "compose/test_program.py::test_what_was_written_before_the_limit_was_set_is_not_read_beyond_it",
    ),
    Found(
        "P7",
        "what a failing service of a project printed of its secret was told in errors, status and history",
        "e2e/compose/test_project_secrets.py::test_what_a_failing_service_says_of_its_secret_is_masked",
    ),
    Found(
        "O2",
        "a label `stella.generation` of thousands of digits on a stranger made every look at its document fail",
        "core/test_older_history.py::test_labels_that_say_no_generation_are_a_stranger_s",
    ),
    Found(
        "F1",
        "`apply NAME` exited with 0 although the file of that document could not be read",
        "cli/test_apply_command.py::test_a_named_document_that_cannot_be_read_is_an_error",
    ),
    Found(
        "M3",
        "a controller that had lost its lock in the middle of a deploy quarantined the release for what the next "
        "one did",
        "controller/test_conclude.py::"
        "test_who_loses_the_lock_in_the_middle_of_a_deploy_holds_nothing_against_its_release",
    ),
    Found(
        "K10",
        "an engine that calls a container stopped under an update ended the taking back of its release",
        "engine/test_refusals.py::test_a_change_of_a_container_that_ends_meanwhile_is_tried_again_a_few_times",
    ),
    Found(
        "C1-C12",
        "a release that was taken back showed as Failed for ever where the controller was killed before it saw "
        "the former container healthy",
        "core/test_judge.py::"
        "test_a_release_that_was_taken_back_is_rolled_back_wherever_the_controller_died_meanwhile",
    ),
    Found(
        "A1",
        "a line of the audit log could be edited unseen, also one that was signed: the hash that was checked could"
        " stand within another member",
        "audit/test_verify.py::test_a_hash_that_stands_elsewhere_in_a_line_is_not_the_line_s",
    ),
    Found(
        "A1",
        "one changed byte in the first line of a file of the audit log ended the controller, at each start",
        "audit/test_verify.py::test_a_line_of_other_types_is_none",
    ),
    Found(
        "E8",
        "a body of the engine's that was cut before its length was taken for whole where it was read in parts",
        "engine/test_unix_transport.py::test_a_body_that_is_cut_is_never_taken_for_whole",
    ),
    Found(
        "F15",
        "a rollback task to the release that served already, after one that had failed, was answered as done, "
        "and the failed release was deployed once more",
        "e2e/fleet/test_whole_fleet.py::test_tasks_are_carried_out_and_answered",
    ),
    Found(
        "N12",
        "each agent that was gone before it was answered left an error with a stack in the orchestrator's log",
        "orchestrator/test_streams.py::test_an_agent_that_vanishes_before_it_is_answered_is_no_fault",
    ),
    Found(
        "N1",
        "a task whose link was lost while it was kept stayed at work, and was not begun until the agent's next "
        "start",
        "agent/test_together.py::test_who_stops_waiting_stops_nothing",
    ),
    Found(
        "N11",
        "an agent sent what was not acknowledged anew every 15 s, also while it still waited to be sent: the "
        "slower an orchestrator, the more it was given to do",
        "protocol/test_sessions.py::test_a_link_that_takes_little_is_not_given_the_same_twice",
    ),
    Found(
        "E2",
        "of a command that was cut off in the middle of a line, as by the engine's death, the part of a secret "
        "that had been said was told",
        "agent/test_telling.py::test_of_a_command_that_was_cut_off_no_part_of_a_secret_is_told",
    ),
    Found(
        "N10",
        "where a piece of a task's log could not be written and the next one could, the first was lost, and "
        "acknowledged in the next session",
        "orchestrator/test_cost.py::test_what_follows_what_could_not_be_kept_is_not_kept_either",
    ),
    Found(
        "N7",
        "files of the release that a deploy goes back to when its time is up could be removed while it was at "
        "work: the host stayed with the new release, and the task was answered as taken back",
        "agent/test_course.py::test_files_of_the_release_that_it_may_go_back_to_stay_until_it_is_over",
    ),
    Found(
        "E2",
        "a container of which a killed engine had left something in its own folders was started again and again, "
        "which that engine refuses for ever: its document stayed down until somebody removed it",
        "e2e/test_resilience.py::test_what_a_crashed_engine_can_never_start_again_is_replaced",
    ),
    Found(
        "E2",
        "a kept container that such an engine refuses to start quarantined its release, which was at no fault",
        "core/test_startable.py::test_one_that_is_kept_says_nothing_about_its_release",
    ),
    Found(
        "K11",
        "a container that somebody removed or paused while its deploy waited for its health quarantined its "
        "release, which was at no fault",
        "core/test_attacks.py::"
        "test_what_somebody_does_to_a_container_during_its_wait_is_not_held_against_its_release",
    ),
)
