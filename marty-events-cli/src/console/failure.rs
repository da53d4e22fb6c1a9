//! Pages for a database that does not answer.

use std::{future::Future, time::Duration};

use axum::{
    http::{StatusCode, header::RETRY_AFTER},
    response::{IntoResponse, Response},
};
use marty_events::EventError;

use super::page;

/// The limit of a request to the database. The pool would wait for 30 s, and a locked table for ever.
const LIMIT: Duration = Duration::from_secs(5);
const RETRY: u32 = 5;

pub(super) enum Failure {
    /// The database did not answer within this time.
    Silent(Duration),
    Outbox(EventError),
}

/// Waits for the database, up to the limit. Boxed, since a request to any of three databases is a large future.
pub(super) fn within<T>(
    asked: impl Future<Output = Result<T, EventError>>,
) -> impl Future<Output = Result<T, Failure>> {
    within_time(LIMIT, Box::pin(asked))
}

pub(super) async fn within_time<T>(
    limit: Duration,
    asked: impl Future<Output = Result<T, EventError>>,
) -> Result<T, Failure> {
    match tokio::time::timeout(limit, asked).await {
        Ok(answer) => answer.map_err(Failure::Outbox),
        Err(_) => Err(Failure::Silent(limit)),
    }
}

impl Failure {
    /// A text for people. The database's own message may name hosts and users, so it stays in the log.
    pub(super) fn says(&self) -> String {
        match self {
            Self::Silent(time) => format!("The database has not answered for {} s.", time.as_secs()),
            Self::Outbox(error) => format!("The database gave no answer: {error}."),
        }
    }

    pub(super) fn log(&self) {
        match self {
            Self::Silent(_) => tracing::warn!("the outbox database is silent"),
            Self::Outbox(error) => tracing::warn!(?error, "the outbox database gave no answer"),
        }
    }
}

/// A page that tries again by itself.
impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        self.log();
        let page = page::waiting("The outbox is out of reach", &self.says(), RETRY);
        (StatusCode::SERVICE_UNAVAILABLE, [(RETRY_AFTER, RETRY.to_string())], page).into_response()
    }
}
