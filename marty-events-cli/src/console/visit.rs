//! A request for a page about one outbox.

use std::sync::Arc;

use axum::{
    Extension,
    extract::FromRequestParts,
    http::{StatusCode, request::Parts},
};
use marty_events::OutboxRepository;

use super::{outbox::ShownOutbox, sessions::Session, state::Console};

/// It comes from a person who may see the outbox.
pub(super) struct Visit {
    pub(super) console: Arc<Console>,
    pub(super) session: Session,
    pub(super) outbox: Arc<ShownOutbox>,
}

impl Visit {
    pub(super) fn repository(&self) -> &OutboxRepository {
        &self.outbox.repository
    }

    pub(super) fn base(&self) -> &str {
        &self.outbox.base
    }
}

impl FromRequestParts<Arc<Console>> for Visit {
    type Rejection = StatusCode;

    async fn from_request_parts(parts: &mut Parts, console: &Arc<Console>) -> Result<Self, StatusCode> {
        let Ok(Extension(session)) = Extension::<Session>::from_request_parts(parts, console).await else {
            return Err(StatusCode::INTERNAL_SERVER_ERROR);
        };
        let Ok(Extension(outbox)) = Extension::<Arc<ShownOutbox>>::from_request_parts(parts, console).await else {
            return Err(StatusCode::INTERNAL_SERVER_ERROR);
        };
        Ok(Self { console: console.clone(), session, outbox })
    }
}
