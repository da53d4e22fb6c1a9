//! The first page of a console with several outboxes: the state of each, the worst first.

use std::{cmp::Reverse, sync::Arc, time::Duration};

use axum::{
    Extension,
    extract::{Query, State as Shared},
};
use maud::{Markup, html};
use tokio::task::JoinSet;

use super::{
    condition::{Condition, State},
    failure::{Failure, within_time},
    outbox::ShownOutbox,
    overview::{View, pace},
    page::{self, Page},
    sessions::Session,
    state::Console,
    text::{duration, grouped},
    watch::Look,
};

/// The limit of a look at one outbox. The page waits for all of them.
const LIMIT: Duration = Duration::from_secs(2);

pub(super) async fn show(
    Shared(console): Shared<Arc<Console>>,
    Extension(session): Extension<Session>,
    Query(view): Query<View>,
) -> Page {
    let mut looks = JoinSet::new();
    for (index, outbox) in console.outboxes.iter().cloned().enumerate() {
        looks.spawn(async move { (index, within_time(LIMIT, outbox.look()).await) });
    }
    let mut seen: Vec<Seen> = looks.join_all().await.into_iter().map(|(index, look)| Seen::of(index, look)).collect();
    seen.sort_by_key(|seen| (Reverse(seen.condition.state), seen.index));
    let rows = seen.iter().filter_map(|seen| Some((console.outboxes.get(seen.index)?, seen)));
    let body = html! {
        (summary(&seen))
        div.wide tabindex="0" role="region" aria-label="Outboxes" {
            table {
                thead { tr {
                    th scope="col" { "Outbox" } th scope="col" { "State" } th.number scope="col" { "Waiting" }
                    th scope="col" { "Oldest has waited" } th scope="col" { "Delivered a second" }
                    th.number scope="col" { "Dead letters" }
                } }
                tbody { @for (outbox, seen) in rows { (row(outbox, seen)) } }
            }
        }
        (view.note("/"))
    };
    page::fleet(&console, &session, "Outboxes", view.refresh(), &body)
}

/// An outbox by the last look. One that is out of reach does not hide the others.
struct Seen {
    index: usize,
    condition: Condition,
    look: Option<Look>,
}

impl Seen {
    fn of(index: usize, look: Result<Look, Failure>) -> Self {
        match look {
            Ok(look) => Self { index, condition: Condition::of(&look), look: Some(look) },
            Err(failure) => {
                failure.log();
                let condition = Condition { state: State::Failing, reasons: vec![failure.says()] };
                Self { index, condition, look: None }
            }
        }
    }
}

fn summary(seen: &[Seen]) -> Markup {
    let number = |state| seen.iter().filter(|seen| seen.condition.state == state).count();
    html! {
        dl.figures {
            @for (state, class) in [(State::Failing, "bad"), (State::Waiting, ""), (State::Fine, "")] {
                div class=[(0 < number(state) && !class.is_empty()).then_some(class)] {
                    dt { (state.word()) } dd { (number(state)) }
                }
            }
        }
    }
}

fn row(outbox: &ShownOutbox, seen: &Seen) -> Markup {
    html! {
        tr {
            th scope="row" data-label="Outbox" {
                a href=(outbox.base) { (outbox.name) }
                br; small { (outbox.place) " " code { (outbox.table) } }
            }
            td data-label="State" {
                (seen.condition.state.badge())
                @if seen.condition.state != State::Fine { @for reason in &seen.condition.reasons { br; small { (reason) } } }
            }
            @match &seen.look {
                Some(Look { stats: None, .. }) => {
                    td.number data-label="Waiting" { "–" } td data-label="Oldest has waited" { "–" }
                    td data-label="Delivered a second" { "–" } td.number data-label="Dead letters" { "–" }
                }
                Some(look @ Look { stats: Some(stats), .. }) => {
                    td.number data-label="Waiting" { (grouped(stats.pending)) }
                    td data-label="Oldest has waited" { (stats.oldest_pending_age.map_or_else(|| "–".to_owned(), duration)) }
                    td data-label="Delivered a second" { (pace(look.pace)) }
                    td.number data-label="Dead letters" {
                        a href={ (outbox.base) "/dead-letters" } { (grouped(stats.dead)) }
                    }
                }
                None => { td.number data-label="Waiting" { "?" } td { "?" } td { "?" } td.number data-label="Dead letters" { "?" } }
            }
        }
    }
}
