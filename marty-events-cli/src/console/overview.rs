//! The first page: pending events, the pace of deliveries, the relays.

use std::sync::Arc;

use axum::{
    Extension,
    extract::{Query, State},
};
use marty_events::outbox::RelayStatus;
use maud::{Markup, html};
use serde::Deserialize;

use super::{
    failure::{Failure, within},
    page::{self, Page},
    sessions::Session,
    state::Console,
    watch::{Look, Pace},
};

const REFRESH: u32 = 5;

#[derive(Deserialize)]
pub(super) struct View {
    /// Present if the page is not to refresh itself.
    still: Option<String>,
}

pub(super) async fn show(
    State(console): State<Arc<Console>>,
    Extension(session): Extension<Session>,
    Query(view): Query<View>,
) -> Result<Page, Failure> {
    let look = within(console.watch.look(&console.repository)).await?;
    let is_still = view.still.is_some();
    let body = html! {
        (figures(&look))
        h2 { "Relays" }
        (relays(&look.relays))
        p.note {
            @if is_still {
                "This page does not refresh itself. " a href="/" { "Refresh every " (REFRESH) " s" }
            } @else {
                "This page refreshes itself every " (REFRESH) " s. " a href="/?still" { "Stop refreshing" }
            }
        }
    };
    Ok(page::page(&console, &session, "Overview", (!is_still).then_some(REFRESH), &body))
}

fn figures(look: &Look) -> Markup {
    let stats = look.stats;
    html! {
        dl.figures {
            div { dt { "Waiting" } dd #pending { (stats.pending) } }
            div {
                dt { "Oldest has waited" }
                dd #oldest { (stats.oldest_pending_age.map_or_else(|| "–".to_owned(), page::duration)) }
            }
            div { dt { "Delivered a second" } dd #pace { (pace(look.pace)) } }
            div { dt { "Delivered in all" } dd #published { (stats.published) } }
            div { dt { "Dead letters" } dd #dead { a href="/dead-letters" { (stats.dead) } } }
        }
    }
}

fn pace(pace: Option<Pace>) -> Markup {
    html! {
        @match pace {
            Some(pace) => { (format!("{:.1}", pace.per_second)) small { " over " (page::duration(pace.over)) } }
            None => { "–" small { " from the next refresh on" } }
        }
    }
}

fn relays(relays: &[RelayStatus]) -> Markup {
    let is_carried = relays.iter().any(|relay| relay.is_alive && !relay.lanes.is_empty());
    html! {
        @if !is_carried { p.warning role="status" { "No relay is working: events wait." } }
        @if !relays.is_empty() {
            div.wide tabindex="0" role="region" aria-label="Relays" {
                table {
                    thead { tr {
                        th scope="col" { "Relay" } th scope="col" { "State" }
                        th scope="col" { "Lanes of 16" } th scope="col" { "Since" }
                    } }
                    tbody { @for relay in relays { tr {
                        th scope="row" { code { (relay.relay) } }
                        td { (state(relay)) }
                        td { (lanes(&relay.lanes)) }
                        td { (page::time(relay.started_at)) }
                    } } }
                }
            }
        }
    }
}

fn state(relay: &RelayStatus) -> &'static str {
    match (relay.is_alive, relay.lanes.is_empty()) {
        (true, false) => "working",
        (true, true) => "standing by",
        (false, _) => "silent",
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
