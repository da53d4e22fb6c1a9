//! The inbox's promises, the same on every database.

mod claims;
mod database;
mod fitness;
mod model;
mod operators;
mod plans;
mod retries;
mod values;

use database::{mariadb, postgres, sqlite};

/// The promises as tests, in one module for each database.
macro_rules! promises {
    ($($promise:ident)*) => {
        promises! { @module postgres on_postgres $($promise)* }
        promises! { @module mariadb on_mariadb $($promise)* }
        promises! { @module sqlite on_sqlite $($promise)* }
    };
    (@module $database:ident $module:ident $($promise:ident)*) => {
        mod $module {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $promise() {
                let test = concat!(stringify!($module), "::", stringify!($promise));
                if let Some(fixture) = super::$database(test).await {
                    fixture.$promise().await;
                }
            })*
        }
    };
}

// SQLite does not tell what it reads, and prepares each statement without statistics.
promises! { @module postgres on_postgres_tables walks_over_no_parked_events_of_another_key }
// In the others `now()` is the time of a statement.
promises! { @module postgres on_postgres_clocks tries_no_event_that_was_due_after_its_transaction_had_begun }
promises! { @module mariadb on_mariadb_tables walks_over_no_parked_events_of_another_key }

promises! {
    tells_new_events_from_those_that_it_knows
    keeps_groups_keys_and_topics_apart
    answers_by_the_outcome_of_another_transaction
    sees_the_events_that_wait_by_then_whatever_the_default_level
    leaves_a_connection_as_it_was_whatever_a_handler_did_with_it
    takes_many_at_once
    takes_many_in_the_order_of_their_ids
    takes_many_at_once_from_two_sides
    tries_the_first_event_of_a_key_alone
    writes_failures_down
    gives_an_event_a_time_that_was_parked_while_the_first_one_left
    never_tries_an_event_before_one_in_front_of_it_that_is_being_handled
    gives_an_event_a_time_that_was_parked_while_the_first_one_died
    holds_a_key_until_its_letter_is_dealt_with
    forgets_in_steps_and_keeps_what_is_parked
    has_every_effect_once_and_in_order
    puts_a_letter_back_at_its_old_place
    puts_a_letter_back_while_the_next_event_becomes_due
    lets_a_key_go_on_whose_letter_is_discarded_while_an_event_is_parked_behind_it
    shows_letters_keys_and_groups
    keeps_values_and_names_as_they_are
    forgets_the_events_that_an_operator_names
    says_what_is_missing
}
