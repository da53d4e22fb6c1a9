//! The first page of an outbox: its state, its counts, the last hour, its relays, and the consumer groups of its database.

use axum::extract::Query;
use marty_events::outbox::{OutboxStats, RelayStatus};
use maud::{Markup, html};
use serde::Deserialize;

use super::{
    chart::{Chart, Unit},
    condition::Condition,
    failure::{Failure, within},
    groups,
    page::{self, Page},
    text::{duration, grouped, time},
    visit::Visit,
    watch::{InboxLook, Look, Pace},
};

use crate::plain::plain;

const REFRESH: u32 = 5;
/// The number of lanes (docs/decisions.md, "16 lanes").
const LANES: i32 = 16;

#[derive(Deserialize)]
pub(super) struct View {
    /// Present if the page is not to refresh itself.
    still: Option<String>,
}

impl View {
    pub(super) fn refresh(&self) -> Option<u32> {
        self.still.is_none().then_some(REFRESH)
    }

    /// The note at the page's end, with the link to the other kind of page.
    pub(super) fn note(&self, path: &str) -> Markup {
        html! {
            p.note {
                @if self.still.is_some() {
                    "This page does not refresh itself. " a href=(path) { "Refresh every " (REFRESH) " s" }
                } @else {
                    "This page refreshes itself every " (REFRESH) " s. " a href={ (path) "?still" } { "Stop refreshing" }
                }
            }
        }
    }
}

pub(super) async fn show(visit: Visit, Query(view): Query<View>) -> Result<Page, Failure> {
    let look = within(visit.outbox.look()).await?;
    let path = if visit.base().is_empty() { "/" } else { visit.base() };
    let body = html! {
        (Condition::of(&look).banner())
        @if let Some(stats) = look.stats {
            (figures(visit.base(), stats, &look))
            h2 { "The last hour" }
            (lines(&look))
            h2 { "Relays" }
            (relays(&look.relays))
        }
        (consumer_groups(visit.base(), &look.inbox))
        (view.note(path))
    };
    Ok(page::page(&visit, "Overview", view.refresh(), &body))
}

/// Nothing where the database has no inbox.
fn consumer_groups(base: &str, inbox: &InboxLook) -> Markup {
    html! {
        @match inbox {
            InboxLook::Absent => {}
            InboxLook::Groups(groups) if groups.is_empty() => {}
            InboxLook::Groups(groups) => { h2 { "Consumer groups" } (groups::table(base, groups)) }
            InboxLook::Unread(problem) => { h2 { "Consumer groups" } p.note { (problem) } }
        }
    }
}

fn figures(base: &str, stats: OutboxStats, look: &Look) -> Markup {
    html! {
        dl.figures {
            div { dt { "Waiting" } dd #pending { a href={ (base) "/waiting" } { (grouped(stats.pending)) } } }
            div {
                dt { "Oldest has waited" }
                dd #oldest { (stats.oldest_pending_age.map_or_else(|| "–".to_owned(), duration)) }
            }
            div { dt { "Delivered a second" } dd #pace { (pace(look.pace)) } }
            div { dt { "Delivered in all" } dd #published { (grouped(stats.published)) } }
            div.bad[0 < stats.dead] {
                dt { "Dead letters" } dd #dead { a href={ (base) "/dead-letters" } { (grouped(stats.dead)) } }
            }
        }
    }
}

pub(super) fn pace(pace: Option<Pace>) -> Markup {
    html! {
        @match pace {
            Some(pace) => { (format!("{:.1}", pace.per_second)) small { " over " (duration(pace.over)) } }
            None => { "–" small { " from the next refresh on" } }
        }
    }
}

fn lines(look: &Look) -> Markup {
    let lines = &look.lines;
    let chart = |name, points, unit, is_bad| Chart { name, points, span: lines.span, unit, is_bad }.figure();
    html! {
        div.charts {
            (chart("Delivered a second", &lines.delivered, Unit::Number, false))
            (chart("Waiting", &lines.waiting, Unit::Number, false))
            (chart("Age of the oldest", &lines.oldest, Unit::Seconds, false))
            (chart("Dead letters", &lines.dead, Unit::Number, true))
        }
    }
}

fn relays(relays: &[RelayStatus]) -> Markup {
    // A silent relay has nothing to do any more, so it stands last.
    let (alive, silent): (Vec<_>, Vec<_>) = relays.iter().partition(|relay| relay.is_alive);
    html! {
        @if relays.is_empty() {
            p { "No relay has reported within the last hour." }
        } @else {
            div.wide tabindex="0" role="region" aria-label="Relays" {
                table {
                    thead { tr {
                        th scope="col" { "Relay" } th scope="col" { "State" }
                        th scope="col" { "Lanes of 16" } th scope="col" { "Since" }
                    } }
                    tbody { @for relay in alive.into_iter().chain(silent) { tr {
                        th scope="row" data-label="Relay" { (name(relay)) code { (relay.relay) } }
                        td data-label="State" { span.state.waiting[!relay.is_alive] { (state(relay)) } }
                        td data-label="Lanes" { (lane_bar(&relay.lanes)) span.lanes { (lanes(&relay.lanes)) } }
                        td data-label="Since" { (time(relay.started_at)) }
                    } } }
                }
            }
        }
    }
}

/// Host, process, service and version, as far as the relay wrote them down.
fn name(relay: &RelayStatus) -> Markup {
    let process = relay.process_id.map(|id| format!("process {id}"));
    let version = relay.version.as_ref().map(|version| format!("version {}", plain(version)));
    let rest: Vec<String> = [relay.service.as_deref().map(plain), process, version].into_iter().flatten().collect();
    html! {
        @if let Some(host) = &relay.host { strong { bdi { (plain(host)) } } br; }
        @if !rest.is_empty() { small { bdi { (rest.join(", ")) } } br; }
    }
}

pub(super) fn state(relay: &RelayStatus) -> &'static str {
    match (relay.is_alive, relay.lanes.is_empty()) {
        (true, false) => "working",
        (true, true) => "standing by",
        (false, _) => "silent",
    }
}

/// The 16 lanes as a bar. The text beside it says the same.
fn lane_bar(own: &[i32]) -> Markup {
    html! {
        span.lane-bar aria-hidden="true" { @for lane in 1..=LANES { i.own[own.contains(&lane)] {} } }
    }
}

/// Lanes with neighbours joined: `1–8, 11`.
fn lanes(lanes: &[i32]) -> String {
    let runs = lanes.chunk_by(|lane, next| lane + 1 == *next);
    let texts = runs.filter_map(|run| match run {
        [] => None,
        [lane] => Some(lane.to_string()),
        [first, .., last] => Some(format!("{first}–{last}")),
    });
    let text = texts.collect::<Vec<_>>().join(", ");
    if text.is_empty() { "–".to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::lanes;

    #[test]
    fn neighbouring_lanes_are_joined() {
        assert_eq!(lanes(&[]), "–");
        assert_eq!(lanes(&[3]), "3");
        assert_eq!(lanes(&[1, 2, 3, 5, 7, 8]), "1–3, 5, 7–8");
    }
}
