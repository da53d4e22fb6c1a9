//! Dead letters alike: the groups with the same reason, topic and type, each with a step for the whole of it.

use marty_events::outbox::DeadLetterGroup;
use maud::{Markup, html};

use super::{
    selection::{Filter, Selection},
    text::{address, grouped, time},
};
use crate::plain::plain;

/// Groups on the first page of dead letters.
pub(super) const MOST: u32 = 50;

pub(super) fn table(path: &str, filter: &Filter, groups: &[DeadLetterGroup], is_changeable: bool) -> Markup {
    html! {
        h2 { "By reason, topic and type" }
        @if groups.len() == MOST as usize { p.note { "Only the " (MOST) " largest groups are shown." } }
        div.wide tabindex="0" role="region" aria-label="Groups of dead letters" {
            table {
                thead { tr {
                    th scope="col" { "Reason" } th scope="col" { "Topic and type" } th.number scope="col" { "Letters" }
                    th scope="col" { "Given up last" }
                    @if is_changeable { th scope="col" { "All of the group" } }
                } }
                tbody { @for group in groups {
                    @let own = filter_of(group);
                    tr {
                        th.reason scope="row" data-label="Reason" {
                            @if own == *filter { bdi { (plain(&group.reason)) } }
                            @else { a href=(address(path, own.pairs())) { bdi { (plain(&group.reason)) } } }
                        }
                        td.topic data-label="Topic and type" { code { (plain(&group.topic)) } br; bdi { (plain(&group.event_type)) } }
                        td.number data-label="Letters" {
                            (grouped(group.letters))
                            @if 0 < group.redacted { br; small { (grouped(group.redacted)) " emptied" } }
                        }
                        td data-label="Given up last" { (time(group.last_died_at)) }
                        @if is_changeable { td data-label="All of the group" { (actions(path, group, own)) } }
                    }
                } }
            }
        }
    }
}

/// The changes of a whole group. An empty text selects everything in a filter, so a group that has one is changed by its letters.
fn actions(path: &str, group: &DeadLetterGroup, own: Filter) -> Markup {
    if own.pairs().count() < 3 {
        return html! { "select its letters below" };
    }
    let whole = Selection::Matching(own);
    let requeueable = group.letters - group.redacted;
    html! {
        @if 0 < requeueable {
            a href=(whole.address(path, "requeue")) { "Requeue " (grouped(requeueable)) " …" }
            br;
        }
        a.danger href=(whole.address(path, "discard")) { "Discard " (grouped(group.letters)) " …" }
    }
}

fn filter_of(group: &DeadLetterGroup) -> Filter {
    Filter { topic: group.topic.clone(), event_type: group.event_type.clone(), reason: group.reason.clone() }
}
