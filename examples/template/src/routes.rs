//! HTTP in, HTTP out.

use axum::{
    Json, Router,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use marty_events::tower::EventContextLayer;
use serde::{Deserialize, Serialize};
use sqlx::PgPool;
use uuid::Uuid;

use crate::users::{self, AppError};

/// The service's routes. Each request has a context, which its events carry.
pub fn routes(pool: PgPool) -> Router {
    Router::new()
        .route("/users", post(create))
        .route("/health", get(async || "ok"))
        .layer(EventContextLayer::new())
        .with_state(pool)
}

#[derive(Deserialize)]
struct NewUser {
    email: String,
}

#[derive(Serialize)]
struct User {
    id: Uuid,
}

async fn create(State(pool): State<PgPool>, Json(user): Json<NewUser>) -> Result<(StatusCode, Json<User>), AppError> {
    let id = users::sign_up(&pool, &user.email).await?;
    Ok((StatusCode::CREATED, Json(User { id })))
}

impl IntoResponse for AppError {
    fn into_response(self) -> Response {
        if let Self::Invalid(_) = self {
            return (StatusCode::UNPROCESSABLE_ENTITY, self.to_string()).into_response();
        }
        // The client hears nothing of the database.
        tracing::error!(error = %self, "the request failed");
        StatusCode::INTERNAL_SERVER_ERROR.into_response()
    }
}
