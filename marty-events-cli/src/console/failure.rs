//! Answers when the database has none.

use std::{future::Future, time::Duration};

use axum::{
    http::{StatusCode, header::RETRY_AFTER},
    response::{IntoResponse, Response},
};
use marty_events::EventError;

use super::page;

/// The pool would wait for a connection for 30 s, and a locked table for ever.
const LIMIT: Duration = Duration::from_secs(5);
const RETRY: u32 = 5;

pub(super) enum Failure {
    /// The database has not answered in time.
    Silent,
    Outbox(EventError),
}

/// Waits for the database, for a while.
pub(super) async fn within<T>(asked: impl Future<Output = Result<T, EventError>>) -> Result<T, Failure> {
    match tokio::time::timeout(LIMIT, asked).await {
        Ok(answer) => answer.map_err(Failure::Outbox),
        Err(_) => Err(Failure::Silent),
    }
}

impl Failure {
    /// For people. What the database itself said stays in the log: it may name hosts and users.
    pub(super) fn says(&self) -> String {
        match self {
            Self::Silent => format!("The database has not answered for {} s.", LIMIT.as_secs()),
            Self::Outbox(error) => format!("The database gave no answer: {error}."),
        }
    }

    pub(super) fn log(&self) {
        match self {
            Self::Silent => tracing::warn!("the outbox database is silent"),
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
