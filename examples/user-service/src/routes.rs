//! HTTP in, HTTP out.

use axum::{
    Json, Router,
    extract::{Path, State},
    http::{HeaderMap, StatusCode},
    routing::{get, post},
};
use marty_events::EventContext;
use uuid::Uuid;

use crate::users::{NewUser, User, UserError, Users};

pub(crate) fn routes(users: Users) -> Router {
    Router::new()
        .route("/users", post(create))
        .route("/users/{id}", get(read))
        .route("/health", get(async || "ok"))
        .with_state(users)
}

async fn create(
    State(users): State<Users>,
    headers: HeaderMap,
    Json(new_user): Json<NewUser>,
) -> Result<(StatusCode, Json<User>), (StatusCode, String)> {
    let user = context(&headers).scope(users.sign_up(new_user)).await.map_err(|error| answer(&error))?;
    Ok((StatusCode::CREATED, Json(user)))
}

async fn read(
    State(users): State<Users>,
    headers: HeaderMap,
    Path(id): Path<Uuid>,
) -> Result<Json<User>, (StatusCode, String)> {
    context(&headers).scope(users.read(id)).await.map(Json).map_err(|error| answer(&error))
}

/// The context of every event of a request.
fn context(headers: &HeaderMap) -> EventContext {
    let header = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let mut context = EventContext::new();
    if let Some(id) = header("x-correlation-id") {
        context = context.correlation_id(id);
    }
    // Anybody can send this header: a real service takes the caller from a session or a token that it has verified.
    if let Some(id) = header("x-user-id") {
        context = context.user_id(id);
    }
    if let Some(parent) = header("traceparent") {
        context = context.trace(parent, header("tracestate").map(str::to_owned));
    }
    context
}

fn answer(error: &UserError) -> (StatusCode, String) {
    let status = match error {
        UserError::NotFound => StatusCode::NOT_FOUND,
        UserError::Invalid(_) => StatusCode::UNPROCESSABLE_ENTITY,
        UserError::Database(error) => {
            tracing::error!(%error, "the database failed");
            StatusCode::INTERNAL_SERVER_ERROR
        }
        UserError::Event(error) => {
            tracing::error!(%error, retryable = error.is_retryable(), "the event could not be written");
            StatusCode::INTERNAL_SERVER_ERROR
        }
    };
    let body =
        if status == StatusCode::INTERNAL_SERVER_ERROR { "internal error".to_owned() } else { error.to_string() };
    (status, body)
}
