//! The rules and panels of consumer groups before a fleet: the ten services of `fleet.rs` have a group each, with two processes.

use super::fleet::{Case, Fleet, JOB, SERVICES, alert, is_missing, play, turns};

const HANDLER: &str = "handler=\"on_event\"";
const PARTITION: &str = "topic=\"marty.events\",partition=\"0\"";

/// A fleet whose groups handle their events as they come.
fn consuming(minutes: u32) -> Fleet {
    let mut fleet = Fleet::healthy(minutes);
    for service in SERVICES {
        for process in ["1", "2"] {
            for (metric, labels, begin, slope) in [
                ("handled_total", HANDLER, 0, 600),
                ("handler_failures_total", HANDLER, 0, 0),
                ("handler_retries_total", "", 0, 0),
                ("handler_dead_letters_total", "", 0, 0),
                ("duplicates_total", "", 0, 0),
                ("parked_total", "", 0, 0),
                ("inbox_parked", "", 0, 0),
                ("inbox_oldest_parked_age_seconds", "", 0, 0),
                ("inbox_dead_letters", "", 0, 0),
                ("consumer_lag", PARTITION, 3, 0),
            ] {
                set(&mut fleet, metric, service, process, labels, &format!("{begin}+{slope}x{minutes}"));
            }
        }
    }
    fleet
}

/// Gives a series of a group's process other values.
fn set(fleet: &mut Fleet, metric: &str, group: &str, process: &str, labels: &str, values: &str) {
    let comma = if labels.is_empty() { "" } else { "," };
    fleet.put(metric, group, process, &format!("group=\"{group}\"{comma}{labels}"), values);
}

/// The same for both processes.
fn set_both(fleet: &mut Fleet, metric: &str, group: &str, labels: &str, values: &str) {
    for process in ["1", "2"] {
        set(fleet, metric, group, process, labels, values);
    }
}

fn of_group(name: &str, severity: &str, group: &str) -> String {
    alert(name, severity, &format!("group=\"{group}\""))
}

fn labels(group: &str) -> String {
    format!("{{job=\"{JOB}\",group=\"{group}\"}}")
}

fn cases() -> Vec<Case> {
    let mut cases = vec![Case { fleet: consuming(60), firing: vec![], panel: None }];
    let mut add = |minutes, change: &dyn Fn(&mut Fleet), firing: Vec<String>, panel| {
        let mut fleet = consuming(minutes);
        change(&mut fleet);
        cases.push(Case { fleet, firing, panel });
    };
    // One process of two ends, and the other one has the partitions; then both end.
    let ends = |fleet: &mut Fleet, process: &str| {
        for metric in ["parked_total", "inbox_parked", "inbox_oldest_parked_age_seconds", "inbox_dead_letters"] {
            set(fleet, metric, "mail", process, "", "0+0x10 stale");
        }
        set(fleet, "consumer_lag", "mail", process, PARTITION, "3+0x10 stale");
        set(fleet, "handled_total", "mail", process, HANDLER, "0+600x10 stale");
    };
    add(60, &|fleet| ends(fleet, "1"), vec![], None);
    let both_end = |fleet: &mut Fleet| ["1", "2"].into_iter().for_each(|process| ends(fleet, process));
    add(60, &both_end, vec![of_group("MartyEventsGroupIsGone", "critical", "mail")], None);

    // Both processes stand still while records wait; then a group that passes over all of them, one that drops them as duplicates, and one
    // without a record.
    let stands = |fleet: &mut Fleet| set_both(fleet, "handled_total", "orders", HANDLER, "0+600x10 6000+0x50");
    let stuck = vec![of_group("MartyEventsGroupHandlesNothing", "critical", "orders")];
    add(60, &stands, stuck, None);
    let passes_over = |fleet: &mut Fleet| {
        stands(fleet);
        set_both(fleet, "consumer_lag", "orders", PARTITION, &"5 9 2 ".repeat(21));
    };
    add(60, &passes_over, vec![], None);
    let drops = |fleet: &mut Fleet| {
        stands(fleet);
        set(fleet, "duplicates_total", "orders", "2", "", "0+60x60");
    };
    add(60, &drops, vec![], None);
    let idles = |fleet: &mut Fleet| {
        stands(fleet);
        set_both(fleet, "consumer_lag", "orders", PARTITION, "3+0x9 0+0x51");
    };
    add(60, &idles, vec![], None);

    // A lag grows although events are handled; then one that is large and falls.
    let grows = |fleet: &mut Fleet| set(fleet, "consumer_lag", "billing", "1", PARTITION, "0+100x60");
    let topic = "group=\"billing\",topic=\"marty.events\"";
    let slow = vec![alert("MartyEventsGroupLagGrows", "warning", topic)];
    add(60, &grows, slow, Some(("Largest lag of a group", labels("billing"), 6_003.0)));
    let catches_up = |fleet: &mut Fleet| set(fleet, "consumer_lag", "billing", "1", PARTITION, "9000-100x60");
    add(60, &catches_up, vec![], None);

    // Each process counts the whole inbox of its group. A key that is tried again soon is no reason to call somebody.
    let parks = |seconds| {
        move |fleet: &mut Fleet| {
            set_both(fleet, "inbox_parked", "stock", "", &turns(0, 4, 60));
            set_both(fleet, "inbox_oldest_parked_age_seconds", "stock", "", &turns(0, seconds, 60));
        }
    };
    let parked = vec![of_group("MartyEventsKeyIsParked", "warning", "stock")];
    add(60, &parks(700), parked, Some(("Oldest parked event", labels("stock"), 700.0)));
    add(60, &parks(300), vec![], None);

    // One call of seven fails, and then one of thirteen.
    let fails = |each: u32| {
        move |fleet: &mut Fleet| {
            set_both(fleet, "handler_failures_total", "ledger", HANDLER, &format!("0+{each}x60"));
        }
    };
    let handler = format!("group=\"ledger\",{HANDLER}");
    let failing = vec![alert("MartyEventsHandlerFails", "warning", &handler)];
    let shown = format!("{{job=\"{JOB}\",{handler}}}");
    add(60, &fails(100), failing, Some(("Failed calls, 1 h", shown, 12_000.0)));
    add(60, &fails(50), vec![], None);

    // Parked events are tried again and again, and nothing comes besides; then the same beside events that are handled.
    let retries = |fleet: &mut Fleet| set(fleet, "handler_retries_total", "users", "1", "", "0+2x60");
    let in_vain = |fleet: &mut Fleet| {
        retries(fleet);
        set_both(fleet, "handled_total", "users", HANDLER, "0+0x60");
        set_both(fleet, "consumer_lag", "users", PARTITION, "0+0x60");
    };
    add(60, &in_vain, vec![of_group("MartyEventsGroupRetries", "warning", "users")], None);
    add(60, &retries, vec![], None);

    let gives_up = |fleet: &mut Fleet| {
        set(fleet, "handler_dead_letters_total", "accounts", "2", "", &turns(0, 1, 10));
        set_both(fleet, "inbox_dead_letters", "accounts", "", &turns(0, 1, 10));
    };
    let alert = vec![of_group("MartyEventsGroupGivesUp", "critical", "accounts")];
    add(20, &gives_up, alert, Some(("Dead letters of a group", labels("accounts"), 1.0)));
    let lie = |fleet: &mut Fleet| set_both(fleet, "inbox_dead_letters", "shipping", "", &turns(0, 3, 1_500));
    add(1_500, &lie, vec![of_group("MartyEventsGroupDeadLettersLie", "warning", "shipping")], None);
    cases
}

#[test]
fn an_alert_names_the_one_group_of_ten_that_suffers() {
    if !is_missing("an_alert_names_the_one_group_of_ten_that_suffers") {
        play(&cases());
    }
}
