//! Every case by its group: each is listed here once, and becomes one named test wherever the suite
//! runs.

/// What every store proves.
#[doc(hidden)]
#[macro_export]
macro_rules! __store_groups {
    ([$run:ident] [$make:expr]) => {
        $crate::__store_cases! { [$run] [$make]
            basics {
                an_inserted_record_is_loaded_as_it_was
                a_record_is_loaded_with_the_stamp_of_its_subject
                an_unknown_id_is_not_there_and_asking_does_not_make_it
                a_second_record_of_one_id_is_refused_and_changes_nothing
                an_id_with_a_tombstone_is_not_given_again
                a_record_with_every_part_comes_back_whole
                a_session_without_any_end_comes_back_without_one
            }
            compare_and_swap {
                a_commit_moves_the_version_by_one
                a_commit_on_an_old_version_is_a_conflict_that_shows_the_record
                a_commit_on_a_version_that_is_yet_to_come_is_a_conflict
                a_commit_against_a_tombstone_is_a_conflict_that_shows_it
                a_commit_that_knows_the_tombstones_version_is_refused_all_the_same
                a_commit_of_what_is_not_there_creates_nothing
                a_commit_of_what_was_swept_creates_nothing
                a_commit_under_an_epoch_that_moved_stores_nothing
                a_commit_of_a_record_with_a_subject_needs_an_epoch
                a_kept_session_goes_on_under_the_new_epoch
                a_commit_that_names_the_subject_needs_the_epoch_to_stand
                a_commit_that_names_a_subject_nobody_knows_is_refused
                a_session_is_listed_from_the_commit_on_that_names_its_subject
                a_session_bound_late_obeys_its_subjects_epoch
                the_subject_of_a_record_never_changes
            }
            end_and_use {
                an_end_needs_no_version_and_answers_what_was
                a_tombstone_says_who_and_why
                a_second_end_changes_nothing
                an_end_of_what_is_not_there_is_gone
                an_expired_session_can_still_be_ended
                a_use_moves_last_seen_forward_only_and_no_version
                a_use_counts_for_the_current_generation_alone
                of_what_is_not_live_no_use_is_noted
                a_use_is_noted_of_what_is_there_and_not_of_what_was_seen
                a_use_in_the_last_millisecond_keeps_an_idle_session_alive
                uses_of_a_kept_session_are_noted_after_the_bump
                a_counter_goes_up_to_its_limit_and_no_further
                counters_are_spent_all_or_none_and_with_them_the_whole_use
                noted_uses_survive_a_commit_that_was_decided_before_them
                the_use_of_a_generation_does_not_pass_to_the_next
                an_end_keeps_the_uses_and_what_the_session_was
            }
            requests {
                a_request_is_opened_approved_and_exchanged_in_one_row
                a_denied_request_stays_denied
                of_two_decisions_the_first_stands
                a_second_exchange_is_a_conflict_and_ends_nothing
                an_approval_needs_the_epoch_to_stand
                an_approved_request_dies_with_its_subjects_epoch
                a_request_that_was_ended_becomes_no_session
                a_request_ends_by_itself_and_is_swept
                an_approved_request_is_listed_under_its_subject
            }
            devices {
                a_slot_answers_its_live_holder_and_stores_nothing
                devices_have_a_slot_each
                a_live_holder_is_ended_when_asked
                an_expired_holder_is_replaced_in_silence
                an_ended_holder_is_replaced
                a_session_leaves_the_slot_when_it_gets_a_subject
                a_session_leaves_the_slot_when_it_gets_a_factor
                a_session_keeps_the_slot_through_other_commits
                a_session_born_with_a_subject_takes_no_slot
                the_slot_of_a_swept_holder_is_free
                sweeping_an_old_holder_does_not_free_the_slot_of_the_new_one
            }
            caps {
                the_oldest_session_goes
                the_session_that_was_used_longest_ago_goes
                one_more_is_refused_and_stores_nothing
                who_goes_is_unlisted_and_logged
                who_went_is_answered_with_its_tombstone
                a_lower_cap_lets_several_go
                what_is_not_live_does_not_count
                impersonations_neither_count_nor_go_nor_push_out
                subjects_do_not_share_a_cap
                a_commit_that_names_the_subject_keeps_the_cap
                a_commit_that_the_cap_refuses_leaves_the_session_without_subject
                sessions_bound_late_count_and_go_like_others
                an_exchange_keeps_the_cap
                a_refresh_under_a_full_cap_pushes_nobody_out
            }
            epochs {
                a_subject_is_known_from_the_first_look_on
                a_record_of_a_subject_nobody_knows_is_refused
                a_record_of_a_subject_that_was_unknown_begins_it_until_something_is_revoked
                a_record_under_an_epoch_that_moved_is_refused
                a_bump_ends_every_session_of_its_subject_and_no_other
                a_bump_spares_the_session_it_keeps
                a_bump_can_keep_a_session_that_was_bound_late
                a_bump_that_would_keep_what_is_not_live_changes_nothing
                what_one_bump_ended_no_other_revives
                an_epoch_only_grows_even_when_the_clock_goes_back
                a_bump_of_a_subject_nobody_knows_is_above_every_epoch_of_its_time
                floors_only_rise
                a_floor_ends_no_session
                a_bump_and_floors_are_one_act
                a_bump_keeps_the_floors
            }
            adoption {
                a_record_that_adopts_comes_under_the_epoch_that_its_subject_has
                a_record_that_adopts_makes_its_subject_known
                a_record_that_adopts_is_capped_like_any_other
                a_record_that_adopts_and_has_no_subject_is_like_any_other
                many_first_records_that_adopt_come_under_one_epoch
                a_record_that_adopts_beside_a_bump_is_dead_or_under_the_new_epoch
            }
            revocation_log {
                an_empty_log_has_no_entries
                an_end_is_logged_with_the_time_from_which_nobody_needs_to_know
                a_bump_is_logged_with_its_epoch_and_whom_it_kept
                a_floor_is_logged_with_its_time
                a_superseded_holder_of_a_device_is_logged
                the_log_is_read_page_by_page_and_skips_nothing
                a_cursor_at_the_end_gets_what_comes_next
                a_cursor_that_no_store_made_starts_anew
                a_reset_goes_on_from_the_end
            }
            listing {
                pages_are_complete_from_the_oldest_to_the_newest
                pages_are_complete_from_the_newest_to_the_oldest
                a_full_page_says_whether_another_may_follow
                a_page_goes_on_after_a_record_that_is_gone
                a_range_of_birth_has_its_beginning_and_not_its_end
                ids_select_what_they_name_once
                no_ids_select_nothing
                sessions_are_found_by_what_they_carry
                a_device_lists_sessions_that_no_longer_hold_its_slot
                what_has_a_tombstone_is_not_listed_and_what_is_dead_otherwise_is
                listed_records_come_with_the_stamp_of_their_subject
                a_subject_with_many_sessions_lists_them_all
            }
            sweeping {
                a_record_is_kept_a_while_after_its_end
                what_is_swept_comes_with_the_stamp_of_its_subject
                live_records_are_never_swept
                use_puts_the_sweep_off
                a_commit_that_moves_the_end_moves_the_sweep
                a_sweep_takes_no_more_than_asked_and_says_that_there_is_more
                a_tombstone_is_kept_until_the_session_would_have_ended
                the_tombstone_of_an_endless_session_is_kept_for_thirty_days
                a_swept_session_leaves_the_lists
                an_epoch_outlives_every_record_that_names_it
                a_tombstone_alone_keeps_the_epoch
                a_forgotten_subject_never_gets_an_old_epoch_back
                a_login_under_way_is_refused_or_lives_when_its_subject_is_swept
                what_is_known_of_an_actor_is_kept_while_a_record_names_it
                a_swept_id_is_free_of_its_past
            }
            tenancy {
                another_tenants_record_is_not_there
                one_id_in_two_tenants_is_two_records
                a_bump_does_not_reach_another_tenant
                a_session_of_another_tenant_cannot_be_kept
                pairs_that_read_the_same_joined_stay_apart
                devices_of_two_tenants_do_not_meet
                caps_of_two_tenants_do_not_meet
                a_list_shows_one_tenant
            }
            limits {
                naughty_names_come_back_byte_for_byte
                names_that_look_alike_are_different_names
                the_largest_record_of_all_comes_back_whole
                the_longest_names_are_kept_apart_to_their_last_character
                the_longest_names_find_their_sessions
                the_first_and_the_last_times_keep_their_order
                questions_at_their_bounds_are_answered
            }
            races {
                one_of_many_commits_on_one_version_wins
                one_of_many_ends_is_the_end
                one_of_many_inserts_of_an_id_is_the_record
                one_of_many_exchanges_is_the_session
                an_end_wins_against_every_commit
                an_end_wins_against_every_noted_use
                many_spenders_never_pass_the_limit
                no_noted_use_is_lost_to_commits
                a_hundred_logins_against_five_leave_five_when_the_oldest_goes
                a_hundred_logins_against_five_leave_five_when_the_least_used_goes
                a_hundred_logins_against_five_leave_five_when_the_rest_is_refused
                late_bindings_against_a_cap_leave_as_many_as_it_says
                one_of_many_inserts_takes_the_devices_slot
                many_replacements_of_a_device_leave_one_session
                many_first_looks_at_a_subject_see_one_epoch
                a_login_beside_a_bump_is_refused_or_dead_or_listed
                a_late_binding_beside_a_bump_is_refused_or_dead_or_listed
                many_bumps_that_keep_their_own_session_leave_one_alive
                every_bump_of_many_moves_the_epoch
                a_reader_of_the_log_beside_writers_misses_nothing
                a_sweep_beside_logins_and_ends_takes_only_the_dead
                of_many_sweeps_one_answers_a_record
            a_list_beside_logins_and_ends_shows_all_who_stay
            calls_that_need_each_others_records_do_not_wait_for_ever
            }
            cancellation {
                an_insert_that_is_dropped_is_there_and_listed_or_not_there
                an_insert_that_is_dropped_pushes_nobody_out_for_nothing
                an_insert_that_is_dropped_leaves_a_device_one_session
                a_commit_that_is_dropped_moves_all_or_nothing
                a_late_binding_that_is_dropped_is_listed_and_capped_if_it_happened
                an_end_that_is_dropped_is_logged_if_it_happened
                a_use_that_is_dropped_is_noted_whole_or_not_at_all
                a_bump_that_is_dropped_is_whole_and_logged_if_it_happened
                a_sweep_that_is_dropped_leaves_records_whole_or_gone
                reads_that_are_dropped_leave_no_trace
                calls_that_are_dropped_in_numbers_leave_the_store_at_work
            }
            errors {
                a_change_of_subject_is_an_error_that_names_nobody
                a_change_under_another_key_is_an_error_and_stores_nothing
                nothing_is_born_ended
                a_store_shows_nothing_of_what_it_keeps
            }
        }
    };
}

/// What a store proves that outlives its handles.
#[doc(hidden)]
#[macro_export]
macro_rules! __durable_groups {
    ([$make:expr]) => {
        $crate::__store_cases! { [run_durable] [$make]
            two_handles {
                what_one_handle_writes_the_other_reads
                a_bump_on_one_handle_is_known_to_the_other_at_once
                of_many_commits_over_two_handles_one_wins
                a_cap_holds_over_two_handles
                a_device_has_one_slot_over_two_handles
                an_end_on_one_handle_wins_against_the_commits_of_the_other
                a_reader_of_the_log_on_one_handle_misses_nothing_of_the_other
                two_handles_that_sweep_answer_each_record_once
            }
            reopening {
                a_durable_store_says_that_it_survives_a_restart
                records_come_back_as_they_were
                what_was_revoked_stays_revoked
                an_epoch_goes_on_where_it_was
                slots_and_caps_hold_over_a_restart
                the_log_is_read_on_after_a_restart
                what_ended_while_the_place_was_closed_is_swept
                what_was_refused_is_not_there_after_a_restart_either
            }
            damage {
                a_row_that_cannot_be_read_is_an_error_and_never_a_default
                a_row_cut_anywhere_is_an_error
                a_row_that_holds_another_record_is_damaged
                nothing_is_done_to_a_row_that_cannot_be_read
                a_list_reports_a_damaged_row_and_goes_on
                a_damaged_row_keeps_nobody_out
                a_subject_with_a_damaged_row_can_be_revoked
                a_sweep_goes_past_a_damaged_row
                the_error_of_a_damaged_row_has_a_source_and_shows_nothing_of_it
            }
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __store_cases {
    ([$run:ident] [$make:expr] $($group:ident { $($case:ident)* })*) => {$(
        mod $group {
            #[allow(unused_imports)]
            use super::*;
            $(
                #[test]
                fn $case() {
                    $crate::testing::suite::$run($make, $crate::testing::suite::$group::$case);
                }
            )*
        }
    )*};
}
